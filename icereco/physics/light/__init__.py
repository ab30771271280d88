"""The light model: expected photo-electrons and their arrival times at every module."""

__all__ = ["LIGHT_MODEL_VERSION"]

LIGHT_MODEL_VERSION = 3
"""Version of the light model, incremented when the light of equal sources changes; recorded in simulated files.

1: nearest cells of tables, in NumPy. 2: interpolation, tracks with soft ends, in torch. 3: scattered light
as photons propagated one by one have it.
"""
