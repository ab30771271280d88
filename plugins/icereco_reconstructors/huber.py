"""The line fit with Huber's penalty: pulses far from the line pull with their distance, not with its square.

The fit of IceCube's improved line fit (M. G. Aartsen et al., NIM A 736 (2014) 143, arXiv:1308.5501).
"""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco.events.batch import EventBatch
from icereco.physics.linefit import LineMoments, huber_weight, line_moments
from icereco.physics.sphere import opening_angle
from icereco.physics.weighted_mean import weighted_mean
from icereco_reconstructors.pulses import event_zero

__all__ = ["huber_line"]

PENALTY_LIMIT_M = 153.0

_MOST_STEPS = 100
_CONVERGED_RAD = 1e-6


def huber_line(batch: EventBatch, weight: Float[ndarray, "pulse"]) -> LineMoments[ndarray]:
    """Fit all events at once by iteratively reweighted least squares.

    An event whose direction has converged keeps its weights, so that it does not depend on the other events.
    """

    def line() -> LineMoments[ndarray]:
        return line_moments(
            position, time, event, lambda values: weighted_mean(values, weight * shrink, event, len(batch))
        )

    chosen = weight > 0
    event, weight = batch.event_of_pulse[chosen], weight[chosen]
    position = batch.position_m.astype(np.float64)[batch.dom_of_pulse[chosen]]
    time = (batch.time_ns[chosen] - event_zero(batch)[event])[:, None]
    shrink = np.ones(len(event))
    with np.errstate(invalid="ignore", divide="ignore"):  # NaN for events without weight or without a line
        fitted, moving = line(), np.ones(len(batch), dtype=bool)
        for _ in range(_MOST_STEPS):
            distance = np.linalg.norm(fitted.residual(position, time, event), axis=1)
            shrink = np.where(moving[event], huber_weight(distance, PENALTY_LIMIT_M), shrink)
            before, fitted = fitted, line()
            moving &= opening_angle(before.covariance, fitted.covariance) > _CONVERGED_RAD
            if not moving.any():
                break
    return fitted
