"""A part of the DOMs of each event, or of their pulses."""

from dataclasses import replace

import numpy as np
from jaxtyping import Bool
from numpy import ndarray

from icereco.events.batch import EventBatch

__all__ = ["select_doms", "select_pulses"]


def select_doms(batch: EventBatch, chosen: Bool[ndarray, "dom"]) -> EventBatch:
    """Return the same events with the chosen DOMs and their pulses alone; an event may be left without any."""
    return _selected(batch, chosen, np.repeat(chosen, np.diff(batch.pulse_offsets)))


def select_pulses(batch: EventBatch, chosen: Bool[ndarray, "pulse"]) -> EventBatch:
    """Return the same events with the chosen pulses and the DOMs that have some alone; an event may be left without any."""
    left = np.bincount(batch.dom_of_pulse[chosen], minlength=len(batch.sensor_id))
    return _selected(batch, left > 0, chosen)


def _selected(batch: EventBatch, doms: Bool[ndarray, "dom"], pulses: Bool[ndarray, "pulse"]) -> EventBatch:
    """Some DOMs, and some pulses, all of which are theirs."""
    return replace(
        batch,
        dom_offsets=_summed(doms)[batch.dom_offsets],
        sensor_id=batch.sensor_id[doms],
        position_m=batch.position_m[doms],
        pulse_offsets=_summed(pulses)[batch.pulse_offsets[np.append(True, doms)]],
        time_ns=batch.time_ns[pulses],
        charge_pe=batch.charge_pe[pulses],
        auxiliary=batch.auxiliary[pulses],
        pulse_extras={name: column[pulses] for name, column in batch.pulse_extras.items()},
    )


def _summed(counts: ndarray) -> ndarray:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])
