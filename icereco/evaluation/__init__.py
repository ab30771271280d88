"""The quality of reconstructions: angular errors, calibration of posteriors, comparisons."""
