"""The line fit with Huber's penalty: pulses far from the line pull with their distance, not with its square.

The fit of IceCube's improved line fit (M. G. Aartsen et al., NIM A 736 (2014) 143, arXiv:1308.5501).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from icereco.events.batch import EventBatch
from icereco.physics.linefit import LineMoments, huber_weight, line_moments
from icereco.physics.sphere import opening_angle
from icereco.physics.weighted_mean import weighted_mean
from icereco_reconstructors.pulses import event_zero

__all__ = ["huber_line"]

PENALTY_LIMIT_M = 153.0

_MOST_STEPS = 200
_CONVERGED_RAD = 1e-6


def huber_line(batch: EventBatch, weight: Float[ndarray, "pulse"]) -> LineMoments[ndarray]:
    """Fit all events at once by iteratively reweighted least squares; an event that has converged is left out."""
    pulses = _weighted_pulses(batch, weight)
    with np.errstate(invalid="ignore", divide="ignore"):  # NaN for events without weight or without a line
        line = pulses.line(np.ones(len(pulses.event)))
        moving = np.ones(len(batch), dtype=bool)
        for _ in range(_MOST_STEPS):
            pulses = pulses.of(moving)
            before, line = line, _replaced(line, moving, pulses.line(pulses.shrinkage(line)))
            moving &= opening_angle(before.covariance, line.covariance) > _CONVERGED_RAD
            if not moving.any():
                break
    return line


@dataclass(frozen=True, slots=True)
class _Pulses:
    """Pulses of some of `events` events; times in ns from some time of the event."""

    events: int
    event: Int[ndarray, "pulse"]
    position: Float[ndarray, "pulse 3"]
    time: Float[ndarray, "pulse 1"]
    weight: Float[ndarray, "pulse"]

    def of(self, events: Bool[ndarray, "event"]) -> "_Pulses":
        chosen = events[self.event]
        return _Pulses(
            self.events, self.event[chosen], self.position[chosen], self.time[chosen], self.weight[chosen]
        )

    def line(self, shrinkage: Float[ndarray, "pulse"]) -> LineMoments[ndarray]:
        weight = self.weight * shrinkage
        return line_moments(
            self.position,
            self.time,
            self.event,
            lambda values: weighted_mean(values, weight, self.event, self.events),
        )

    def shrinkage(self, line: LineMoments[ndarray]) -> Float[ndarray, "pulse"]:
        distance = np.linalg.norm(line.residual(self.position, self.time, self.event), axis=1)
        return huber_weight(distance, PENALTY_LIMIT_M)


def _weighted_pulses(batch: EventBatch, weight: Float[ndarray, "pulse"]) -> _Pulses:
    """Select the pulses that have weight."""
    chosen = weight > 0
    event = batch.event_of_pulse[chosen]
    position = batch.position_m[batch.dom_of_pulse[chosen]].astype(np.float64)
    time = batch.time_ns[chosen] - event_zero(batch)[event]
    return _Pulses(len(batch), event, position, time[:, None], weight[chosen])


def _replaced(
    line: LineMoments[ndarray], events: Bool[ndarray, "event"], by: LineMoments[ndarray]
) -> LineMoments[ndarray]:
    """Take the moments of some events from another fit."""
    chosen = events[:, None]
    return LineMoments(
        np.where(chosen, by.centre, line.centre),
        np.where(chosen, by.time, line.time),
        np.where(chosen, by.covariance, line.covariance),
        np.where(chosen, by.variance, line.variance),
    )
