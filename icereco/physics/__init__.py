"""Formulas that several parts use: the sphere, densities on it, the light in the ice."""
