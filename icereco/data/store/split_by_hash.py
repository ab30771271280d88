"""Which events train and which validate: told from the event id alone, so that no event is ever in both."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from jaxtyping import Int, UInt
from numpy import ndarray

from icereco.data.store.store import Store
from icereco.errors import IcerecoError

__all__ = ["EXACT_EVENTS", "HashedRows", "RowNumbers", "Rows", "Split", "hash_ids", "split"]

EXACT_EVENTS = 2_000_000
"""Of more events the ids are not read before training begins: how many validate is then a matter of chance, about 1/√n."""


class Rows(Protocol):
    """Some events of a store; block by block, so that no list of all of them is ever needed."""

    def __len__(self) -> int:
        """How many they are (in a store of more than `EXACT_EVENTS` events, about)."""
        ...

    def within(self, event_id: Int[ndarray, "event"], first_row: int) -> Int[ndarray, "chosen"]:
        """Which of the consecutive events with these ids, of which the first is row `first_row`, are among them."""
        ...

    def blocks(self, offsets: Int[ndarray, "block+1"]) -> Int[ndarray, "some"]:
        """Blocks that may hold any, where the rows of block `b` are `offsets[b]:offsets[b+1]`."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class RowNumbers:
    """The events of these row numbers, ascending, int64."""

    numbers: Int[ndarray, "event"]

    def __len__(self) -> int:
        return len(self.numbers)

    def within(self, event_id: Int[ndarray, "event"], first_row: int) -> Int[ndarray, "chosen"]:
        """See `Rows`."""
        start, stop = np.searchsorted(self.numbers, (first_row, first_row + len(event_id)))
        chosen: ndarray = self.numbers[start:stop] - first_row
        return chosen

    def blocks(self, offsets: Int[ndarray, "block+1"]) -> Int[ndarray, "some"]:
        """See `Rows`."""
        return np.unique(np.searchsorted(offsets, self.numbers, side="right") - 1)


@dataclass(frozen=True, slots=True)
class HashedRows:
    """The events whose hashed id is at most `limit` (or above it), before row `stop_row`.

    Attributes:
        seed: of the hash.
        limit: the largest hash that validates.
        validates: whether these are those up to the limit, or those above it.
        count: how many they are.
        stop_row: the first row that is not looked at.
    """

    seed: int
    limit: int
    validates: bool
    count: int
    stop_row: int

    def __len__(self) -> int:
        return self.count

    def within(self, event_id: Int[ndarray, "event"], first_row: int) -> Int[ndarray, "chosen"]:
        """See `Rows`."""
        low = hash_ids(event_id[: max(self.stop_row - first_row, 0)], self.seed) <= np.uint64(self.limit)
        return np.flatnonzero(low == self.validates)

    def blocks(self, offsets: Int[ndarray, "block+1"]) -> Int[ndarray, "some"]:
        """See `Rows`."""
        return np.flatnonzero(offsets[:-1] < self.stop_row)


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Two parts of a store.

    Attributes:
        train: events to train on.
        validation: events to validate on.
        description: how they were told apart, to be kept with a run.
    """

    train: Rows
    validation: Rows
    description: str


def split(store: Store, validation_count: int, seed: int = 0, train_count: int | None = None) -> Split:
    """Split a store by hash of event id: the same ids are split the same way in any file, in any order.

    Args:
        store: the events.
        validation_count: so many validate: those with the smallest hashes (more only where hashes are equal). Of
            more than `EXACT_EVENTS` events about so many, by a limit that is given before any id is read.
        seed: another seed, another split.
        train_count: train on so many of the others at most: the first.

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
        HashedRows(seed, limit, False, counts[0], stop),
        HashedRows(seed, limit, True, counts[1], len(store)),
        description if exact else f"{description}, hash <= {limit}",
    )


def _exact(store: Store, validation: int, seed: int, train: int | None) -> tuple[int, tuple[int, int], int]:
    """The limit, how many train and validate, and the row at which training ends."""
    hashed = hash_ids(store.column("event_id"), seed)
    limit = np.partition(hashed, validation - 1)[validation - 1]
    others = np.flatnonzero(hashed > limit)
    if train is None or train >= len(others):
        return int(limit), (len(others), len(store) - len(others)), len(store)
    return int(limit), (train, len(store) - len(others)), int(others[train - 1]) + 1


def _expected(events: int, validation: int, train: int | None) -> tuple[int, tuple[int, int], int]:
    """The same before any id is known."""
    share, others = validation / events, events - validation
    if train is None or train >= others:
        return int(share * 2.0**64), (others, validation), events
    return int(share * 2.0**64), (train, validation), min(round(train / (1 - share)), events)


def hash_ids(event_id: Int[ndarray, "event"], seed: int) -> UInt[ndarray, "event"]:
    """Uniform 64-bit hashes of ids: the splitmix64 finaliser (Steele, Lea, Flood 2014), twice for the seed."""
    start = _mix(np.array([seed & (2**64 - 1)], np.uint64))
    return _mix(event_id.astype(np.uint64) ^ start)


def _mix(value: UInt[ndarray, "event"]) -> UInt[ndarray, "event"]:
    value = value + np.uint64(0x9E3779B97F4A7C15)
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    value ^= value >> np.uint64(31)
    return value
