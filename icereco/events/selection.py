"""A part of the DOMs of each event."""

from dataclasses import replace

import numpy as np
from jaxtyping import Bool
from numpy import ndarray

from icereco.events.batch import EventBatch

__all__ = ["select_doms"]


def select_doms(batch: EventBatch, chosen: Bool[ndarray, "dom"]) -> EventBatch:
    """Return the same events with the chosen DOMs and their pulses alone; an event may be left without any."""
    pulses_of_dom = np.diff(batch.pulse_offsets)
    of_chosen = np.repeat(chosen, pulses_of_dom)
    return replace(
        batch,
        dom_offsets=_summed(chosen)[batch.dom_offsets],
        sensor_id=batch.sensor_id[chosen],
        position_m=batch.position_m[chosen],
        pulse_offsets=_summed(pulses_of_dom[chosen]),
        time_ns=batch.time_ns[of_chosen],
        charge_pe=batch.charge_pe[of_chosen],
        auxiliary=batch.auxiliary[of_chosen],
        pulse_extras={name: column[of_chosen] for name, column in batch.pulse_extras.items()},
    )


def _summed(counts: ndarray) -> ndarray:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])
