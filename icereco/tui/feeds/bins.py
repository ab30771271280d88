"""A curve of any length in the columns of a chart: nothing of it is sampled away."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

__all__ = ["Bins", "bin_curve", "edges_of", "smoothed"]


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


def edges_of(first: float, last: float, columns: int, *, log: bool = False) -> Float[ndarray, "edge"]:
    """Bounds of columns of equal width on an axis; the last one takes in the end."""
    edges = np.geomspace(first, last, columns + 1) if log else np.linspace(first, last, columns + 1)
    edges[-1] = np.nextafter(last, np.inf)
    return edges


def bin_curve(x: Float[ndarray, "value"], y: Float[ndarray, "value"], edges: Float[ndarray, "edge"]) -> Bins:
    """Values in the columns between `edges`; `x` must not fall. NaN and infinities are left out."""
    columns = len(edges) - 1
    cuts = np.searchsorted(x, edges)
    begin, end = int(cuts[0]), int(cuts[-1])
    cuts, y = cuts - begin, y[begin:end]
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
