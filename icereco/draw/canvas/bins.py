"""A curve of any length in the columns of a chart: every value counts, none is skipped."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

__all__ = ["Bins", "Points", "bin_curve", "edges_of", "smoothed"]


@dataclass(frozen=True, slots=True)
class Bins:
    """For each column the least, the greatest and the mean of its values, NaN where it has none.

    Attributes:
        count: finite values in each column.
    """

    low: Float[ndarray, "column"]
    high: Float[ndarray, "column"]
    mean: Float[ndarray, "column"]
    count: Int[ndarray, "column"]


@dataclass(frozen=True, slots=True)
class Points:
    """A curve as it is kept: nothing is copied to draw it, however long it is.

    Attributes:
        position: the position of each row of the metrics on an axis; never falls.
        row: the row of each value; never falls.
        value: the values.
        zero, scale: what is shown is (position − zero) / scale.
    """

    position: Float[ndarray, "row"]
    row: Int[ndarray, "value"]
    value: Float[ndarray, "value"]
    zero: float = 0.0
    scale: float = 1.0

    def __len__(self) -> int:
        return len(self.value)

    @property
    def x(self) -> Float[ndarray, "value"]:
        """The position of each value on the axis, as it is shown."""
        shown: ndarray = (self.position[self.row] - self.zero) / self.scale
        return shown

    def place(self, index: int) -> float:
        """The position of one value on the axis, as it is shown; cheaper than `x` where there are many."""
        return (float(self.position[self.row[index]]) - self.zero) / self.scale

    def cuts(self, edges: Float[ndarray, "edge"]) -> Int[ndarray, "edge"]:
        """The index of the first value at or after each edge; for the last edge, of the first value beyond it."""
        places = edges * self.scale + self.zero
        places[-1] += 4 * np.spacing(np.abs(places[-1]))  # more than the rounding error of the sum
        first_row = np.searchsorted(self.position, places)
        cuts: ndarray = np.searchsorted(self.row, first_row)
        return cuts


def edges_of(first: float, last: float, columns: int, *, log: bool = False) -> Float[ndarray, "edge"]:
    """Edges of columns of equal width on an axis; the last column includes its upper edge."""
    edges: ndarray = (np.geomspace if log else np.linspace)(first, last, columns + 1)
    return edges


def bin_curve(points: Points, edges: Float[ndarray, "edge"]) -> Bins:
    """Values in the columns between `edges`. NaN and infinities are left out."""
    columns = len(edges) - 1
    cuts = points.cuts(edges)
    begin, end = int(cuts[0]), int(cuts[-1])
    cuts, y = cuts - begin, points.value[begin:end]
    if not np.isfinite(y).all():
        kept = np.isfinite(y)
        cuts, y = np.concatenate([[0], np.cumsum(kept)])[cuts], y[kept]
    count = np.diff(cuts)
    filled = np.flatnonzero(count)
    low, high, mean = np.full((3, columns), np.nan)
    if len(filled):
        starts = cuts[:-1][filled]
        low[filled] = np.minimum.reduceat(y, starts)
        high[filled] = np.maximum.reduceat(y, starts)
        mean[filled] = np.add.reduceat(y, starts) / count[filled]
    return Bins(low, high, mean, count)


def smoothed(bins: Bins, weight: float) -> Float[ndarray, "column"]:
    """The exponential moving average of the means; a column of n values counts as n steps.

    Args:
        bins: of a curve.
        weight: of the past, for one value: 0 = as it is, near 1 = smooth. The average begins without bias
            (Kingma and Ba 2015, section 3).
    """
    average, past = 0.0, 0.0
    result = np.full(len(bins.mean), np.nan)
    for column in np.flatnonzero(bins.count):
        keep = weight ** float(bins.count[column])
        average = keep * average + (1 - keep) * bins.mean[column]
        past = keep * past + (1 - keep)
        result[column] = average / past
    return result
