"""The light model: expected photo-electrons and their arrival times at every module."""

__all__ = ["LIGHT_MODEL_VERSION"]

LIGHT_MODEL_VERSION = 2
"""Raised when the light of equal sources changes; files of simulated events say which they were made with.

1: nearest cells of tables, in NumPy. 2: interpolation, tracks with soft ends, in torch.
"""
