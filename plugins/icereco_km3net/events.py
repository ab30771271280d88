"""Event ids and times: KM3NeT counts runs, time slices and triggers."""

from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

__all__ = ["event_ids", "start_mjd"]

_FRAME_BITS, _COUNTER_BITS = 22, 21
_RUN_BITS = 63 - _FRAME_BITS - _COUNTER_BITS

_EPOCH_MJD, _DAY_S = 40_587.0, 86_400.0
"""1 January 1970, from which seconds are counted."""


def event_ids(events: Any) -> Int[ndarray, "event"]:
    """(run_id, frame_index, trigger_counter) packed into an int64 each: 20, 22 and 21 bits.

    In files where these are not unique, such as those of generators without a detector, ids are row numbers.
    """
    run, frame, counter = (
        np.asarray(getattr(events, name), np.int64) for name in ("run_id", "frame_index", "trigger_counter")
    )
    packed = (((run << _FRAME_BITS) | frame) << _COUNTER_BITS) | counter
    fits = _below(run, _RUN_BITS) and _below(frame, _FRAME_BITS) and _below(counter, _COUNTER_BITS)
    return (
        packed if fits and len(np.unique(packed)) == len(packed) else np.arange(len(packed), dtype=np.int64)
    )


def _below(values: Int[ndarray, "event"], bits: int) -> bool:
    return bool(((values >= 0) & (values < 1 << bits)).all())


def start_mjd(events: Any) -> dict[str, Float[ndarray, "event"]]:
    """When the time slices of recorded events began, as the column of that name; simulated events have no time (NaN, or no column)."""
    seconds, nanoseconds = (np.asarray(getattr(events, name), np.float64) for name in ("t_sec", "t_ns"))
    recorded = (np.asarray(events.mc_run_id) == 0) & (seconds > 0)
    if not recorded.any():
        return {}
    days = _EPOCH_MJD + (seconds + 1e-9 * nanoseconds) / _DAY_S
    return {"start_mjd": np.where(recorded, days, np.nan)}
