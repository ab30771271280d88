# ruff: noqa: TID253 -- reads Arrow files; imported only by commands that train or show data
"""The event store: prepared events in memory-mapped Arrow files, so that training reads them at the speed of memory.

A store is a folder of `events-NNNNN.arrow` (uncompressed Arrow IPC, the own layout with pulses sorted by
(sensor_id, time) and the columns pulse_count and dom_count) and `store.json`, which is written last: a folder
without it is not a store.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
from jaxtyping import Int
from numpy import ndarray
from pydantic import BaseModel, ConfigDict, ValidationError

from icereco import __version__
from icereco.atomic import replacing
from icereco.data.check import check_truth
from icereco.data.shards import COUNT_COLUMNS, Shard, ShardWriter, blocks_of, sorted_block, store_schema
from icereco.data.sources import Source
from icereco.detector import Detector
from icereco.errors import IcerecoError
from icereco.process import is_alive

__all__ = ["Manifest", "Store", "cache_dir", "open_store", "prepare", "prepared"]

MANIFEST = "store.json"
_FORMAT = "icereco-store"
_FORMAT_VERSION = 1

Progress = Callable[[int, int], None]
"""Called with (events done, events in all)."""


class Manifest(BaseModel):
    """What `store.json` says.

    Attributes:
        format: "icereco-store"; format_version: of the files.
        icereco_version: that wrote them.
        source: path the events came from, for people; source_fingerprint: see `icereco.data.sources.fingerprint`.
        reader: that read them.
        detector: name of the card that sensor ids were checked against; detector_fingerprint: its fingerprint.
        events, doms, pulses: totals.
        columns: of every shard.
        shards: the files.
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
    events: int
    doms: int
    pulses: int
    columns: tuple[str, ...]
    shards: tuple[Shard, ...]


@dataclass(frozen=True)
class Store:
    """A prepared store. Events have a row number, from 0 in the order of the source; blocks are runs of rows.

    Attributes:
        folder: where it is.
        manifest: what it holds.
    """

    folder: Path
    manifest: Manifest
    _files: dict[int, pa.RecordBatchFileReader] = field(default_factory=dict, repr=False, compare=False)

    def __len__(self) -> int:
        return self.manifest.events

    @property
    def has_truth(self) -> bool:
        """Whether there are columns of true angles (their values may still be null)."""
        return {"azimuth", "zenith"} <= set(self.manifest.columns)

    @cached_property
    def block_offsets(self) -> Int[ndarray, "block+1"]:
        """Row at which each block begins, and the number of rows."""
        sizes = [size for shard in self.manifest.shards for size in shard.blocks]
        return np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])

    @cached_property
    def _places(self) -> list[tuple[int, int]]:
        return [(shard, i) for shard, one in enumerate(self.manifest.shards) for i in range(len(one.blocks))]

    def block(self, number: int) -> pa.RecordBatch:
        """A block as it lies in the memory-mapped file: nothing is read before it is used."""
        shard, index = self._places[number]
        if shard not in self._files:
            self._files[shard] = pa.ipc.open_file(
                pa.memory_map(str(self.folder / self.manifest.shards[shard].file))
            )
        return self._files[shard].get_batch(index)

    def column(self, name: str) -> ndarray:
        """A column with one value per event, of all events, such as event_id or pulse_count."""
        blocks = range(len(self._places))
        parts = [self.block(number).column(name).to_numpy(zero_copy_only=False) for number in blocks]
        return np.concatenate(parts)

    def counts(self) -> tuple[Int[ndarray, "event"], Int[ndarray, "event"]]:
        """Pulses and hit DOMs of every event, int32."""
        pulses, doms = (self.column(name) for name in COUNT_COLUMNS)
        return pulses, doms

    def require_truth(self) -> None:
        """Check that every event has a true direction, as training needs.

        Raises:
            IcerecoError: there is none, or one is NaN or out of range; names the row and the event.
        """
        for number, first_row in enumerate(self.block_offsets[:-1].tolist()):
            check_truth(self.block(number), Path(self.manifest.source), first_row)

    def rows(self, numbers: Int[ndarray, "row"]) -> pa.Table:
        """The events of these row numbers, in the order asked for; pulses are sorted."""
        numbers = np.asarray(numbers, np.int64)
        if len(numbers) and (numbers.min() < 0 or numbers.max() >= len(self)):
            raise IndexError(f"rows of this store are 0 to {len(self) - 1}")
        found = np.searchsorted(self.block_offsets, numbers, side="right") - 1
        blocks, first = np.unique(found, return_inverse=True)
        starts = np.concatenate([[0], np.cumsum(np.diff(self.block_offsets)[blocks])])
        table = pa.Table.from_batches(
            [self.block(int(block)) for block in blocks] or [self.block(0).slice(0, 0)]
        )
        return table.take(starts[first] + numbers - self.block_offsets[found])


def open_store(folder: str | Path) -> Store:
    """Open a prepared store; reads only its manifest and the sizes of its files.

    Raises:
        IcerecoError: no manifest, one of another version, or a shard that is missing or of another size.
    """
    folder = Path(folder)
    again = f"delete {folder} and start again: the events are prepared anew"
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


