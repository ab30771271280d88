"""Which events train, validate and calibrate: decided by the event id alone, so that no event is ever in two parts."""

from dataclasses import dataclass

import numpy as np

from icereco.data.split.hashing import hash_ids
from icereco.data.store.rows import LAST_HASH, HashedRows, Rows
from icereco.data.store.store import Store
from icereco.errors import IcerecoError

__all__ = ["EXACT_EVENTS", "Split", "split"]

EXACT_EVENTS = 2_000_000
"""Of more events the ids are not read before training begins: how many validate is then a matter of chance, about 1/√n."""


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Parts of a store.

    Attributes:
        train: events to train on.
        validation: events to validate on.
        calibration: events to calibrate posteriors on, which have no part in the choice of weights; possibly none.
        description: how they were separated, to be kept with a run.
    """

    train: Rows
    validation: Rows
    calibration: Rows
    description: str


def split(
    store: Store,
    validation_count: int,
    seed: int = 0,
    train_count: int | None = None,
    calibration_count: int = 0,
) -> Split:
    """Split a store by hash of event id: the same ids are split the same way in any file, in any order.

    Args:
        store: the events.
        validation_count: so many validate: those with the smallest hashes (more only where hashes are equal). Of
            more than `EXACT_EVENTS` events about so many, by a limit that is set before any id is read.
        seed: a different seed gives a different split.
        train_count: train on at most so many of the remaining events: the first.
        calibration_count: so many calibrate: those with the next smallest hashes.

    Raises:
        IcerecoError: the part to train on, or that to validate on, would be empty.
    """
    held_out = validation_count + calibration_count
    if not (validation_count > 0 and held_out < len(store)):
        raise IcerecoError(
            f"{store.folder}: of {len(store)} events {validation_count} would validate; "
            "both training and validation need at least one: use more events, or another validation part"
        )
    exact = len(store) <= EXACT_EVENTS
    ends = [validation_count, held_out]
    if exact:
        limits, counts, stop = _exact(store, ends, seed, train_count)
    else:
        limits, counts, stop = _expected(len(store), ends, train_count)
    whole = ((0, len(store)),)
    description = f"validation: {validation_count} events by splitmix64 of event_id, seed {seed}"
    return Split(
        train=HashedRows(((0, stop),), seed, (limits[1] + 1, LAST_HASH), counts[2]),
        validation=HashedRows(whole, seed, (0, limits[0]), counts[0]),
        calibration=HashedRows(whole if counts[1] else (), seed, (limits[0] + 1, limits[1]), counts[1]),
        description=description if exact else f"{description}, hash <= {limits[0]}",
    )


def _exact(
    store: Store, ends: list[int], seed: int, train: int | None
) -> tuple[list[int], tuple[int, int, int], int]:
    """The last hash of each part that is held out, how many validate, calibrate and train, and the row at which training ends.

    Args:
        store: the events.
        ends: how many are held out by the end of each of these parts.
        seed: of the hash.
        train: how many train at most.
    """
    hashed = hash_ids(store.column("event_id"), seed)
    places = [end - 1 for end in ends]
    limits = np.partition(hashed, places)[places]
    validate = int((hashed <= limits[0]).sum())
    remaining = np.flatnonzero(hashed > limits[1])
    calibrate = len(hashed) - validate - len(remaining)
    edges = [int(limit) for limit in limits]
    if train is None or train >= len(remaining):
        return edges, (validate, calibrate, len(remaining)), len(store)
    return edges, (validate, calibrate, train), int(remaining[train - 1]) + 1


def _expected(events: int, ends: list[int], train: int | None) -> tuple[list[int], tuple[int, int, int], int]:
    """The same, estimated before any id is known."""
    validate, held_out = ends
    share, remaining = held_out / events, events - held_out
    limits = [int(end / events * 2.0**64) for end in ends]
    if train is None or train >= remaining:
        return limits, (validate, held_out - validate, remaining), events
    stop = min(round(train / (1 - share)), events)
    return limits, (validate, held_out - validate, train), stop
