"""The pieces of a reconstruction in the order of the events: made now, several at once, or kept from an earlier start."""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import pyarrow as pa

from icereco.reconstruction.batch_work import Batch, PackedBatch, Piece, packed
from icereco.reconstruction.kept import KeptPieces
from icereco.reconstruction.missing import Missing, missing_batch
from icereco.system.work.executor import AHEAD, Executor, Job, Outcome

__all__ = ["Pieces"]


@dataclass(frozen=True, slots=True)
class _Begun:
    """A batch that is at work.

    Attributes:
        place: among all batches, from 0.
        key: that its piece is kept by.
        events: as much of it as a message needs.
    """

    place: int
    key: str
    events: Batch


@dataclass(slots=True)
class Pieces:
    """Makes pieces, and puts them into order.

    Attributes:
        executor: makes them.
        declared: the carried columns of the table.
        kept: those of an earlier start, and where new ones are kept; None for neither.
        failed: called with batches that fail, of which there is no piece then; None to raise their error.
        taken: how many events are those of an earlier start.
    """

    executor: Executor
    declared: pa.Schema
    kept: KeptPieces | None = None
    failed: Callable[[Missing], object] | None = None
    taken: int = 0
    _begun: dict[int, _Begun] = field(default_factory=dict)
    _old: dict[int, str] = field(default_factory=dict)
    _early: dict[int, Piece | None] = field(default_factory=dict)
    _next: int = 0

    def in_order(
        self, job: Job[Any, Piece], batches: Iterable[Batch], *, packs: bool
    ) -> Generator[Piece, None, None]:
        """The pieces of all batches but those that fail.

        Args:
            job: makes the piece of a batch.
            batches: all of them.
            packs: whether the job takes them packed.

        Raises:
            IcerecoError: a batch fails, unless `failed` is told; or what was kept is gone.
            KilledError: as of the executor.
        """
        units = self._units(batches, packs=packs)
        with closing(self.executor.outcomes(job, units, _untold, Event(), AHEAD)) as outcomes:
            for outcome in outcomes:
                begun = self._begun.pop(outcome.number)
                self._early[begun.place] = self._piece(begun, outcome)
                yield from self._ready()
        yield from self._ready()

    def _units(self, batches: Iterable[Batch], *, packs: bool) -> Iterator[Batch | PackedBatch]:
        """The batches of which no piece was kept."""
        number = 0
        for place, batch in enumerate(batches):
            sent = packed(batch) if packs or self.kept else None
            key = self.kept.key(sent, self.declared) if self.kept and sent else ""
            if self.kept and key in self.kept:
                self._old[place] = key
                self.taken += batch.rows.num_rows
                continue
            self._begun[number] = _Begun(place, key, batch.without_pulses())
            number += 1
            yield sent if packs and sent else batch

    def _piece(self, begun: _Begun, outcome: Outcome[Piece]) -> Piece | None:
        if outcome.error is not None and self.failed is not None:
            self.failed(missing_batch(begun.events, outcome.error))
            return None
        piece = outcome.value()
        if self.kept:
            self.kept.add(begun.key, piece)
        return piece

    def _ready(self) -> Iterator[Piece]:
        """The pieces whose turn it is."""
        while self._next in self._early or self._next in self._old:
            if (key := self._old.pop(self._next, None)) is not None and self.kept:
                yield self.kept.take(key)
            elif (piece := self._early.pop(self._next)) is not None:
                yield piece
            self._next += 1


def _untold(_number: int, _done: int) -> None:
    """A batch is done as a whole."""