def prepared(source: Source, detector: Detector, progress: Progress | None = None) -> Store:
    """The store of a source in the cache, prepared now if it is not there; a source that is a store is opened as it is.

    Raises:
        IcerecoError: see `prepare`.
    """
    if (source.path / MANIFEST).is_file():
        return open_store(source.path)
    key = f"{source.fingerprint()[:24]}-{detector.fingerprint[:8]}"
    return prepare(source, detector, cache_dir() / "stores" / key, progress)


def prepare(
    source: Source,
    detector: Detector,
    folder: Path,
    progress: Progress | None = None,
    *,
    block_events: int = 1024,
    blocks_per_shard: int = 64,
) -> Store:
    """Write the events of a source as a store; one that is there already and fits is opened instead.

    The store appears whole: it is written beside `folder` under another name and renamed at the end. What an
    interrupted preparation left is removed and done again. Memory holds a few blocks at a time.

    Args:
        source: what to read; every event is checked.
        detector: what sensor ids are checked against.
        folder: the store.
        progress: called after each block.
        block_events: events of a block, the unit that shuffling reads.
        blocks_per_shard: blocks of a file.

    Raises:
        IcerecoError: a bad event (see `icereco.data.check`), no events, a folder with something else in it, or no
            room on the disk.
    """
    fingerprint = source.fingerprint()
    if folder.is_dir():
        found = _open_if_whole(folder)
        if found and _fits(found.manifest, fingerprint, detector, block_events):
            return found
    work = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    try:
        _remove_leftovers(folder)
        work.mkdir(parents=True)
        shards, columns = _write(source, detector, work, progress, block_events, blocks_per_shard)
        _write_manifest(work, source, fingerprint, detector, shards, columns)
        _put_in_place(work, folder)
    except OSError as error:
        reason = error.strerror or str(error)
        raise IcerecoError(
            f"cannot prepare the events of {source.path} in {folder}: {reason}; "
            "make room, or set ICERECO_CACHE to a folder on another disk"
        ) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return open_store(folder)


def _open_if_whole(folder: Path) -> Store | None:
    try:
        return open_store(folder)
    except IcerecoError:
        return None


def _fits(manifest: Manifest, fingerprint: str, detector: Detector, block_events: int) -> bool:
    same = (
        manifest.source_fingerprint == fingerprint and manifest.detector_fingerprint == detector.fingerprint
    )
    return same and manifest.shards[0].blocks[0] == min(block_events, manifest.events)


def _write(
    source: Source,
    detector: Detector,
    work: Path,
    progress: Progress | None,
    block_events: int,
    blocks_per_shard: int,
) -> tuple[list[Shard], tuple[str, ...]]:
    total, done = source.count(), 0
    batches = source.checked(detector, rows=block_events)
    first = next(batches)
    schema = store_schema(first.schema)
    with ShardWriter(work, schema, blocks_per_shard) as writer:
        sorted_batches = (sorted_block(batch, schema) for batch in _chain(first, batches))
        for block in blocks_of(sorted_batches, block_events):
            writer.write(block)
            done += block.num_rows
            if progress is not None:
                progress(done, total)
    return writer.shards, tuple(schema.names)


def _chain(first: pa.RecordBatch, rest: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    yield first
    yield from rest


def _write_manifest(
    work: Path,
    source: Source,
    fingerprint: str,
    detector: Detector,
    shards: list[Shard],
    columns: tuple[str, ...],
) -> None:
    manifest = Manifest(
        source=str(source.path.resolve()),
        source_fingerprint=fingerprint,
        reader=source.reader_name,
        detector=detector.name,
        detector_fingerprint=detector.fingerprint,
        events=sum(sum(shard.blocks) for shard in shards),
        doms=sum(shard.doms for shard in shards),
        pulses=sum(shard.pulses for shard in shards),
        columns=columns,
        shards=tuple(shards),
    )
    with replacing(work / MANIFEST) as temporary:
        temporary.write_text(manifest.model_dump_json(indent=1))


def _put_in_place(work: Path, folder: Path) -> None:
    if folder.exists():
        _remove_store(folder)
    work.rename(folder)


def _remove_leftovers(folder: Path) -> None:
    """Remove what preparations of dead processes left beside the folder."""
    for left in folder.parent.glob(f".{folder.name}.*.partial") if folder.parent.is_dir() else ():
        owner = left.name.split(".")[-2]
        if not (owner.isdigit() and int(owner) != os.getpid() and is_alive(int(owner), None)):
            shutil.rmtree(left, ignore_errors=True)


def _remove_store(folder: Path) -> None:
    """Remove a store or the remains of one, never anything else."""
    foreign = [entry.name for entry in folder.iterdir() if not _is_store_file(entry)]
    if foreign:
        raise IcerecoError(
            f"{folder} holds other files ({foreign[0]}); choose an empty or a new folder for the store"
        )
    shutil.rmtree(folder)


def _is_store_file(entry: Path) -> bool:
    return entry.name == MANIFEST or (entry.name.startswith("events-") and entry.suffix == ".arrow")
