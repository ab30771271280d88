"""Writing a store's shards: events sorted by (sensor_id, time), in blocks of one size."""

import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from icereco.system.files import replacing
from icereco.tables.assembly import dom_level, pulse_order
from icereco.tables.columns import is_sorted, marked_sorted, own_fields, pulse_columns, ragged
from icereco.tables.schema import COUNT_COLUMNS
from icereco.tables.validation import bad_truth

__all__ = ["COUNT_COLUMNS", "Shard", "blocks_of", "checksum", "sorted_block", "store_schema", "write_shard"]

_COUNT_FIELDS = [
    pa.field("pulse_count", pa.int32(), metadata={"meaning": "pulses of the event"}),
    pa.field("dom_count", pa.int32(), metadata={"meaning": "hit DOMs of the event"}),
]


class Shard(BaseModel):
    """One file of a store.

    Attributes:
        file: its name in the store's folder.
        bytes: its size.
        crc32: of its contents.
        events: all its events.
        pulses: all its pulses.
        doms: all its hit DOMs.
        without_truth: events without a true direction in range.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str
    bytes: int
    crc32: int
    events: int
    pulses: int
    doms: int
    without_truth: int

    def is_in(self, folder: Path) -> bool:
        """Whether the file is there, to the last bit."""
        path = folder / self.file
        return path.is_file() and path.stat().st_size == self.bytes and checksum(path) == self.crc32


def store_schema(source: pa.Schema) -> pa.Schema:
    """The own layout, as far as the source has it, with the counts of each event; it says that pulses are sorted."""
    return marked_sorted(pa.schema([*own_fields(source), *_COUNT_FIELDS]))


def sorted_block(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Events with their pulses sorted and their counts, as `schema` wants them; truth that is absent becomes null."""
    parts = {name: ragged(batch.column(name)) for name in pulse_columns(schema)}
    sensor, offsets = parts["sensor_id"].values, parts["sensor_id"].offsets
    order = None if is_sorted(batch.schema) else pulse_order(sensor, parts["time"].values, offsets)
    values = {name: part.values if order is None else part.values[order] for name, part in parts.items()}
    lists = pa.array(offsets, pa.int32())
    made = {name: pa.ListArray.from_arrays(lists, pa.array(column)) for name, column in values.items()}
    made["pulse_count"] = pa.array(np.diff(offsets), pa.int32())
    made["dom_count"] = pa.array(np.diff(dom_level(values["sensor_id"], offsets).dom_offsets), pa.int32())
    arrays = [made.get(field.name, _column(batch, field)) for field in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _column(batch: pa.RecordBatch, field: pa.Field) -> pa.Array:
    if field.name in batch.schema.names:
        return batch.column(field.name)
    return pa.nulls(batch.num_rows, field.type)


def blocks_of(batches: Iterable[pa.RecordBatch], events: int) -> Iterator[pa.RecordBatch]:
    """The same rows in batches of exactly `events`, but for the last; copies only what is left of a batch."""
    left: list[pa.RecordBatch] = []
    for batch in batches:
        start = 0
        while (room := events - sum(part.num_rows for part in left)) <= batch.num_rows - start:
            piece = batch.slice(start, room)
            yield pa.concat_batches([*left, piece]) if left else piece
            left, start = [], start + room
        if start < batch.num_rows:
            left.append(batch.slice(start))
    if left:
        yield pa.concat_batches(left)


def write_shard(path: Path, blocks: Iterable[pa.RecordBatch], schema: pa.Schema) -> Shard:
    """Write sorted blocks as an Arrow file that appears whole or not at all."""
    events = pulses = doms = without = 0
    with replacing(path) as temporary:
        with pa.ipc.new_file(str(temporary), schema) as writer:
            for block in blocks:
                writer.write_batch(block)
                events += block.num_rows
                pulses += int(block.column("pulse_count").to_numpy().sum())
                doms += int(block.column("dom_count").to_numpy().sum())
                without += int(np.count_nonzero(bad_truth(block)))
        size, crc32 = temporary.stat().st_size, checksum(temporary)
    return Shard(
        file=path.name,
        bytes=size,
        crc32=crc32,
        events=events,
        pulses=pulses,
        doms=doms,
        without_truth=without,
    )


def checksum(path: Path) -> int:
    """The CRC-32 of a file: against damage, not malice, at several GB/s."""
    found = 0
    with path.open("rb") as file:
        while piece := file.read(1 << 22):
            found = zlib.crc32(piece, found)
    return found
