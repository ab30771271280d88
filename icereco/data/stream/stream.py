"""The stream of batches out of stores: shuffled for training, in order for everything else.

Shuffling is by blocks, which are read in one piece: the blocks of all data sets in random order, then the events
within a window of several blocks. The batches of an epoch depend on (stores, rows, weights, budget, seed, epoch) alone,
not on how many threads load them or how many processes share them, so that a position (epoch, batch) is all it takes to
continue exactly where a training stopped.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Int
from numpy import ndarray

from icereco.data.stream.gather import gather
from icereco.data.stream.packing import Budget, Filling, fill_evenly, fill_in_order
from icereco.data.stream.prefetch import ordered, prefetch
from icereco.data.stream.shuffle import BlockRows, Portion, consecutive_windows, shuffled_windows
from icereco.detector.detector import Detector
from icereco.errors import IcerecoError
from icereco.events.batch import EventBatch

__all__ = ["Budget", "Portion", "Stream"]

_Filled = tuple[list[BlockRows], Filling]
"""A window, and how its events are filled into batches."""

_Wanted = tuple[_Filled, list[int]]
"""A window, and the numbers of its wanted batches."""


@dataclass(frozen=True)
class Stream:
    """Batches of the events of one data set or several.

    Attributes:
        portions: which events of which stores, and how often.
        detector: gives positions.
        budget: the most that a batch holds.
        seed: of the shuffling.
        window_blocks: blocks among which events are shuffled; memory holds about two windows, and one for each worker.
        workers: threads that load windows ahead; 0 loads when asked, in the caller's thread.
        rank, ranks: number of this process, and how many share the batches: it gets every `ranks`th, so that at every
            step all get about the same cost, and no event is seen by two.
    """

    portions: Sequence[Portion]
    detector: Detector
    budget: Budget = field(default_factory=Budget)
    seed: int = 0
    window_blocks: int = 128
    workers: int = 1
    rank: int = 0
    ranks: int = 1

    def __post_init__(self) -> None:
        if not len(self):
            raise IcerecoError(f"{self.portions[0].store.folder}: no events to stream")

    def __len__(self) -> int:
        """Number of events of an epoch, over all ranks."""
        return sum(len(portion) for portion in self.portions)

    def epoch(self, number: int, start_batch: int = 0) -> Iterator[EventBatch]:
        """The shuffled batches of an epoch, from batch `start_batch` of all ranks on; with weights of 1 every event once."""
        return self._batches(_wanted(self._shuffled(number), start_batch, self.rank, self.ranks))

    def in_order(self, start_batch: int = 0) -> Iterator[EventBatch]:
        """Every event once, in the order of the stores, the same for all ranks."""
        return self._batches(_wanted(self._consecutive(), start_batch))

    def _shuffled(self, epoch: int) -> Iterator[_Filled]:
        windows = shuffled_windows(self.portions, self.seed, epoch, self.window_blocks)
        for index, window in enumerate(windows):
            random = np.random.default_rng([self.seed, epoch, index])
            yield window, fill_evenly(*_counts(window), self.budget, random)

    def _consecutive(self) -> Iterator[_Filled]:
        for portion in self.portions:
            for window in consecutive_windows(portion, self.window_blocks):
                yield window, fill_in_order(*_counts(window), self.budget)

    def _batches(self, windows: Iterator[_Wanted]) -> Iterator[EventBatch]:
        if not self.workers:
            return (batch for wanted in windows for batch in self._load(wanted))
        loaded = ordered(windows, self._load, self.workers)
        return (batch for batches in prefetch(loaded, 1) for batch in batches)

    def _load(self, part: _Wanted) -> list[EventBatch]:
        """The wanted batches of a window, gathered together once and cut without a copy."""
        (window, filling), wanted = part
        spans = [slice(*filling.offsets[number : number + 2].tolist()) for number in wanted]
        order = np.concatenate([filling.order[span] for span in spans])
        block = np.repeat(np.arange(len(window)), [len(rows.chosen) for rows in window])[order]
        row = np.concatenate([rows.chosen for rows in window])[order]
        events = gather([rows.block for rows in window], block, row, self.detector)
        ends = np.cumsum([span.stop - span.start for span in spans])
        return [
            events[int(end) - span.stop + span.start : int(end)]
            for end, span in zip(ends, spans, strict=True)
        ]


def _counts(window: Sequence[BlockRows]) -> tuple[Int[ndarray, "event"], Int[ndarray, "event"]]:
    """Pulses and hit DOMs of each event."""
    return np.concatenate([rows.pulses for rows in window]), np.concatenate([rows.doms for rows in window])


def _wanted(windows: Iterable[_Filled], start_batch: int, rank: int = 0, ranks: int = 1) -> Iterator[_Wanted]:
    """The windows that hold batches of this rank, which are every `ranks`th of all, from `start_batch` on."""
    first = 0  # batch of the window, counted over all windows
    for window in windows:
        batches = range(first, first + len(window[1]))
        wanted = [batch - first for batch in batches if batch >= start_batch and batch % ranks == rank]
        if wanted:
            yield window, wanted
        first = batches.stop
