"""Pulses that a fit uses, and what is known of the DOMs that they hit."""

from collections.abc import Callable, Iterable

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from icereco.events.batch import EventBatch
from icereco.events.reconstruction import Reconstruction

__all__ = ["coincident_then_all", "event_zero", "fit_narrowest", "first_time_of_dom", "sum_of_dom"]

Choice = Bool[ndarray, "pulse"]
Fit = Callable[[Choice], Float[ndarray, "event 3"]]


def coincident_then_all(batch: EventBatch) -> Iterable[Choice]:
    """Give the pulses in local coincidence, then all; auxiliary pulses are mostly noise."""
    yield ~batch.auxiliary
    yield np.ones(len(batch.time_ns), dtype=bool)


def fit_narrowest(batch: EventBatch, choices: Iterable[Choice], fit: Fit) -> Reconstruction:
    """Fit each event with the first choice of pulses that gives it a direction.

    Args:
        batch: the events.
        choices: the narrowest first; a later one is only asked for where an event has no direction yet.
        fit: gives directions from the chosen pulses, NaN for an event that it cannot fit.
    """
    event = batch.event_of_pulse
    direction = np.full((len(batch), 3), np.nan)
    used = np.zeros(len(event), dtype=bool)
    missing = np.ones(len(batch), dtype=bool)
    for choice in choices:
        used = np.where(missing[event], choice, used)
        direction[missing] = fit(choice & missing[event])[missing]
        missing = np.isnan(direction[:, 0])
        if not missing.any():
            break
    return Reconstruction(direction, pulses_used=np.bincount(event[used], minlength=len(batch)))


def sum_of_dom(batch: EventBatch, values: Float[ndarray, "pulse"]) -> Float[ndarray, "dom"]:
    """Sum the values of the pulses of each DOM."""
    return np.add.reduceat(values, batch.pulse_offsets[:-1])  # every hit DOM has a pulse


def first_time_of_dom(batch: EventBatch, chosen: Choice) -> Float[ndarray, "dom"]:
    """Return the time in ns of the first chosen pulse of each DOM; infinity where none is chosen."""
    return np.minimum.reduceat(np.where(chosen, batch.time_ns, np.inf), batch.pulse_offsets[:-1])


def event_zero(batch: EventBatch) -> Float[ndarray, "event"]:
    """Return some time of each event in ns, to keep large absolute times out of sums; 0 without pulses."""
    zero = np.zeros(len(batch))
    hit = batch.dom_count > 0
    zero[hit] = batch.time_ns[batch.pulse_offsets[batch.dom_offsets[:-1][hit]]]
    return zero
