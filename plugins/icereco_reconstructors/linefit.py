"""Stenger's line fit (`icereco.physics.linefit`), over all events of a batch at once."""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from icereco.events.batch import EventBatch
from icereco.events.reconstruction import Reconstruction
from icereco.physics.linefit import LineMoments, line_moments
from icereco.physics.weighted_mean import weighted_mean
from icereco_reconstructors.huber import huber_line
from icereco_reconstructors.late_pulses import late_pulses
from icereco_reconstructors.options import LineFitOptions
from icereco_reconstructors.pulses import coincident_then_all, event_zero, fit_narrowest, sum_of_dom

__all__ = ["LineFit"]

_LEAST_TIME_SPREAD_NS = 1e-6
_LEAST_PATH_M = 1e-6


class LineFit:
    """The reconstructors `linefit` and `robust-linefit`.

    Auxiliary pulses, which are mostly noise, are left out, unless an event has no line without them (all others at one
    time or in one DOM). The robust form leaves late pulses out by the same rule, and fits with Huber's penalty (IceCube's
    improved line fit, arXiv:1308.5501).
    """

    def __init__(self, options: LineFitOptions) -> None:
        self.options = options

    def __call__(self, batch: EventBatch) -> Reconstruction:
        """Directions float64 `[E, 3]`, NaN for an event whose pulses lie at one time or in one DOM; no kappa."""
        weight = np.ones(len(batch.time_ns))
        if self.options.weight_by_charge:
            weight = batch.charge_pe.astype(np.float64)
        line, choices = _line, coincident_then_all(batch)
        if self.options.robust:
            line, choices = huber_line, _punctual_first(batch, choices)
        return fit_narrowest(
            batch, choices, lambda chosen: _origin(line(batch, np.where(chosen, weight, 0.0)))
        )


def _punctual_first(
    batch: EventBatch, choices: Iterable[Bool[ndarray, "pulse"]]
) -> Iterable[Bool[ndarray, "pulse"]]:
    """Give each choice without its late pulses before the whole choice."""
    for choice in choices:
        yield choice & ~late_pulses(batch, choice)
        yield choice


def _line(batch: EventBatch, weight: Float[ndarray, "pulse"]) -> LineMoments[ndarray]:
    """Fit by least squares.

    The pulses of a DOM share its position: the fit through their mean times, weighted with their sums, goes the same way.
    """

    def mean(values: Float[ndarray, "dom column"]) -> Float[ndarray, "event column"]:
        return weighted_mean(values, dom_weight, event, len(batch))

    event = batch.event_of_dom
    time = batch.time_ns - np.repeat(event_zero(batch), batch.pulse_count)
    dom_weight = sum_of_dom(batch, weight)
    dom_time = sum_of_dom(batch, weight * time) / np.where(dom_weight > 0, dom_weight, 1.0)
    with np.errstate(invalid="ignore"):  # NaN for events without weight
        return line_moments(batch.position_m.astype(np.float64), dom_time[:, None], event, mean)


def _origin(line: LineMoments[ndarray]) -> Float[ndarray, "event 3"]:
    """−v/|v| with v = covariance / variance; NaN where neither time nor position moves beyond rounding."""
    length = np.linalg.norm(line.covariance, axis=1)
    spread = np.sqrt(line.variance[:, 0])
    with np.errstate(invalid="ignore", divide="ignore"):
        fitted = (spread > _LEAST_TIME_SPREAD_NS) & (length / spread > _LEAST_PATH_M)
        return np.where(fitted[:, None], -line.covariance / length[:, None], np.nan)
