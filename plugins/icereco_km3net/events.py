"""Event ids: KM3NeT counts runs, time slices and triggers."""

from typing import Any

import numpy as np
from jaxtyping import Int
from numpy import ndarray

__all__ = ["event_ids"]

_FRAME_BITS, _COUNTER_BITS = 22, 21
_RUN_BITS = 63 - _FRAME_BITS - _COUNTER_BITS


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
