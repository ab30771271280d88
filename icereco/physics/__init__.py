"""Formulas shared by several parts: the sphere, densities on it, the light in the ice."""
