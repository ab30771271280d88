"""Sources of events through a method into an output, with memory that does not grow with the number of events."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Int
from numpy import ndarray

from icereco.data.sources.source import Source
from icereco.detector.detector import Detector
from icereco.errors import IcerecoError
from icereco.evaluation.streaming import RunningError, RunningResolution
from icereco.reconstruction.batch_work import Batch, Piece, batch_job, local_job
from icereco.reconstruction.kept import KeptPieces
from icereco.reconstruction.methods import Method
from icereco.reconstruction.missing import Missing, missing_rest, nothing_done
from icereco.reconstruction.outputs import Output
from icereco.reconstruction.pieces import Pieces
from icereco.reconstruction.seeding import require_fits
from icereco.system.log import get_logger
from icereco.system.work.executor import Executor, Job
from icereco.system.work.processes import LocalProcesses
from icereco.tables.carried import carried_schema, united
from icereco.tables.columns import file_of

__all__ = ["Outcome", "reconstruct"]

logger = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Counts, timing and angular errors of a reconstruction.

    Attributes:
        events: how many rows were written, one for each event.
        seconds: wall time, reading and writing included.
        without_pulses: events that have none, and so no direction.
        without_direction: events for which the method gave no direction; includes those without pulses.
        error: angular error of the method, where truth is available.
        comparison_errors: angular errors of other methods on the same events, by name, where truth is available.
        kept: how many of the events an earlier start had done.
        missing: what could not be reconstructed, and has no rows.
    """

    events: int
    seconds: float
    without_pulses: int
    without_direction: int
    error: RunningError | None
    comparison_errors: Mapping[str, RunningError]
    kept: int = 0
    missing: tuple[Missing, ...] = ()

    @property
    def events_per_second(self) -> float:
        """The rate over everything that was not done before."""
        return (self.events - self.kept) / max(self.seconds, 1e-9)


def reconstruct(
    sources: Sequence[Source],
    method: Method,
    output: Output,
    advance: Callable[[int], object] = lambda _: None,
    executor: Executor | None = None,
    threads: int | None = None,
    kept: KeptPieces | None = None,
    *,
    go_on: bool = False,
) -> Outcome:
    """Reconstruct all events of all sources, in their order.

    Args:
        sources: read one after the other.
        method: reconstructs the events.
        output: receives the rows.
        advance: called with the number of events of each finished batch.
        executor: reconstructs the batches, which this process reads, checks and writes; None for this process.
        threads: with which each process of the executor computes; None for as many as its processors are free.
        kept: what an earlier start has done already, and where what is done is kept; None for neither.
        go_on: whether the other events are reconstructed after some that cannot be, which the outcome names.

    Raises:
        IcerecoError: an input cannot be read, holds bad values, or does not fit the detector; or the output cannot
            be written; or a fit that the method starts from does not come with the events; or no event can be reconstructed.
    """
    _require_events(sources)
    _require_fits(sources, method)
    tally, declared = _Tally(), _declared(sources, method.detector)
    missing = list[Missing]()
    failed = missing.append if go_on else None
    pieces = Pieces(executor or LocalProcesses(1), declared, kept, failed)
    job: Job[Any, Piece] = (
        local_job(method, declared, sources[0].path)
        if executor is None
        else batch_job(method, declared, sources[0].path, threads)
    )
    batches = _batches(sources, method, failed)
    with closing(pieces.in_order(job, batches, packs=executor is not None)) as made:
        for piece in made:
            output.write(piece.rows)
            tally.add(piece)
            advance(piece.events)
    if missing and not tally.events:
        raise nothing_done(missing)
    tally.report_energies(method.energy_range_gev)
    return tally.outcome(pieces.taken, missing)


