# ruff: noqa: TID253 -- writes Arrow files; imported only when data are prepared
"""Writing a store's shards: events sorted by (sensor_id, time), in blocks of one size."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from icereco.data.batches import dom_level, pulse_order
from icereco.data.columns import is_sorted, marked_sorted, own_fields, pulse_columns, ragged
from icereco.data.table import COUNT_COLUMNS

__all__ = ["COUNT_COLUMNS", "Shard", "ShardWriter", "blocks_of", "sorted_block", "store_schema"]

_COUNT_FIELDS = [
    pa.field("pulse_count", pa.int32(), metadata={"meaning": "pulses of the event"}),
    pa.field("dom_count", pa.int32(), metadata={"meaning": "hit DOMs of the event"}),
]


class Shard(BaseModel):
    """One file of a store.

    Attributes:
        file: its name in the store's folder.
        bytes: its size.
        blocks: events of each of its blocks, which are its Arrow record batches.
        pulses: all its pulses.
        doms: all its hit DOMs.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str
    bytes: int
    blocks: tuple[int, ...]
    pulses: int
    doms: int


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
    """The same rows in batches of exactly `events`, but for the last."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        while sum(part.num_rows for part in held) >= events:
            joined = pa.concat_batches(held)
            yield joined.slice(0, events)
            held = [joined.slice(events)]
    if sum(part.num_rows for part in held):
        yield pa.concat_batches(held)


@dataclass(slots=True)
class ShardWriter:
    """Writes blocks into numbered Arrow files, a new one after `blocks_per_shard`.

    Attributes:
        folder: where the files go.
        schema: of every block.
        blocks_per_shard: blocks after which the next file begins.
        shards: the files that are complete.
    """

    folder: Path
    schema: pa.Schema
    blocks_per_shard: int
    shards: list[Shard] = field(default_factory=list)
    _open: "_OpenShard | None" = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._finish()

    def write(self, block: pa.RecordBatch) -> None:
        """Add a sorted block."""
        if self._open is None:
            path = self.folder / f"events-{len(self.shards):05d}.arrow"
            self._open = _OpenShard(path, pa.ipc.new_file(str(path), self.schema))
        self._open.write(block)
        if len(self._open.blocks) >= self.blocks_per_shard:
            self._finish()

    def _finish(self) -> None:
        if self._open is not None:
            self.shards.append(self._open.finish())
            self._open = None


@dataclass(slots=True)
class _OpenShard:
    path: Path
    writer: pa.RecordBatchFileWriter
    blocks: list[int] = field(default_factory=list)
    pulses: int = 0
    doms: int = 0

    def write(self, block: pa.RecordBatch) -> None:
        self.writer.write_batch(block)
        self.blocks.append(block.num_rows)
        self.pulses += int(block.column("pulse_count").to_numpy().sum())
        self.doms += int(block.column("dom_count").to_numpy().sum())

    def finish(self) -> Shard:
        self.writer.close()
        size = self.path.stat().st_size
        return Shard(
            file=self.path.name, bytes=size, blocks=tuple(self.blocks), pulses=self.pulses, doms=self.doms
        )
