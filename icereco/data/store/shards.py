"""Writing a store's shards: events sorted by (sensor_id, time) with their DOMs, in blocks of one size."""

import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from icereco.system.files import replacing
from icereco.tables.assembly import pulse_order
from icereco.tables.columns import is_sorted, lengths, marked_sorted, own_fields, pulse_columns, ragged
from icereco.tables.dom_level import DOM_FIELDS, dom_columns, dom_level
from icereco.tables.validation import bad_truth

__all__ = ["Shard", "blocks_of", "checksum", "sorted_block", "store_schema", "write_shard"]


class Shard(BaseModel):
    """One file of a store.

    Attributes:
        file: its name in the store's folder.
        bytes: its size.
        crc32: of its contents.
        pieces: where each piece of the file ends, and its CRC-32: each block, and the footer, which has the columns; none in
            stores of earlier versions.
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
    pieces: tuple[tuple[int, int], ...] = ()

    def is_in(self, folder: Path) -> bool:
        """Whether the file is there, to the last bit."""
        path = folder / self.file
        return path.is_file() and path.stat().st_size == self.bytes and checksum(path) == self.crc32

    def is_whole(self, content: pa.Buffer, piece: int) -> bool:
        """Whether a block of the file's content is as it was written; -1 for the footer."""
        if not self.pieces:
            return True
        number = piece % len(self.pieces)
        start = self.pieces[number - 1][0] if number else 0
        end, crc32 = self.pieces[number]
        return end <= content.size and zlib.crc32(content.slice(start, end - start)) == crc32


def store_schema(source: pa.Schema) -> pa.Schema:
    """The own layout, as far as the source has it, with DOMs instead of a sensor for each pulse; pulses are sorted."""
    kept = [field for field in own_fields(source) if field.name != "sensor_id"]
    return marked_sorted(pa.schema([*kept, *DOM_FIELDS]))


def sorted_block(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Events with their pulses sorted and their DOMs, as `schema` has them; truth that is absent becomes null."""
    parts = {name: ragged(batch.column(name)) for name in pulse_columns(schema)}
    sensor, offsets = parts["sensor_id"].values, parts["sensor_id"].offsets
    order = None if is_sorted(batch.schema) else pulse_order(sensor, parts["time"].values, offsets)
    values = {name: part.values if order is None else part.values[order] for name, part in parts.items()}
    lists = pa.array(offsets, pa.int32())
    made = dom_columns(dom_level(values.pop("sensor_id"), offsets))
    made |= {name: pa.ListArray.from_arrays(lists, pa.array(column)) for name, column in values.items()}
    arrays = [made[field.name] if field.name in made else _column(batch, field) for field in schema]
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
    ends: list[int] = []
    with replacing(path, durable=False) as temporary:  # the manifest is, and waits for all shards
        with pa.OSFile(str(temporary), "wb") as file, pa.ipc.new_file(file, schema) as writer:
            for block in blocks:
                writer.write_batch(block)
                ends.append(file.tell())
                events += block.num_rows
                pulses += int(lengths(block.column("time")).sum())
                doms += int(lengths(block.column("dom_sensor_id")).sum())
                without += int(np.count_nonzero(bad_truth(block)))
        size, crc32 = temporary.stat().st_size, checksum(temporary)
        pieces = _pieces(temporary, [*ends, size])
    return Shard(
        file=path.name,
        bytes=size,
        crc32=crc32,
        events=events,
        pulses=pulses,
        doms=doms,
        without_truth=without,
        pieces=pieces,
    )


def _pieces(path: Path, ends: list[int]) -> tuple[tuple[int, int], ...]:
    with path.open("rb") as file:
        return tuple(
            (end, zlib.crc32(file.read(end - start)))
            for start, end in zip([0, *ends[:-1]], ends, strict=True)
        )


def checksum(path: Path) -> int:
    """The CRC-32 of a file: against damage, not malice, at several GB/s."""
    crc32 = 0
    with path.open("rb") as file:
        while piece := file.read(1 << 22):
            crc32 = zlib.crc32(piece, crc32)
    return crc32
