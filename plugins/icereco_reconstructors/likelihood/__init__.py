"""Likelihood fits: where they start, how they climb, and what their maxima say."""
