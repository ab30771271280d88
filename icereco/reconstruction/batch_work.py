"""What is done with a batch of events as it was read: its reconstruction and its rows of the table, in any process."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
from jaxtyping import Float
from numpy import ndarray

from icereco.errors import IcerecoError
from icereco.events.batch import EventBatch
from icereco.events.official_fits import official_fits
from icereco.events.reconstruction import Reconstruction
from icereco.events.truth import Truth
from icereco.physics.sphere import opening_angle
from icereco.reconstruction.methods import Method, comparison_methods
from icereco.system.processors import use_threads
from icereco.system.work.executor import Job, Report
from icereco.tables.assembly import event_batch
from icereco.tables.carried import carried_columns
from icereco.tables.columns import file_of
from icereco.tables.reconstruction_columns import reconstruction_rows

__all__ = ["Batch", "PackedBatch", "Piece", "batch_job", "batch_work", "local_job", "packed"]


@dataclass(frozen=True, slots=True)
class Batch:
    """Events as they were read and checked.

    Attributes:
        name: of the events in messages.
        with_truth: whether they get columns of truth in any case, as others of the table have them.
    """

    rows: pa.RecordBatch
    name: str
    with_truth: bool

    def without_pulses(self) -> Self:
        """Only which events they are."""
        return replace(self, rows=self.rows.select(["event_id"]))


@dataclass(frozen=True, slots=True)
class PackedBatch:
    """A batch to be sent: its rows as an Arrow IPC stream, in which a slice of a larger batch brings nothing else along."""

    stream: bytes
    name: str
    with_truth: bool


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows of the table, and what the outcome counts of them.

    Attributes:
        outside: events whose true energy is not among those that the model was trained on.
        error_rad: angular error of each event, rad; None without truth.
        comparison_errors_rad: those of other methods, by name.
    """

    rows: pa.RecordBatch
    events: int
    without_pulses: int
    without_direction: int
    outside: int
    error_rad: Float[ndarray, "event"] | None
    comparison_errors_rad: Mapping[str, Float[ndarray, "event"]]


def batch_work(method: Method, declared: pa.Schema, first_file: Path) -> Callable[[Batch], Piece]:
    """What reconstructs a batch and makes its rows.

    Args:
        method: reconstructs the events.
        declared: the carried columns of the table.
        first_file: named where the rows do not say which file they are of.
    """
    return partial(_piece, method, comparison_methods(), declared, first_file)


def local_job(method: Method, declared: pa.Schema, first_file: Path) -> Job[Batch, Piece]:
    """The same as work for this process."""

    def begin() -> Callable[[Batch, Report], Piece]:
        work = batch_work(method, declared, first_file)
        return lambda batch, _report: work(batch)

    return Job("icereco-reconstruct", begin, lambda batch: batch.name, "process", "")


def batch_job(
    method: Method, declared: pa.Schema, first_file: Path, threads: int | None
) -> Job[PackedBatch, Piece]:
    """The same as work for other processes, which make the method again and compute with so many threads.

    Raises:
        IcerecoError: the method cannot be made in another process.
    """
    if method.again is None:
        raise IcerecoError(
            f"{method.name!r} cannot be sent to other processes; leave out --workers and --scheduler"
        )
    begin = partial(_begin, method.again, declared, first_file, threads)
    return Job("icereco-reconstruct", begin, _name, "process that reconstructs events", "try fewer --workers")


def packed(batch: Batch) -> PackedBatch:
    """A batch as it is sent."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.rows.schema) as stream:
        stream.write_batch(batch.rows)
    return PackedBatch(sink.getvalue().to_pybytes(), batch.name, batch.with_truth)


def _begin(
    make: Callable[[], Method], declared: pa.Schema, first_file: Path, threads: int | None
) -> Callable[[PackedBatch, Report], Piece]:
    work = batch_work(make(), declared, first_file)
    if threads is not None or "torch" in sys.modules:
        use_threads(threads)

    def piece(batch: PackedBatch, _report: Report) -> Piece:
        rows = next(iter(pa.ipc.open_stream(batch.stream)))
        return work(Batch(rows, batch.name, batch.with_truth))

    return piece


def _name(batch: PackedBatch) -> str:
    return batch.name


def _piece(
    method: Method,
    comparison: Mapping[str, Callable[[EventBatch], Reconstruction]],
    declared: pa.Schema,
    first_file: Path,
    given: Batch,
) -> Piece:
    rows, batch = given.rows, event_batch(given.rows, method.detector)
    if given.with_truth:
        batch = replace(batch, truth=_whole_truth(batch))
    result = method(batch)
    comparisons = {name: fit(batch) for name, fit in comparison.items()} | official_fits(batch)
    carried = carried_columns(rows, declared, file_of(rows, first_file))
    errors = {name: _error_rad(other, batch.truth) for name, other in comparisons.items()}
    return Piece(
        rows=reconstruction_rows(batch, result, comparisons, carried, method.detector.site),
        events=len(batch),
        without_pulses=int((batch.dom_count == 0).sum()),
        without_direction=int(np.isnan(result.direction[:, 0]).sum()),
        outside=_outside(batch.truth, method.energy_range_gev),
        error_rad=_error_rad(result, batch.truth),
        comparison_errors_rad={name: error for name, error in errors.items() if error is not None},
    )


def _error_rad(result: Reconstruction, truth: Truth | None) -> Float[ndarray, "event"] | None:
    return None if truth is None else opening_angle(result.direction, truth.direction)


def _outside(truth: Truth | None, trained_gev: tuple[float, float] | None) -> int:
    """How many true energies the model has not seen; those that are not known do not count."""
    if truth is None or trained_gev is None or truth.energy_gev is None:
        return 0
    low, high = trained_gev
    return int(np.count_nonzero((truth.energy_gev < low) | (truth.energy_gev > high)))


def _whole_truth(batch: EventBatch) -> Truth:
    """Return the truth with every target, NaN or None where the file lacks it."""
    count = len(batch)
    unknown = Truth(
        direction=np.full((count, 3), np.nan),
        energy_gev=np.full(count, np.nan),
        vertex_m=np.full((count, 3), np.nan),
        kind=np.full(count, None, dtype=object),
        inelasticity=np.full(count, np.nan),
    )
    known = batch.truth.targets if batch.truth else ()
    return replace(unknown, **{target: getattr(batch.truth, target) for target in known})
