"""One event of a file, by its event_id."""

import numpy as np
from jaxtyping import Int
from numpy import ndarray

from icereco.data.sources.source import Source
from icereco.detector.detector import Detector
from icereco.errors import IcerecoError
from icereco.events.batch import EventBatch
from icereco.tables.assembly import event_batch

__all__ = ["nearest_event", "one_event"]


def one_event(source: Source, detector: Detector, event_id: int) -> EventBatch:
    """Read a source until an event, and return it as a batch of one.

    Raises:
        IcerecoError: there is no such event, with the nearest one; or the events up to it cannot be read, or do not fit
            the detector.
    """
    seen = []
    for rows in source.checked(detector):
        ids = np.asarray(rows.column("event_id"))
        here = np.flatnonzero(ids == event_id)
        if len(here):
            return event_batch(rows.slice(int(here[0]), 1), detector)
        seen.append(ids)
    raise IcerecoError(
        f"{source.path}: there is no event_id {event_id}; {nearest_event(np.concatenate(seen), event_id)}"
    )


def nearest_event(ids: Int[ndarray, "event"], event_id: int) -> str:
    """Say for a message which id is nearest to one that is not there."""
    if not len(ids):
        return "it holds no events"
    nearest = ids[np.abs(ids - event_id).argmin()]
    return f"the nearest is {nearest}, and its {len(ids):,} events are {ids.min()} to {ids.max()}"
