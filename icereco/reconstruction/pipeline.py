"""Sources of events through a method into an output, with memory that does not grow with the number of events."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from jaxtyping import Int
from numpy import ndarray

from icereco.data.sources.source import Source
from icereco.detector.detector import Detector
from icereco.evaluation.streaming import RunningError, RunningResolution
from icereco.events.batch import EventBatch
from icereco.events.official_fits import official_fits
from icereco.events.reconstruction import Reconstruction
from icereco.events.truth import Truth
from icereco.physics.sphere import opening_angle
from icereco.reconstruction.methods import Method, comparison_methods
from icereco.reconstruction.outputs import Output
from icereco.reconstruction.seeding import require_fits
from icereco.system.log import get_logger
from icereco.tables.assembly import event_batch
from icereco.tables.carried import carried_columns, carried_schema, united
from icereco.tables.columns import file_of
from icereco.tables.reconstruction_columns import reconstruction_rows

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
    """

    events: int
    seconds: float
    without_pulses: int
    without_direction: int
    error: RunningError | None
    comparison_errors: Mapping[str, RunningError]

    @property
    def events_per_second(self) -> float:
        """The rate over everything."""
        return self.events / max(self.seconds, 1e-9)


def reconstruct(
    sources: Sequence[Source],
    method: Method,
    output: Output,
    advance: Callable[[int], object] = lambda _: None,
) -> Outcome:
    """Reconstruct all events of all sources, in their order.

    Args:
        sources: read one after the other.
        method: reconstructs the events.
        output: receives the rows.
        advance: called with the number of events of each finished batch.

    Raises:
        IcerecoError: an input cannot be read, holds bad values, or does not fit the detector; or the output cannot
            be written; or a fit that the method starts from does not come with the events.
    """
    _require_fits(sources, method)
    methods = comparison_methods()
    tally, declared = _Tally(method.energy_range_gev), _declared(sources, method.detector)
    for rows, batch in _batches(sources, method):
        result = method(batch)
        comparisons = {name: fit(batch) for name, fit in methods.items()} | official_fits(batch)
        carried = carried_columns(rows, declared, file_of(rows, sources[0].path))
        output.write(reconstruction_rows(batch, result, comparisons, carried, method.detector.site))
        tally.add(batch, result, comparisons)
        advance(len(batch))
    tally.report_energies()
    return tally.outcome()


def _batches(sources: Sequence[Source], method: Method) -> Iterator[tuple[pa.RecordBatch, EventBatch]]:
    """Read every event of every source; where one source has truth, the others get NaN, so that the columns agree."""
    with_truth = len(sources) > 1 and any(_has_truth(source, method.detector) for source in sources)
    earlier = np.zeros(0, np.int64)
    for source in sources:
        ids = [np.zeros(0, np.int64)]
        for rows in source.checked(method.detector, method.events_per_batch, as_given=True):
            batch = event_batch(rows, method.detector)
            yield rows, replace(batch, truth=_whole_truth(batch)) if with_truth else batch
            ids.append(batch.event_id)
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


def _require_fits(sources: Sequence[Source], method: Method) -> None:
    """Check every source before the first event, as the last one may come after hours."""
    for source in sources if method.needed_fits else ():
        first: pa.RecordBatch | None = next(source.batches(method.detector, 1), None)
        if first is not None:
            require_fits(method.needed_fits, first.schema.names, source.path)


def _has_truth(source: Source, detector: Detector) -> bool:
    first: pa.RecordBatch | None = next(source.batches(detector, 1), None)
    return first is not None and {"azimuth", "zenith"} <= set(first.schema.names)


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


class _Tally:
    """Accumulates the outcome batch by batch."""

    def __init__(self, trained_gev: tuple[float, float] | None) -> None:
        self._trained_gev, self._outside = trained_gev, 0
        self._begun = time.perf_counter()
        self._events = self._without_pulses = self._without_direction = 0
        self._error = RunningResolution()
        self._comparison_errors: dict[str, RunningResolution] = {}

    def add(
        self, batch: EventBatch, result: Reconstruction, comparisons: Mapping[str, Reconstruction]
    ) -> None:
        self._events += len(batch)
        self._without_pulses += int((batch.dom_count == 0).sum())
        self._without_direction += int(np.isnan(result.direction[:, 0]).sum())
        if batch.truth is not None:
            self._outside += self._beyond(batch.truth)
            self._error.add(opening_angle(result.direction, batch.truth.direction))
            for name, other in comparisons.items():
                error = self._comparison_errors.setdefault(name, RunningResolution())
                error.add(opening_angle(other.direction, batch.truth.direction))

    def _beyond(self, truth: Truth) -> int:
        """How many true energies the model has not seen; those that are not known do not count."""
        if self._trained_gev is None or truth.energy_gev is None:
            return 0
        low, high = self._trained_gev
        return int(np.count_nonzero((truth.energy_gev < low) | (truth.energy_gev > high)))

    def report_energies(self) -> None:
        """Say once how many events are outside the energies that the model was trained on."""
        if self._outside and self._trained_gev is not None:
            low, high = self._trained_gev
            logger.warning(
                "%d of %d events have energies outside %.3g to %.3g GeV, those of the events that the model was trained on",
                self._outside,
                self._events,
                low,
                high,
            )

    def outcome(self) -> Outcome:
        return Outcome(
            events=self._events,
            seconds=time.perf_counter() - self._begun,
            without_pulses=self._without_pulses,
            without_direction=self._without_direction,
            error=self._error.result(),
            comparison_errors={
                name: result
                for name, error in self._comparison_errors.items()
                if (result := error.result()) is not None
            },
        )
