"""A store that is being made: several processes, each with one part of the source; what is done is kept."""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from icereco.data.sources.source import Source
from icereco.data.store.manifest import FORMAT_VERSION, MANIFEST, Geometry, Manifest, older_format
from icereco.data.store.part_work import Finished, run_tasks
from icereco.data.store.part_writer import PartRecord, PartTask, record_name
from icereco.data.store.store import Store, open_store
from icereco.data.store.unique_ids import require_unique
from icereco.detector.detector import Detector
from icereco.errors import IcerecoError
from icereco.system.files import clear_left_over, sync, write_text
from icereco.system.locks import locked
from icereco.system.processors import available_processors
from icereco.system.work.executor import Executor, KilledError
from icereco.system.work.processes import LocalProcesses

__all__ = ["BLOCKS_PER_SHARD", "BLOCK_EVENTS", "Preparation", "Progress"]

logger = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
"""Called with (events done, events in all)."""

BLOCK_EVENTS = 256
"""Small enough to shuffle well, large enough to read quickly: see docs/performance.md."""

BLOCKS_PER_SHARD = 128
"""A training can begin when the first file is there: half a second or so."""

_PLAN = "plan.json"
_LOCK = ".lock"
_ENOUGH_FOR_PROCESSES = 100_000


@dataclass
class Preparation:
    """A store that is being made.

    Attributes:
        fingerprint: of the source.
        need_truth: whether an event without a true direction is an error.
        parts: the parts of the source.
        stop: set to end early; what is done is kept.
    """

    source: Source
    fingerprint: str
    detector: Detector
    folder: Path
    block_events: int = BLOCK_EVENTS
    blocks_per_shard: int = BLOCKS_PER_SHARD
    need_truth: bool = False
    parts: list[Source] = field(init=False)
    stop: threading.Event = field(default_factory=threading.Event)
    _records: dict[int, PartRecord] = field(default_factory=dict)
    _done: dict[int, int] = field(default_factory=dict)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _error: BaseException | None = None

    def __post_init__(self) -> None:
        self.parts = self.source.parts()
        self._geometry: Geometry | None = None

    @property
    def geometry(self) -> Geometry:
        """Which block will lie where.

        Raises:
            IcerecoError: the source holds no events.
        """
        if self._geometry is None:
            counts = tuple(part.count() for part in self.parts)
            if not sum(counts):
                raise IcerecoError(f"{self.source.path}: holds no events; at least one is needed")
            self._geometry = Geometry(
                part_events=counts, block_events=self.block_events, blocks_per_shard=self.blocks_per_shard
            )
        return self._geometry

    def manifest(self) -> Manifest:
        """Return the manifest of the store, without what is known only at the end."""
        return Manifest(
            source=str(self.source.path.resolve()),
            source_fingerprint=self.fingerprint,
            reader=self.source.reader_name,
            detector=self.detector.name,
            detector_fingerprint=self.detector.fingerprint,
            geometry=self.geometry,
        )

    def existing(self) -> Store | None:
        """Return the store, if it exists, whole and of these data."""
        try:
            store = open_store(self.folder)
        except IcerecoError:
            return None
        manifest = store.manifest
        same = (manifest.source_fingerprint, manifest.detector_fingerprint) == (
            self.fingerprint,
            self.detector.fingerprint,
        )
        sizes = (manifest.geometry.block_events, manifest.geometry.blocks_per_shard)
        return store if same and sizes == (self.block_events, self.blocks_per_shard) else None

    def wait(self, part: int, events: int) -> None:
        """Return when so many leading events of a part are prepared.

        Raises:
            IcerecoError: preparing failed.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._done.get(part, 0) >= events or self._error is not None)
        if self._done.get(part, 0) < events and self._error is not None:
            raise self._error

    def run_quietly(self, order: Sequence[int], processes: int | None) -> None:
        """As `run`, with errors raised in the threads that wait."""
        try:
            self.run(order, processes, go_on=False)
            if self.stop.is_set():
                self._fail(IcerecoError(f"preparing the events of {self.source.path} was stopped"))
        except BaseException as error:  # is raised again in the threads that wait
            logger.debug("preparing failed", exc_info=error)
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        with self._changed:
            self._error = error
            self._changed.notify_all()

    def run(
        self,
        order: Sequence[int],
        processes: int | None,
        progress: Progress | None = None,
        executor: Executor | None = None,
        *,
        go_on: bool = True,
    ) -> None:
        """Prepare all parts, in this order, with the folder locked.

        Args:
            order: of the parts.
            processes: that are started for it, unless there is an executor; None for as many as it pays for.
            progress: called with the events done so far and in all.
            executor: prepares the parts.
            go_on: whether parts that cannot be prepared are named when the others are done, not the first at once.
        """
        total = sum(self.geometry.part_events)
        counted = None if progress is None else (lambda: progress(sum(self._done.values()), total))
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with locked(self.folder / _LOCK, "another process is preparing these events; waiting for it"):
                if self.existing():  # made by another process, while this one waited
                    for part in order:
                        self._note(part, self.geometry.part_events[part])
                    return
                self._clear_unless_same_plan()
                try:
                    self._run(order, processes, counted, executor, go_on=go_on)
                except KilledError:
                    raise
                except IcerecoError:  # bad events: what is prepared of them can never be used
                    self._clear()
                    raise
        except OSError as error:
            reason = error.strerror or str(error)
            raise IcerecoError(
                f"cannot prepare the events of {self.source.path} in {self.folder}: {reason}; "
                "make room, or set ICERECO_CACHE to a folder on another disk"
            ) from error

    def _run(
        self,
        order: Sequence[int],
        processes: int | None,
        counted: Callable[[], None] | None,
        executor: Executor | None,
        *,
        go_on: bool,
    ) -> None:
        def report(part: int, events: int) -> None:
            self._note(part, events)
            if counted is not None:
                counted()

        def finished(part: int, record: PartRecord) -> None:
            self._records[part] = record
            report(part, self.geometry.part_events[part])

        tasks = [self._task(part) for part in order if not self._reuse(part, finished)]
        executor = executor or LocalProcesses(self._processes(processes, tasks))
        run_tasks(tasks, executor, report, finished, self.stop, go_on=go_on)
        if not self.stop.is_set():
            self._finish()

    def _processes(self, requested: int | None, tasks: Sequence[PartTask]) -> int:
        if sum(task.events for task in tasks) < _ENOUGH_FOR_PROCESSES and requested is None:
            return 1  # starting processes would take longer
        return min(requested or available_processors(), len(tasks))

    def _reuse(self, part: int, finished: Finished) -> bool:
        """Whether a part is done already; says so then."""
        record = PartRecord.read(self.folder / record_name(part))
        whole = record.complete and all(shard.is_in(self.folder) for shard in record.shards)
        if whole:
            finished(part, record)
        return whole

    def _task(self, part: int) -> PartTask:
        return PartTask(
            source=self.parts[part],
            detector=self.detector,
            folder=self.folder,
            number=part,
            events=self.geometry.part_events[part],
            block_events=self.block_events,
            blocks_per_shard=self.blocks_per_shard,
            need_truth=self.need_truth,
        )

    def _note(self, part: int, events: int) -> None:
        with self._changed:
            self._done[part] = events
            self._changed.notify_all()

    def _clear_unless_same_plan(self) -> None:
        plan = self.folder / _PLAN
        wanted = self.manifest().model_dump_json()
        if plan.is_file() and plan.read_text(encoding="utf-8") == wanted:
            clear_left_over(self.folder)
            return
        self._say_if_older()
        other_files = [entry.name for entry in self.folder.iterdir() if not _is_store_file(entry)]
        if other_files:
            raise IcerecoError(
                f"{self.folder} holds other files ({other_files[0]}); choose an empty or a new folder for the store"
            )
        self._clear()
        write_text(plan, wanted)

    def _say_if_older(self) -> None:
        for folder in (self.folder, self.source.path):
            if version := older_format(folder):
                logger.info(
                    "%s is a store of format %d; its events are prepared again in format %d",
                    folder,
                    version,
                    FORMAT_VERSION,
                )

    def _clear(self) -> None:
        for entry in self.folder.iterdir():
            if entry.name != _LOCK:
                entry.unlink()

    def _finish(self) -> None:
        """Check what needs all parts, write the manifest, and remove the records."""
        records = [self._records[part] for part in range(len(self.parts))]
        self._require_same_columns(records)
        shards = tuple(shard for record in records for shard in record.shards)
        columns = next(record.columns for record in records if record.columns)
        manifest = self.manifest().model_copy(update={"columns": columns, "shards": shards})
        if len(self.parts) > 1:  # the check of one part has seen all of its ids
            require_unique(Store(self.folder, manifest), [part.path for part in self.parts])
        for shard in shards:  # a power cut must not leave the manifest of files that are not there
            sync(self.folder / shard.file)
        write_text(self.folder / MANIFEST, manifest.model_dump_json())
        for part in range(len(self.parts)):
            (self.folder / record_name(part)).unlink()
        (self.folder / _PLAN).unlink()

    def _require_same_columns(self, records: Sequence[PartRecord]) -> None:
        present = [(part, record.columns) for part, record in enumerate(records) if record.columns]
        for part, columns in present[1:]:
            if columns != present[0][1]:
                first = self.parts[present[0][0]].path
                differs = ", ".join(sorted(set(columns) ^ set(present[0][1])))
                raise IcerecoError(
                    f"{self.parts[part].path} and {first} differ in columns ({differs}); "
                    "put files with and without them in separate folders"
                )


def _is_store_file(entry: Path) -> bool:
    name = entry.name
    ours = name in (MANIFEST, _PLAN, _LOCK) or (name.startswith(".") and name.endswith(".partial"))
    return ours or (name.startswith(("events-", "part-")) and entry.suffix in (".arrow", ".json"))
