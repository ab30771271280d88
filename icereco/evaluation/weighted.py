"""Figures of events that count differently: quantiles, means and fractions with weights, and how many equal events they are worth.

A weight of None means that all events count alike.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

__all__ = ["effective_events", "mean", "quantiles", "weights_of"]


def weights_of(
    weight: Float[ndarray, "event"] | None, chosen: Bool[ndarray, "event"] | Int[ndarray, "*rows"]
) -> Float[ndarray, "..."] | None:
    """Return the weights of some events."""
    return None if weight is None else weight[chosen]


def effective_events(weight: Float[ndarray, "event"] | None, events: int) -> float:
    """Return how many events of equal weights have as small a statistical error: (Σw)² / Σw² (Kish, Survey Sampling (1965), section 8.2).

    >>> effective_events(np.array([1.0, 1.0, 0.0]), 3)
    2.0
    """
    if weight is None:
        return float(events)
    largest = weight.max(initial=0.0)
    if not largest > 0:
        return 0.0
    scaled = weight / largest  # squares of tiny or huge weights would not be numbers
    return float(scaled.sum() ** 2 / np.square(scaled).sum())


def quantiles(
    values: Float[ndarray, "*rows event"],
    parts: Sequence[float] | Float[ndarray, "part"],
    weight: Float[ndarray, "*rows event"] | None = None,
) -> Float[ndarray, "part *rows"]:
    """Return quantiles over the last axis; NaN where all weights are zero.

    Sorted values stand at the middles of their weights, the first at 0 and the last at 1, and are interpolated between, so
    that equal weights give NumPy's quantiles; events of weight zero have no part.
    """
    if weight is None:
        return np.asarray(np.quantile(values, parts, axis=-1))
    rows = zip(values.reshape(-1, values.shape[-1]), weight.reshape(-1, values.shape[-1]), strict=True)
    found = np.stack([_quantiles(row, np.asarray(parts), one) for row, one in rows], axis=-1)
    return np.asarray(found.reshape(len(found), *values.shape[:-1]))


def _quantiles(
    values: Float[ndarray, "event"], parts: Float[ndarray, "part"], weight: Float[ndarray, "event"]
) -> Float[ndarray, "part"]:
    counted = weight > 0
    if not counted.any():
        return np.full(len(parts), np.nan)
    values, weight = values[counted], weight[counted] / weight.max()
    order = np.argsort(values)
    values, weight = values[order], weight[order]
    middle = np.cumsum(weight) - 0.5 * weight
    return np.asarray(np.interp(middle[0] + parts * (middle[-1] - middle[0]), middle, values))


def mean(
    values: Float[ndarray, "*rows event"] | Bool[ndarray, "*rows event"],
    weight: Float[ndarray, "*rows event"] | None = None,
) -> Float[ndarray, "*rows"]:
    """Return means over the last axis, or fractions of what is true; NaN where all weights are zero."""
    if weight is None:
        return np.asarray(np.mean(values, axis=-1, dtype=np.float64))
    largest = weight.max(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore"):
        scaled = weight / largest
        return np.asarray((values * scaled).sum(axis=-1) / scaled.sum(axis=-1))
