# ruff: noqa: TID253 -- reads Arrow files; imported only by commands that train or show data
"""The event store: prepared events in memory-mapped Arrow files, so that training reads them at the speed of memory.

A store is a folder of `events-PPPPP-SSSSS.arrow` (part of the source, shard of the part; uncompressed Arrow IPC, the
own layout with pulses sorted by (sensor_id, time) and the columns pulse_count and dom_count) and `store.json`, which
is written last: a folder without it is not a store. `icereco.data.store.prepare` makes one.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
from jaxtyping import Int
from numpy import ndarray
from pydantic import BaseModel, ConfigDict, ValidationError

from icereco import __version__
from icereco.data.store.shards import COUNT_COLUMNS, Shard, checksum
from icereco.errors import IcerecoError
from icereco.tables.validation import check_truth

__all__ = ["MANIFEST", "Geometry", "Manifest", "Store", "cache_dir", "open_store", "shard_name"]

MANIFEST = "store.json"
_FORMAT = "icereco-store"
_FORMAT_VERSION = 2


class Geometry(BaseModel):
    """Which block lies where: known before anything is prepared, from the number of events in each part.

    Attributes:
        part_events: events of each part of the source.
        block_events: events of a block, but for the last of a part.
        blocks_per_shard: blocks of a file, but for the last of a part.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    part_events: tuple[int, ...]
    block_events: int
    blocks_per_shard: int

    @cached_property
    def first_block(self) -> Int[ndarray, "part+1"]:
        """Number of the first block of each part, and the number of blocks."""
        blocks = -(-np.array(self.part_events, np.int64) // self.block_events)
        return np.concatenate([[0], np.cumsum(blocks)])

    @cached_property
    def block_offsets(self) -> Int[ndarray, "block+1"]:
        """Row at which each block begins, and the number of rows."""
        parts = [
            np.minimum(np.arange(self.block_events, events + self.block_events, self.block_events), events)
            for events in self.part_events
        ]
        starts = np.cumsum([0, *self.part_events])
        ends = [start + part for start, part in zip(starts[:-1], parts, strict=True)]
        return np.concatenate([[0], *ends]).astype(np.int64)

    def part_of(self, block: int) -> int:
        """The part that a block belongs to."""
        return int(np.searchsorted(self.first_block, block, side="right")) - 1

    def needed(self, blocks: Sequence[int]) -> dict[int, int]:
        """How many leading events of each part must be there for these blocks: to the end of their files."""
        found: dict[int, int] = {}
        for block in blocks:
            part = self.part_of(block)
            files = (block - int(self.first_block[part])) // self.blocks_per_shard + 1
            events = files * self.blocks_per_shard * self.block_events
            found[part] = max(found.get(part, 0), min(events, self.part_events[part]))
        return found

    def place(self, block: int) -> tuple[str, int]:
        """The file that a block is in, and its number there."""
        part = self.part_of(block)
        shard, index = divmod(block - int(self.first_block[part]), self.blocks_per_shard)
        return shard_name(part, shard), index


def shard_name(part: int, shard: int) -> str:
    """The name of a file of a store; names sort as the events do."""
    return f"events-{part:05d}-{shard:05d}.arrow"


class Manifest(BaseModel):
    """What `store.json` says.

    Attributes:
        format: "icereco-store"; format_version: of the files.
        icereco_version: that wrote them.
        source: path the events came from, for people; source_fingerprint: see `icereco.data.sources.source.fingerprint`.
        reader: that read them.
        detector: name of the card that sensor ids were checked against; detector_fingerprint: its fingerprint.
        geometry: which block lies where.
        columns: of every shard; none as long as the store is being made.
        shards: the files; none as long as the store is being made.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: str = _FORMAT
    format_version: int = _FORMAT_VERSION
    icereco_version: str = __version__
    source: str
    source_fingerprint: str
    reader: str
    detector: str
    detector_fingerprint: str
    geometry: Geometry
    columns: tuple[str, ...] = ()
    shards: tuple[Shard, ...] = ()

    @property
    def events(self) -> int:
        """All events."""
        return sum(self.geometry.part_events)

    @property
    def pulses(self) -> int:
        """All pulses."""
        return sum(shard.pulses for shard in self.shards)

    @property
    def doms(self) -> int:
        """All hit DOMs."""
        return sum(shard.doms for shard in self.shards)


@dataclass(frozen=True)
class Store:
    """A prepared store. Events have a row number, from 0 in the order of the source; blocks are runs of rows.

    It holds no file open, so that any number of threads may use it and memory is that of the blocks in use.

    Attributes:
        folder: where it is.
        manifest: what it holds.
        wait: called with a part and a number of events before these, the first of the part, are read; returns when they
            are there (a store may be still growing).
    """

    folder: Path
    manifest: Manifest
    wait: Callable[[int, int], None] | None = None

    def __len__(self) -> int:
        return self.manifest.events

    @property
    def geometry(self) -> Geometry:
        """Which block lies where."""
        return self.manifest.geometry

    @property
    def block_offsets(self) -> Int[ndarray, "block+1"]:
        """Row at which each block begins, and the number of rows."""
        return self.geometry.block_offsets

    @property
    def has_truth(self) -> bool:
        """Whether there are columns of true angles (their values may still be null)."""
        return {"azimuth", "zenith"} <= set(self.manifest.columns)

    def blocks(self, numbers: Sequence[int]) -> list[pa.RecordBatch]:
        """Blocks as they lie in the memory-mapped files: nothing is read before it is used, or kept after."""
        places = [self.geometry.place(number) for number in numbers]
        if self.wait is not None:
            for part, events in self.geometry.needed(numbers).items():
                self.wait(part, events)
        files = {name: self._open(name) for name in dict.fromkeys(name for name, _ in places)}
        return [files[name].get_batch(index) for name, index in places]

    def block(self, number: int) -> pa.RecordBatch:
        """One block."""
        return self.blocks([number])[0]

    def _open(self, name: str) -> pa.RecordBatchFileReader:
        try:
            return pa.ipc.open_file(pa.memory_map(str(self.folder / name)))
        except (pa.ArrowException, OSError) as error:
            raise IcerecoError(
                f"{self.folder / name}: cannot be read: {str(error).splitlines()[0]}; {_again(self.folder)}"
            ) from error

    def column(self, name: str) -> ndarray:
        """A column with one value per event, of all events, such as event_id or pulse_count."""
        return np.concatenate(list(self.each(name)))

    def each(self, name: str) -> Iterator[ndarray]:
        """The same column shard by shard."""
        for shard in self.manifest.shards:
            opened = self._open(shard.file)
            blocks = (opened.get_batch(index) for index in range(opened.num_record_batches))
            yield np.concatenate([block.column(name).to_numpy(zero_copy_only=False) for block in blocks])

    def counts(self) -> tuple[Int[ndarray, "event"], Int[ndarray, "event"]]:
        """Pulses and hit DOMs of every event, int32."""
        pulses, doms = (self.column(name) for name in COUNT_COLUMNS)
        return pulses, doms

    def require_truth(self) -> None:
        """Check that every event has a true direction, as training needs; looks only where preparing found none.

        Raises:
            IcerecoError: there is none, or one is NaN or out of range; names the row and the event.
        """
        row = 0
        for shard in self.manifest.shards:
            if shard.without_truth:
                self._find_bad_truth(shard, row)
            row += shard.events

    def _find_bad_truth(self, shard: Shard, row: int) -> None:
        opened = self._open(shard.file)
        for index in range(opened.num_record_batches):
            batch = opened.get_batch(index)
            check_truth(batch, Path(self.manifest.source), row)
            row += batch.num_rows

    def verify(self) -> None:
        """Read every file and compare its checksum.

        Raises:
            IcerecoError: a file is damaged.
        """
        for shard in self.manifest.shards:
            if checksum(self.folder / shard.file) != shard.crc32:
                raise IcerecoError(
                    f"{self.folder / shard.file}: damaged: its checksum is not that with which it was written; "
                    f"{_again(self.folder)}"
                )

    def rows(self, numbers: Int[ndarray, "row"]) -> pa.Table:
        """The events of these row numbers, in the order asked for; pulses are sorted."""
        numbers = np.asarray(numbers, np.int64)
        if len(numbers) and (numbers.min() < 0 or numbers.max() >= len(self)):
            raise IndexError(f"rows of this store are 0 to {len(self) - 1}")
        found = np.searchsorted(self.block_offsets, numbers, side="right") - 1
        blocks, first = np.unique(found, return_inverse=True)
        starts = np.concatenate([[0], np.cumsum(np.diff(self.block_offsets)[blocks])])
        table = pa.Table.from_batches(self.blocks(blocks.tolist()) or [self.block(0).slice(0, 0)])
        return table.take(starts[first] + numbers - self.block_offsets[found])


def open_store(folder: str | Path) -> Store:
    """Open a prepared store; reads only its manifest and the sizes of its files.

    Raises:
        IcerecoError: no manifest, one of another version, or a shard that is missing or of another size.
    """
    folder = Path(folder)
    again = _again(folder)
    try:
        manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    except FileNotFoundError:
        raise IcerecoError(
            f"{folder}: no {MANIFEST}: not a store, or its preparation was interrupted; {again}"
        ) from None
    except (ValidationError, OSError) as error:
        raise IcerecoError(
            f"{folder / MANIFEST}: damaged, or written by another version of icereco; {again}"
        ) from error
    if (manifest.format, manifest.format_version) != (_FORMAT, _FORMAT_VERSION):
        found = f"{manifest.format} {manifest.format_version}"
        raise IcerecoError(
            f"{folder}: format {found}, this icereco reads {_FORMAT} {_FORMAT_VERSION}; {again}"
        )
    for shard in manifest.shards:
        file = folder / shard.file
        size = file.stat().st_size if file.is_file() else None
        if size != shard.bytes:
            what = "is missing" if size is None else f"has {size} bytes instead of {shard.bytes}"
            raise IcerecoError(f"{file} {what}; {again}")
    return Store(folder, manifest)


def cache_dir() -> Path:
    """Where prepared data are kept: $ICERECO_CACHE, or icereco in $XDG_CACHE_HOME or in ~/.cache."""
    own = os.environ.get("ICERECO_CACHE")
    if own:
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "icereco"


def _again(folder: Path) -> str:
    return f"delete {folder} and start again: the events are prepared anew"
