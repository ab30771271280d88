"""The screen of data sets and detectors."""
