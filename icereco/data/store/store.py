"""The event store: prepared events in memory-mapped Arrow files, so that training reads them at the speed of memory.

A store is a folder of `events-PPPPP-SSSSS.arrow` (part of the source, shard of the part; uncompressed Arrow IPC, the
own layout with pulses sorted by (sensor_id, time), and instead of a sensor_id for each pulse the hit DOMs of each event:
dom_sensor_id, and dom_pulses, how many of the next pulses are theirs) and `store.json`, which is written last: a folder
without it is not a store. `icereco.data.store.prepare` makes one.
"""

import errno
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
from jaxtyping import Int
from numpy import ndarray
from pydantic import ValidationError

from icereco.data.store.manifest import _FORMAT, FORMAT_VERSION, MANIFEST, Geometry, Manifest
from icereco.data.store.shards import Shard, checksum
from icereco.errors import IcerecoError
from icereco.events.truth import TARGETS, Target
from icereco.system.cache import cache_dir
from icereco.tables.mapped import open_mapped
from icereco.tables.schema import TARGET_COLUMNS
from icereco.tables.validation import check_truth

__all__ = ["Store", "open_store"]


_FOOTER = -1


@dataclass(frozen=True, slots=True)
class _OpenShard:
    """The content of a shard, memory-mapped, and what reads its blocks."""

    content: pa.Buffer
    reader: pa.RecordBatchFileReader


@dataclass(frozen=True)
class Store:
    """A prepared store. Events have a row number, from 0 in the order of the source; blocks are runs of rows.

    It holds no file open, so that any number of threads may use it and memory is that of the blocks in use. The checksum
    of each block is verified when it is first used.

    Attributes:
        folder: where it is.
        manifest: what it holds.
        wait: called with a part and a number of events before these, the first of the part, are read; returns when they
            are there (a store may be still growing).
    """

    folder: Path
    manifest: Manifest
    wait: Callable[[int, int], None] | None = None
    _verified: set[tuple[str, int]] = field(default_factory=set, repr=False, compare=False)

    def __len__(self) -> int:
        return self.manifest.events

    @property
    def geometry(self) -> Geometry:
        """Which block lies where."""
        return self.manifest.geometry

    @property
    def block_offsets(self) -> Int[ndarray, "block_plus_1"]:
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
        for name, index in places:
            self._verify(name, files[name].content, index)
        return [files[name].reader.get_batch(index) for name, index in places]

    def _open(self, name: str) -> "_OpenShard":
        path = self.folder / name
        try:
            content = open_mapped(path).read_buffer()
            self._verify(name, content, _FOOTER)
            return _OpenShard(content, pa.ipc.open_file(content))
        except (pa.ArrowException, OSError) as error:
            again = _again(self.folder, self.manifest.source)
            if isinstance(error, OSError) and error.errno == errno.EMFILE:
                again = "allow more open files: ulimit -n"
            raise IcerecoError(f"{path}: cannot be read: {str(error).splitlines()[0]}; {again}") from error

    def _verify(self, name: str, content: pa.Buffer, piece: int) -> None:
        """Compare the checksum of a block, or of the footer, once; a store that is growing has just written them."""
        shard = self._shards.get(name)
        if shard is None or (name, piece) in self._verified:
            return
        if not shard.is_whole(content, piece):
            raise self._damaged(name)
        self._verified.add((name, piece))

    @cached_property
    def _shards(self) -> dict[str, Shard]:
        return {shard.file: shard for shard in self.manifest.shards}

    def _damaged(self, name: str) -> IcerecoError:
        return IcerecoError(
            f"{self.folder / name}: damaged: its checksum differs from that in the manifest; "
            f"{_again(self.folder, self.manifest.source)}"
        )

    def column(self, name: str) -> ndarray:
        """A column with one value per event, of all events, such as event_id."""
        return np.concatenate(list(self.each(name)))

    def each(self, name: str) -> Iterator[ndarray]:
        """The same column shard by shard."""
        for shard in self.manifest.shards:
            opened = self._open(shard.file).reader
            blocks = (opened.get_batch(index) for index in range(opened.num_record_batches))
            yield np.concatenate([block.column(name).to_numpy(zero_copy_only=False) for block in blocks])

    @property
    def targets(self) -> tuple[Target, ...]:
        """The targets that there are columns of (their values may still be null)."""
        columns = set(self.manifest.columns)
        return tuple(target for target in TARGETS if set(TARGET_COLUMNS[target]) <= columns)

    def require_truth(self, targets: Sequence[Target] = ("direction",)) -> None:
        """Check that every event has these targets, as training needs; directions only where preparing found none.

        Raises:
            IcerecoError: there are none, or one is null, NaN or out of range; names the row and the event.
        """
        row = 0
        for shard in self.manifest.shards:
            if shard.without_truth or set(targets) - {"direction"}:
                self._find_bad_truth(shard, row, targets)
            row += shard.events

    def _find_bad_truth(self, shard: Shard, row: int, targets: Sequence[Target]) -> None:
        opened = self._open(shard.file).reader
        for index in range(opened.num_record_batches):
            batch = opened.get_batch(index)
            check_truth(batch, Path(self.manifest.source), row, targets)
            row += batch.num_rows

    def verify(self) -> None:
        """Read every file and compare its checksum.

        Raises:
            IcerecoError: a file is damaged.
        """
        for shard in self.manifest.shards:
            if checksum(self.folder / shard.file) != shard.crc32:
                raise self._damaged(shard.file)


def open_store(folder: str | Path) -> Store:
    """Open a prepared store; read only its manifest and the sizes of its files.

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
    again = _again(folder, manifest.source)
    if (manifest.format, manifest.format_version) != (_FORMAT, FORMAT_VERSION):
        version = f"{manifest.format} {manifest.format_version}"
        raise IcerecoError(
            f"{folder}: format {version}, this icereco reads {_FORMAT} {FORMAT_VERSION}; {again}"
        )
    for shard in manifest.shards:
        file = folder / shard.file
        size = file.stat().st_size if file.is_file() else None
        if size != shard.bytes:
            what = "is missing" if size is None else f"has {size} bytes instead of {shard.bytes}"
            raise IcerecoError(f"{file} {what}; {again}")
    return Store(folder, manifest)


def _is_cached(folder: Path) -> bool:
    with suppress(IcerecoError):  # no home, and so no cache
        return cache_dir().resolve() in folder.resolve().parents
    return False


def _again(folder: Path, source: str = "the files that it was made from") -> str:
    if _is_cached(folder):
        return f"delete {folder} and start again: the events are prepared again"
    return f"give {source} as data in its place: the events are prepared again"
