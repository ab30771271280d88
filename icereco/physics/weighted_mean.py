"""The weighted mean of each event: with positions and charges, its centre of charge."""

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

__all__ = ["weighted_mean"]


def weighted_mean(
    values: Float[ndarray, "row column"],
    weight: Float[ndarray, "row"],
    event: Int[ndarray, "row"],
    events: int,
) -> Float[ndarray, "event column"]:
    """Return Σ weight · values / Σ weight over the rows of each event, float64; NaN for an event without weight.

    Args:
        values: of pulses, or of DOMs with the summed weight of their pulses.
        weight: such as charge.
        event: of each row.
        events: how many there are.
    """
    total = np.bincount(event, weight, events)
    sums = [np.bincount(event, weight * column, events) for column in values.T]
    with np.errstate(invalid="ignore", divide="ignore"):
        mean: ndarray = np.stack(sums, axis=1) / total[:, None]
    return mean
