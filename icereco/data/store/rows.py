"""Rows of a store that belong together: the events of a split."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Int
from numpy import ndarray

from icereco.data.split.hashing import hash_ids

__all__ = ["LAST_HASH", "HashedRows", "RowNumbers", "Rows", "Span"]


@runtime_checkable
class Rows(Protocol):
    """Some events of a store; block by block, so that no list of all of them is ever needed."""

    def __len__(self) -> int:
        """The number of events (in a store of more than `EXACT_EVENTS` events, about)."""
        ...

    def within(self, event_id: Int[ndarray, "event"], first_row: int) -> Int[ndarray, "chosen"]:
        """Which of the consecutive events with these ids, of which the first is row `first_row`, are among them."""
        ...

    def blocks(self, offsets: Int[ndarray, "block_plus_1"]) -> Int[ndarray, "some"]:
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

    def blocks(self, offsets: Int[ndarray, "block_plus_1"]) -> Int[ndarray, "some"]:
        """See `Rows`."""
        return np.unique(np.searchsorted(offsets, self.numbers, side="right") - 1)


LAST_HASH = (1 << 64) - 1

Span = tuple[int, int]
"""First row, and the row after the last."""


@dataclass(frozen=True, slots=True)
class HashedRows:
    """The events in some spans of rows whose hashed id is in a band.

    Attributes:
        spans: first row and the row after the last, ascending.
        seed: of the hash.
        band: first and last hash, both included.
        count: how many they are, or about, where the ids were not read.
    """

    spans: tuple[Span, ...]
    seed: int
    band: tuple[int, int] = (0, LAST_HASH)
    count: int = 0

    def __len__(self) -> int:
        return self.count

    def within(self, event_id: Int[ndarray, "event"], first_row: int) -> Int[ndarray, "chosen"]:
        """See `Rows`."""
        return np.flatnonzero(self._has(event_id, np.arange(first_row, first_row + len(event_id))))

    def blocks(self, offsets: Int[ndarray, "block_plus_1"]) -> Int[ndarray, "some"]:
        """See `Rows`."""
        some = np.zeros(len(offsets) - 1, bool)
        for start, stop in self.spans:
            some |= (offsets[:-1] < stop) & (offsets[1:] > start)
        return np.flatnonzero(some)

    def _has(self, event_id: Int[ndarray, "event"], row: Int[ndarray, "event"]) -> Bool[ndarray, "event"]:
        inside = np.zeros(len(row), bool)
        for start, stop in self.spans:
            inside |= (row >= start) & (row < stop)
        if self.band == (0, LAST_HASH):
            return inside
        hashed = hash_ids(event_id, self.seed)
        first, last = (np.uint64(edge) for edge in self.band)
        return inside & (hashed >= first) & (hashed <= last)
