"""Stenger's line fit (`icereco.physics.linefit`), over all events of a batch at once."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco.events.batch import EventBatch
from icereco.events.reconstruction import Reconstruction
from icereco.physics.linefit import line_moments
from icereco.physics.weighted_mean import weighted_mean
from icereco_reconstructors.options import LineFitOptions

__all__ = ["LineFit"]

_LEAST_TIME_SPREAD_NS = 1e-6
_LEAST_PATH_M = 1e-6


class LineFit:
    """The reconstructor `linefit`.

    Auxiliary pulses, which are mostly noise, are left out, unless an event has no line without them (all others at one
    time or in one DOM).
    """

    def __init__(self, options: LineFitOptions) -> None:
        self.options = options

    def __call__(self, batch: EventBatch) -> Reconstruction:
        """Directions float64 `[E, 3]`, NaN for an event whose pulses lie at one time or in one DOM; no kappa."""
        weight = np.ones(len(batch.time_ns))
        if self.options.weight_by_charge:
            weight = batch.charge_pe.astype(np.float64)
        direction = _origin(batch, np.where(batch.auxiliary, 0.0, weight))
        unfitted = np.isnan(direction[:, 0])
        if unfitted.any():
            direction[unfitted] = _origin(batch, weight)[unfitted]
        counted = np.add.accumulate(np.concatenate([[0], ~batch.auxiliary]))[
            batch.pulse_offsets[batch.dom_offsets]
        ]
        return Reconstruction(direction, pulses_used=np.where(unfitted, batch.pulse_count, np.diff(counted)))


def _origin(batch: EventBatch, weight: Float[ndarray, "pulse"]) -> Float[ndarray, "event 3"]:
    """−v/|v| of the weighted fit, NaN where there is no line.

    The pulses of a DOM share its position: the fit through their mean times, weighted with their sums, goes the same way.
    """

    def mean(values: Float[ndarray, "dom column"]) -> Float[ndarray, "event column"]:
        return weighted_mean(values, dom_weight, event, len(batch))

    event = batch.event_of_dom
    time = batch.time_ns - np.repeat(_first_time(batch), batch.pulse_count)
    dom_weight = _per_dom(batch, weight)
    dom_time = _per_dom(batch, weight * time) / np.where(dom_weight > 0, dom_weight, 1.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        position = batch.position_m.astype(np.float64)
        moments = line_moments(position, dom_time[:, None], event, mean)
        return _unit_of(moments.covariance, moments.variance[:, 0])


def _unit_of(
    covariance: Float[ndarray, "event 3"], time_variance: Float[ndarray, "event"]
) -> Float[ndarray, "event 3"]:
    """−v/|v| with v = covariance / variance; NaN where neither time nor position moves beyond rounding."""
    length = np.linalg.norm(covariance, axis=1)
    spread = np.sqrt(time_variance)
    fitted = (spread > _LEAST_TIME_SPREAD_NS) & (length / spread > _LEAST_PATH_M)
    return np.where(fitted[:, None], -covariance / length[:, None], np.nan)


def _per_dom(batch: EventBatch, of_pulse: Float[ndarray, "pulse"]) -> Float[ndarray, "dom"]:
    return np.add.reduceat(of_pulse, batch.pulse_offsets[:-1])  # every hit DOM has a pulse


def _first_time(batch: EventBatch) -> Float[ndarray, "event"]:
    """Some time of each event, to keep large absolute times out of the sums; 0 for an event without pulses."""
    first = np.zeros(len(batch))
    hit = batch.dom_count > 0
    first[hit] = batch.time_ns[batch.pulse_offsets[batch.dom_offsets[:-1][hit]]]
    return first
