"""Weights of other programs' models, as far as their layers correspond to ours."""
