"""Modules as a geometry file lists them, before they are a detector."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

__all__ = ["Modules", "by_string_and_height"]


class Modules(NamedTuple):
    """Modules of a geometry file, in the order of the detector's sensor ids.

    Attributes:
        string: int64 `[S]`; om: int64 `[S]`, its number on the string.
        position_m: float64 `[S, 3]`, in the coordinates of the file.
        dom_id: int64 `[S]`, number of each module in KM3NeT's files; None if the file has no such numbers.
        quantum_efficiency: float64 `[S]`, relative to a standard module; None if the file does not say.
        alive: bool `[S]`; None if the file does not say.
    """

    string: Int[ndarray, "sensor"]
    om: Int[ndarray, "sensor"]
    position_m: Float[ndarray, "sensor 3"]
    dom_id: Int[ndarray, "sensor"] | None = None
    quantum_efficiency: Float[ndarray, "sensor"] | None = None
    alive: Bool[ndarray, "sensor"] | None = None


def by_string_and_height(
    dom_id: Sequence[int], string: Sequence[int], position_m: Sequence[Float[ndarray, "3"]]
) -> Modules:
    """Modules in the order of their strings and heights, numbered on each string from 1 at the bottom."""
    places, strings = np.stack(position_m), np.array(string)
    order = np.lexsort((places[:, 2], strings))
    strings = strings[order]
    starts = np.searchsorted(strings, strings)  # where the string of each module begins
    return Modules(strings, np.arange(len(order)) - starts + 1, places[order], np.array(dom_id)[order])
