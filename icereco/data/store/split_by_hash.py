"""Which events train and which validate: decided by the event id alone, so that no event is ever in both."""

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
    """Two parts of a store.

    Attributes:
        train: events to train on.
        validation: events to validate on.
        description: how they were separated, to be kept with a run.
    """

    train: Rows
    validation: Rows
    description: str


def split(store: Store, validation_count: int, seed: int = 0, train_count: int | None = None) -> Split:
    """Split a store by hash of event id: the same ids are split the same way in any file, in any order.

    Args:
        store: the events.
        validation_count: so many validate: those with the smallest hashes (more only where hashes are equal). Of
            more than `EXACT_EVENTS` events about so many, by a limit that is set before any id is read.
        seed: a different seed gives a different split.
        train_count: train on at most so many of the remaining events: the first.

    Raises:
        IcerecoError: one part would be empty.
    """
    if not 0 < validation_count < len(store):
        raise IcerecoError(
            f"{store.folder}: of {len(store)} events {validation_count} would validate; "
            "both training and validation need at least one: use more events, or another validation part"
        )
    exact = len(store) <= EXACT_EVENTS
    if exact:
        limit, counts, stop = _exact(store, validation_count, seed, train_count)
    else:
        limit, counts, stop = _expected(len(store), validation_count, train_count)
    description = f"validation: {validation_count} events by splitmix64 of event_id, seed {seed}"
    return Split(
        HashedRows(((0, stop),), seed, (limit + 1, LAST_HASH), counts[0]),
        HashedRows(((0, len(store)),), seed, (0, limit), counts[1]),
        description if exact else f"{description}, hash <= {limit}",
    )


def _exact(store: Store, validation: int, seed: int, train: int | None) -> tuple[int, tuple[int, int], int]:
    """The limit, how many train and validate, and the row at which training ends."""
    hashed = hash_ids(store.column("event_id"), seed)
    limit = np.partition(hashed, validation - 1)[validation - 1]
    remaining = np.flatnonzero(hashed > limit)
    if train is None or train >= len(remaining):
        return int(limit), (len(remaining), len(store) - len(remaining)), len(store)
    return int(limit), (train, len(store) - len(remaining)), int(remaining[train - 1]) + 1


def _expected(events: int, validation: int, train: int | None) -> tuple[int, tuple[int, int], int]:
    """The same, estimated before any id is known."""
    share, remaining = validation / events, events - validation
    if train is None or train >= remaining:
        return int(share * 2.0**64), (remaining, validation), events
    return int(share * 2.0**64), (train, validation), min(round(train / (1 - share)), events)
