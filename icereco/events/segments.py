"""Rows of ragged NumPy arrays; `icereco.nn.segments` has the same for tensors."""

import numpy as np
from jaxtyping import Int
from numpy import ndarray

__all__ = ["segment_of"]


def segment_of(offsets: Int[ndarray, "segment_plus_1"]) -> Int[ndarray, "row"]:
    """Return the index of each row's segment, int64; segment `i` holds the rows `offsets[i]:offsets[i+1]`."""
    return np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
