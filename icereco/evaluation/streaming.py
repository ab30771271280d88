"""Angular errors of any number of events in a fixed amount of memory."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray

__all__ = ["RunningError", "RunningResolution"]

_BINS_PER_DEGREE = 1000


class RunningError(NamedTuple):
    """Mean and median (to 0.001°) of the angular error so far, degrees."""

    events: int
    mean_deg: float
    median_deg: float


class RunningResolution:
    """Collects angular errors in a histogram of 0.001° bins."""

    def __init__(self) -> None:
        self._counts = np.zeros(180 * _BINS_PER_DEGREE + 1, dtype=np.int64)
        self._sum_deg = 0.0

    def add(self, error_rad: Float[ndarray, "event"]) -> None:
        """Add events; NaN (no direction, or no truth) is left out."""
        degrees = np.degrees(error_rad[~np.isnan(error_rad)])
        bins = (degrees * _BINS_PER_DEGREE).astype(np.int64)
        self._counts += np.bincount(bins, minlength=len(self._counts))
        self._sum_deg += float(degrees.sum())

    def result(self) -> RunningError | None:
        """Return the figures so far; None before the first event."""
        total = int(self._counts.sum())
        if not total:
            return None
        arrived = np.cumsum(self._counts)
        # Mean of the two middle errors of an even number: between tracks and cascades they can be half a degree apart.
        middle = np.mean([np.searchsorted(arrived, total / 2, side) for side in ("left", "right")])
        return RunningError(total, self._sum_deg / total, (float(middle) + 0.5) / _BINS_PER_DEGREE)
