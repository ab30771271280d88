"""The bounds of the events of a file of reconstructions, from the events that it was made from."""

from collections.abc import Callable, Iterable

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from icereco.detector.detector import Detector
from icereco.errors import IcerecoError
from icereco.evaluation.bound import Bound
from icereco.evaluation.evaluate import require_truth
from icereco.events.batch import EventBatch
from icereco.events.truth import Truth
from icereco.physics.sphere import opening_angle
from icereco.tables.saved_reconstructions import SavedReconstructions

__all__ = ["bounds_of_file", "truth_with_kinds"]

_SAME_DIRECTION_RAD = 1e-3


def bounds_of_file(
    saved: SavedReconstructions,
    events: Iterable[EventBatch],
    detector: Detector,
    advance: Callable[[int], object],
) -> Float[ndarray, "event"]:
    """Return the bound of the median error of each event of a file, rad; NaN where there is none.

    Args:
        saved: the file.
        events: those it was made from, in any order and with their truth; they are matched by their event_id.
        detector: of the events.
        advance: called with the number of events just done.

    Raises:
        IcerecoError: the file has no truth or no kinds, the detector's medium has no scattering or absorption length, the
            events are others than were reconstructed, or an event_id occurs more than once.
    """
    truth, row_of = truth_with_kinds(saved), _rows_by_id(saved)
    bound, bounds = np.full(len(saved.event_id), np.nan), Bound(detector)
    done = np.zeros(len(bound), bool)
    for batch in events:
        row = np.array([row_of[event] for event in batch.event_id.tolist()], np.int64)
        _require_same(saved, truth, batch, row, done)
        bound[row], done[row] = bounds(batch), True
        advance(len(row))
    if not done.any():
        raise IcerecoError(
            f"{saved.path}: none of its events is in the data that it was made from; reconstruct them again"
        )
    return bound


def truth_with_kinds(saved: SavedReconstructions) -> Truth:
    """Return the truth of a file of reconstructions, with the kinds of its events.

    Raises:
        IcerecoError: there is none.
    """
    truth = require_truth(saved)
    if truth.kind is None:
        raise IcerecoError(
            f"{saved.path}: the true kinds of the events are not known, and the bound of an event depends on its kind; "
            "evaluate without --bound"
        )
    return truth


def _rows_by_id(saved: SavedReconstructions) -> dict[int, int]:
    ids, counts = np.unique(saved.event_id, return_counts=True)
    if (counts > 1).any():
        raise IcerecoError(
            f"{saved.path}: event_id {ids[np.argmax(counts > 1)]} occurs more than once, so it does not identify an event"
        )
    return {event: row for row, event in enumerate(saved.event_id.tolist())}


def _require_same(
    saved: SavedReconstructions,
    truth: Truth,
    batch: EventBatch,
    row: Int[ndarray, "event"],
    done: Bool[ndarray, "event"],
) -> None:
    """Check that events are those that were reconstructed, and none of them was there before."""
    if batch.truth is None:
        raise IcerecoError(
            f"{saved.path}: the data that it was made from have no truth any more; evaluate without --bound"
        )
    again = done[row] | (np.bincount(row, minlength=len(done))[row] > 1)
    apart = opening_angle(batch.truth.direction, truth.direction[row]) > _SAME_DIRECTION_RAD
    for wrong, what in (
        (
            again,
            "occurs more than once in the data, so it does not identify an event; evaluate without --bound",
        ),
        (apart, "has another true direction in the data now; reconstruct the events again"),
    ):
        if wrong.any():
            raise IcerecoError(f"{saved.path}: event_id {batch.event_id[np.argmax(wrong)]} {what}")
