"""Screens: what one sees at a time."""
