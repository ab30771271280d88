"""The simple-multiplicity trigger and the readout around it."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from icereco_simulation.sensor import Pulses

__all__ = ["Triggers", "simple_multiplicity"]


@dataclass(frozen=True, slots=True)
class Triggers:
    """`[T]` triggered primaries, ascending, with the times of the first and last coincident pulse of the trigger."""

    primary: Int[ndarray, "trigger"]
    begin_ns: Float[ndarray, "trigger"]
    end_ns: Float[ndarray, "trigger"]


def simple_multiplicity(
    pulses: Pulses, coincident: Bool[ndarray, "pulse"], multiplicity: int, window_ns: float
) -> Triggers:
    """Primaries of which at least `multiplicity` modules have their first coincident pulses within a window.

    The trigger lasts as long as windows follow each other without a gap from the first one.
    """
    where = np.flatnonzero(coincident)
    primary, sensor, time = pulses.primary[where], pulses.sensor[where], pulses.time_ns[where]
    fresh = np.ones(where.size, bool)
    fresh[1:] = (primary[1:] != primary[:-1]) | (sensor[1:] != sensor[:-1])
    primary, time = primary[fresh], time[fresh]
    order = np.lexsort((time, primary))
    primary, time = primary[order], time[order]
    reach = multiplicity - 1
    last = primary.size - reach
    if last <= 0:
        return Triggers(np.zeros(0, np.int64), np.zeros(0), np.zeros(0))
    full = (primary[:last] == primary[reach:]) & (time[reach:] - time[:last] <= window_ns)
    first = np.flatnonzero(full)
    triggered, at = np.unique(primary[first], return_index=True)
    begin = time[first[at]]
    ends = np.append(at[1:], first.size) - 1
    return Triggers(triggered, begin.astype(np.float64), time[first[ends] + reach].astype(np.float64))
