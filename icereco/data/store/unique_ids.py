"""Event ids that occur in more than one file of a source."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int
from numpy import ndarray

from icereco.data.split.hashing import hash_ids
from icereco.data.store.store import Store
from icereco.errors import IcerecoError

__all__ = ["require_unique"]

_IDS_AT_ONCE = 1 << 24


def require_unique(store: Store, parts: Sequence[Path], ids_at_once: int = _IDS_AT_ONCE) -> None:
    """Check that no event id occurs twice, in passes that hold about `ids_at_once` ids.

    Args:
        store: the events.
        parts: where each part came from, for the message.
        ids_at_once: the most that memory holds, about.

    Raises:
        IcerecoError: one does; names its files.
    """
    passes = -(-len(store) // ids_at_once)
    for number in range(passes):
        ids = np.sort(np.concatenate([_share(part, number, passes) for part in store.each("event_id")]))
        repeated = ids[1:][ids[1:] == ids[:-1]]
        if len(repeated):
            raise _error(store, parts, int(repeated[0]))


def _share(event_id: Int[ndarray, "event"], number: int, passes: int) -> Int[ndarray, "share"]:
    """The ids of one pass: equal ids are in the same."""
    chosen: ndarray = (
        event_id if passes == 1 else event_id[hash_ids(event_id, 0) % np.uint64(passes) == number]
    )
    return chosen


def _error(store: Store, parts: Sequence[Path], repeated: int) -> IcerecoError:
    starts = np.cumsum([0, *store.geometry.part_events])
    places, start = [], 0
    for event_id in store.each("event_id"):
        for row in (np.flatnonzero(event_id == repeated) + start).tolist():
            part = int(np.searchsorted(starts, row, side="right")) - 1
            places.append(f"{parts[part]} (row {row - starts[part]})")
        start += len(event_id)
    return IcerecoError(
        f"event_id {repeated} occurs more than once: in {' and in '.join(places[:2])}; event ids must be unique "
        "in a data set: read these files as data sets of their own, or give their events ids of their own"
    )
