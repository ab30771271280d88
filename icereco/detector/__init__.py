"""Detectors: sensors and medium, read from cards."""
