"""Stenger's line fit, over all events of a batch at once.

A plane of light that moves through the detector with velocity v passes the position r at r = r₀ + v t. Least squares
over the pulses gives v = Σ (r − r̄)(t − t̄) / Σ (t − t̄)²; the particle travels along v and came from −v (V. J. Stenger,
"Track fitting for DUMAND-II Octagon Array", HDC-1-90, University of Hawaii 1990; AMANDA, astro-ph/0407044).
"""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco.events.batch import EventBatch
from icereco.events.reconstruction import Reconstruction
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
    """−v/|v| of the weighted fit, NaN where there is no line."""
    event_of_dom = np.repeat(np.arange(len(batch)), batch.dom_count)
    event_of_pulse = np.repeat(np.arange(len(batch)), batch.pulse_count)

    def per_event(of_dom: Float[ndarray, "dom"]) -> Float[ndarray, "event"]:
        # Without any DOM bincount returns integers.
        return np.bincount(event_of_dom, of_dom, minlength=len(batch)).astype(np.float64)

    time = batch.time_ns - _first_time(batch)[event_of_pulse]
    dom_weight = _per_dom(batch, weight)
    dom_time = _per_dom(batch, weight * time)
    with np.errstate(invalid="ignore", divide="ignore"):
        total = per_event(dom_weight)
        mean_time = per_event(dom_time) / total
        late = time - mean_time[event_of_pulse]
        time_variance = per_event(_per_dom(batch, weight * late**2)) / total
        position = batch.position_m.astype(np.float64)
        lever = dom_time - dom_weight * mean_time[event_of_dom]
        covariance = np.stack([per_event(lever * axis) / total for axis in position.T], axis=1)
        return _unit_of(covariance, time_variance)


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
