"""The stream of batches out of a store: shuffled for training, in order for everything else.

Shuffling is by blocks, which are read in one piece: the blocks in random order, then the events within a window of
several blocks. The batches of an epoch depend on (store, rows, budget, seed, epoch) alone, so that a position
(epoch, batch) is all it takes to go on exactly where one stopped.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Int
from numpy import ndarray

from icereco.data.budget import Budget, Filling, fill_evenly, fill_in_order
from icereco.data.gather import gather_events
from icereco.data.prefetch import prefetch
from icereco.data.store import Store
from icereco.detector import Detector
from icereco.errors import IcerecoError
from icereco.events import EventBatch

__all__ = ["Budget", "Stream"]

_WINDOW_PULSES = 8_000_000


@dataclass(frozen=True)
class Stream:
    """Batches of some rows of a store.

    Attributes:
        store: where the events are.
        detector: gives positions.
        rows: which events, ascending row numbers `[N]`; None means all.
        budget: the most that a batch holds.
        seed: of the shuffling.
        window_blocks: blocks among which events are shuffled; memory holds about two windows.
        prefetch_batches: batches made ahead by a thread; 0 works without one.
    """

    store: Store
    detector: Detector
    rows: Int[ndarray, "event"] | None = None
    budget: Budget = field(default_factory=Budget)
    seed: int = 0
    window_blocks: int = 16
    prefetch_batches: int = 4

    def __post_init__(self) -> None:
        if not len(self):
            raise IcerecoError(f"{self.store.folder}: no events to stream")

    def __len__(self) -> int:
        """Number of events of an epoch."""
        return len(self.store) if self.rows is None else len(self.rows)

    def epoch(self, number: int, start_batch: int = 0) -> Iterator[EventBatch]:
        """Every event once, in the shuffled batches of this epoch, from batch `start_batch` on."""
        return self._ahead(self._batches(self._windows(number), start_batch))

    def in_order(self, start_batch: int = 0) -> Iterator[EventBatch]:
        """Every event once, in the order of the store."""
        return self._ahead(self._batches(self._consecutive(), start_batch))

    def batches_per_epoch(self, number: int) -> int:
        """How many batches this epoch has; reads no pulses."""
        return sum(len(filling) for _, filling in self._windows(number))

    def batches_in_order(self) -> int:
        """How many batches `in_order` gives; reads no pulses."""
        return sum(len(filling) for _, filling in self._consecutive())

    def _ahead(self, batches: Iterator[EventBatch]) -> Iterator[EventBatch]:
        return prefetch(batches, self.prefetch_batches) if self.prefetch_batches else batches

    @cached_property
    def _rows(self) -> Int[ndarray, "event"]:
        return np.arange(len(self.store)) if self.rows is None else np.asarray(self.rows, np.int64)

    @cached_property
    def _counts(self) -> tuple[Int[ndarray, "event"], Int[ndarray, "event"]]:
        pulses, doms = self.store.counts()
        return (pulses, doms) if self.rows is None else (pulses[self._rows], doms[self._rows])

    @cached_property
    def _block_cuts(self) -> Int[ndarray, "block+1"]:
        """Where the rows of each block begin in `_rows`."""
        return np.searchsorted(self._rows, self.store.block_offsets)

    def _windows(self, number: int) -> Iterator[tuple[Int[ndarray, "event"], Filling]]:
        """The windows of an epoch: positions in `_rows`, and how they are filled into batches."""
        cuts = self._block_cuts
        blocks = np.flatnonzero(np.diff(cuts))
        shuffled = np.random.default_rng([self.seed, number]).permutation(blocks)
        for index, window in enumerate(np.array_split(shuffled, self._window_count(len(blocks)))):
            chosen = np.concatenate([np.arange(cuts[block], cuts[block + 1]) for block in window])
            random = np.random.default_rng([self.seed, number, index])
            yield chosen, fill_evenly(*self._counts_of(chosen), self.budget, random)

    def _window_count(self, blocks: int) -> int:
        pulses = int(self._counts[0].sum(dtype=np.int64))
        return min(blocks, max(-(-blocks // self.window_blocks), -(-pulses // _WINDOW_PULSES)))

    def _consecutive(self) -> Iterator[tuple[Int[ndarray, "event"], Filling]]:
        blocks = np.flatnonzero(np.diff(self._block_cuts))
        for window in np.array_split(blocks, self._window_count(len(blocks))):
            chosen = np.arange(self._block_cuts[window[0]], self._block_cuts[window[-1] + 1])
            yield chosen, fill_in_order(*self._counts_of(chosen), self.budget)

    def _counts_of(
        self, chosen: Int[ndarray, "event"]
    ) -> tuple[Int[ndarray, "event"], Int[ndarray, "event"]]:
        pulses, doms = self._counts
        return pulses[chosen], doms[chosen]

    def _batches(
        self, windows: Iterator[tuple[Int[ndarray, "event"], Filling]], start_batch: int
    ) -> Iterator[EventBatch]:
        to_skip = start_batch
        for chosen, filling in windows:
            skipped = min(to_skip, len(filling))
            to_skip -= skipped
            if skipped < len(filling):
                yield from self._load(chosen, filling, skipped)

    def _load(self, chosen: Int[ndarray, "event"], filling: Filling, skipped: int) -> Iterator[EventBatch]:
        """The batches of a window, gathered together once and cut without a copy."""
        cuts = filling.offsets[skipped:]
        events = gather_events(self.store, self._rows[chosen[filling.order[cuts[0] :]]], self.detector)
        for start, stop in zip(cuts[:-1] - cuts[0], cuts[1:] - cuts[0], strict=True):
            yield events[int(start) : int(stop)]
