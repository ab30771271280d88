"""One part of a source, prepared: its shards in the store's folder, and a record of those that are done."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Self

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, ValidationError

from icereco.data.sources.source import Source
from icereco.data.store.manifest import shard_name
from icereco.data.store.shards import Shard, blocks_of, sorted_block, store_schema, write_shard
from icereco.detector.detector import Detector
from icereco.errors import IcerecoError
from icereco.system.files import write_text

__all__ = ["PartRecord", "PartTask", "prepare_part", "record_name"]

_EVENTS_AT_ONCE = 2048


class PartRecord(BaseModel):
    """What of a part is prepared.

    Attributes:
        columns: of its shards.
        shards: those that are done, in order.
        complete: whether these are all.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    columns: tuple[str, ...] = ()
    shards: tuple[Shard, ...] = ()
    complete: bool = False

    @classmethod
    def read(cls, path: Path) -> Self:
        """The record in a file; an empty one where there is none, or a damaged one."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            return cls()

    def write(self, path: Path) -> None:
        """Replace the file; what a power cut takes is prepared again."""
        write_text(path, self.model_dump_json(), durable=False)


def record_name(part: int) -> str:
    """The name of a part's record in the folder of the store that is being made."""
    return f"part-{part:05d}.json"


@dataclass(frozen=True, slots=True)
class PartTask:
    """A part and all it takes to prepare it, in any process.

    Attributes:
        number: of the part; events: it must have.
        need_truth: whether an event without a true direction is an error.
    """

    source: Source
    detector: Detector
    folder: Path
    number: int
    events: int
    block_events: int
    blocks_per_shard: int
    need_truth: bool

    @property
    def record(self) -> Path:
        """Where the part's record is."""
        return self.folder / record_name(self.number)


def prepare_part(task: PartTask, report: Callable[[int], None]) -> PartRecord:
    """Write the shards of a part that are not there yet; calls `report` with the number of events done so far.

    Returns:
        the complete record, as it is in the file: on a shared disk another machine may see that a little later.

    Raises:
        IcerecoError: see `icereco.data.store.prepare.prepare`.
    """
    done = _intact(task)
    if not task.events:
        return _complete(task, PartRecord(complete=True))
    batches = task.source.checked(task.detector, _EVENTS_AT_ONCE, need_truth=task.need_truth)
    first = next(batches)
    schema = store_schema(first.schema)
    columns = tuple(schema.names)
    shards = list(done) if PartRecord.read(task.record).columns == columns else []
    kept = sum(shard.events for shard in shards)
    report(kept)
    rest = _after(chain([first], batches), kept)  # checked, but neither sorted nor written again
    blocks = _reporting(
        blocks_of((sorted_block(one, schema) for one in rest), task.block_events), report, kept
    )
    while some := next(blocks, None):
        path = task.folder / shard_name(task.number, len(shards))
        shards.append(write_shard(path, chain([some], islice(blocks, task.blocks_per_shard - 1)), schema))
        PartRecord(columns=columns, shards=tuple(shards)).write(task.record)
    _require_all(task, sum(shard.events for shard in shards))
    return _complete(task, PartRecord(columns=columns, shards=tuple(shards), complete=True))


def _complete(task: PartTask, record: PartRecord) -> PartRecord:
    record.write(task.record)
    return record


def _intact(task: PartTask) -> tuple[Shard, ...]:
    """The leading whole shards that an interrupted preparation left, to the last bit."""
    full = task.block_events * task.blocks_per_shard
    done: list[Shard] = []
    for shard in PartRecord.read(task.record).shards:
        if shard.events != full or not shard.is_in(task.folder):
            break
        done.append(shard)
    return tuple(done)


def _after(batches: Iterator[pa.RecordBatch], events: int) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        skipped = min(events, batch.num_rows)
        events -= skipped
        if skipped < batch.num_rows:
            yield batch.slice(skipped)


def _reporting(
    blocks: Iterator[pa.RecordBatch], report: Callable[[int], None], done: int
) -> Iterator[pa.RecordBatch]:
    for block in blocks:
        yield block
        # A request for the first block of the next shard means that this shard has its final name.
        done += block.num_rows
        report(done)


def _require_all(task: PartTask, events: int) -> None:
    if events != task.events:
        raise IcerecoError(
            f"{task.source.path}: should hold {task.events:,} events, but {events:,} were read; "
            "did it change while it was read? Start again"
        )
