"""Where and when the first light of each DOM of an event was seen."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from icereco.events.batch import EventBatch
from icereco.physics.linefit import LineMoments, line_moments
from icereco.physics.weighted_mean import weighted_mean
from icereco_reconstructors.pulses import event_zero, first_time_of_dom

__all__ = ["FirstLight", "first_light"]


@dataclass(frozen=True, slots=True)
class FirstLight:
    """Moments of the DOMs of `E` events at the times of their first pulses; NaN for an event without weight.

    Attributes:
        line: with times in ns from some time of the event.
        extent_m: float64 `[E, 3]`, standard deviations of the positions along three axes at right angles, ascending.
        axes: float64 `[E, 3, 3]`, the axes as columns.
    """

    line: LineMoments[ndarray]
    extent_m: Float[ndarray, "event 3"]
    axes: Float[ndarray, "event 3 3"]

    def along_axes(self, vectors: Float[ndarray, "event 3"]) -> Float[ndarray, "event 3"]:
        """Components of a vector of each event along its axes."""
        return np.asarray(np.einsum("eij,ei->ej", self.axes, vectors))


def first_light(
    batch: EventBatch, chosen: Bool[ndarray, "pulse"], weight: Float[ndarray, "dom"]
) -> FirstLight:
    """Compute the moments of the DOMs that have a chosen pulse."""
    first = first_time_of_dom(batch, chosen)
    hit = np.isfinite(first)
    event, weight, position = batch.event_of_dom[hit], weight[hit], batch.position_m[hit].astype(np.float64)

    def mean(values: Float[ndarray, "dom column"]) -> Float[ndarray, "event column"]:
        return weighted_mean(values, weight, event, len(batch))

    line = line_moments(position, (first[hit] - event_zero(batch)[event])[:, None], event, mean)
    outward = position - line.centre[event]
    tensor = mean((outward[:, :, None] * outward[:, None, :]).reshape(-1, 9)).reshape(-1, 3, 3)
    variance, axes = np.linalg.eigh(np.nan_to_num(tensor))  # LAPACK may not end for NaN
    extent = np.sqrt(np.maximum(variance, 0.0))
    return FirstLight(line, np.where(np.isnan(tensor[:, 0]), np.nan, extent), axes)