def _batches(
    sources: Sequence[Source], method: Method, failed: Callable[[Missing], object] | None
) -> Iterator[Batch]:
    """Read every event of every source; where one source has truth, the others get NaN, so that the columns agree."""
    with_truth = len(sources) > 1 and any(_has_truth(source, method.detector) for source in sources)
    unread = None if failed is None else (lambda *rest: failed(missing_rest(*rest)))
    earlier = np.zeros(0, np.int64)
    for source in sources:
        ids = [np.zeros(0, np.int64)]
        for rows in source.checked(method.detector, method.events_per_batch, as_given=True, failed=unread):
            yield Batch(rows, str(file_of(rows, source.path)), with_truth)
            ids.append(rows.column("event_id").to_numpy())
        if len(sources) > 1:
            earlier = _with_new_ids(earlier, np.concatenate(ids), source.path)


def _with_new_ids(
    earlier: Int[ndarray, "id"], own: Int[ndarray, "event"], path: Path
) -> Int[ndarray, "both"]:
    """Add the ids of a source to those of the sources before it; those that were there are counted in the log."""
    if repeated := int(np.isin(own, earlier).sum()):
        logger.warning(
            "%s: %d of its %d events have an event_id of an earlier input, so that does not identify their rows",
            path,
            repeated,
            len(own),
        )
    return np.concatenate([earlier, own])


def _declared(sources: Sequence[Source], detector: Detector) -> pa.Schema:
    """Return the carried columns of all files, as the table gets its columns when its first rows are written."""
    schemas = [
        one for source in sources for one in source.carried_schemas() or _of_first_event(source, detector)
    ]
    return united(schemas)


def _of_first_event(source: Source, detector: Detector) -> list[tuple[Path, pa.Schema]]:
    first: pa.RecordBatch | None = next(source.batches(detector, 1, as_given=True), None)
    return [] if first is None else [(source.path, carried_schema(first.schema))]


def _require_events(sources: Sequence[Source]) -> None:
    """Check every source before the first event, as the last one may come after hours."""
    for source in sources:
        if source.selection is None and not source.count():
            raise IcerecoError(f"{source.path}: holds no events; at least one is needed")


def _require_fits(sources: Sequence[Source], method: Method) -> None:
    """Check every source for the fits that the method starts from."""
    for source in sources if method.needed_fits else ():
        first: pa.RecordBatch | None = next(source.batches(method.detector, 1), None)
        if first is not None:
            require_fits(method.needed_fits, first.schema.names, source.path)


def _has_truth(source: Source, detector: Detector) -> bool:
    first: pa.RecordBatch | None = next(source.batches(detector, 1), None)
    return first is not None and {"azimuth", "zenith"} <= set(first.schema.names)


class _Tally:
    """Accumulates the outcome batch by batch."""

    def __init__(self) -> None:
        self._begun = time.perf_counter()
        self.events = self._without_pulses = self._without_direction = self._outside = 0
        self._error = RunningResolution()
        self._comparison_errors: dict[str, RunningResolution] = {}

    def add(self, piece: Piece) -> None:
        self.events += piece.events
        self._without_pulses += piece.without_pulses
        self._without_direction += piece.without_direction
        self._outside += piece.outside
        if piece.error_rad is not None:
            self._error.add(piece.error_rad)
        for name, error_rad in piece.comparison_errors_rad.items():
            self._comparison_errors.setdefault(name, RunningResolution()).add(error_rad)

    def report_energies(self, trained_gev: tuple[float, float] | None) -> None:
        """Say once how many events are outside the energies that the model was trained on."""
        if self._outside and trained_gev is not None:
            low, high = trained_gev
            logger.warning(
                "%d of %d events have energies outside %.3g to %.3g GeV, those of the events that the model was trained on",
                self._outside,
                self.events,
                low,
                high,
            )

    def outcome(self, kept: int, missing: Sequence[Missing]) -> Outcome:
        return Outcome(
            events=self.events,
            seconds=time.perf_counter() - self._begun,
            without_pulses=self._without_pulses,
            without_direction=self._without_direction,
            error=self._error.result(),
            comparison_errors={
                name: result
                for name, error in self._comparison_errors.items()
                if (result := error.result()) is not None
            },
            kept=kept,
            missing=tuple(missing),
        )
