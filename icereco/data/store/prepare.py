"""Prepares a store, or opens it if it exists."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from icereco.data.sources.source import Source
from icereco.data.store.builder import BLOCK_EVENTS, BLOCKS_PER_SHARD, Preparation, Progress
from icereco.data.store.manifest import MANIFEST, older_format
from icereco.data.store.store import Store, open_store
from icereco.detector.detector import Detector
from icereco.system.cache import cache_dir
from icereco.system.work.executor import Executor

__all__ = ["Progress", "growing", "is_prepared", "is_store", "prepare", "prepared"]


def prepared(
    source: Source,
    detector: Detector,
    progress: Progress | None = None,
    processes: int | None = None,
    executor: Executor | None = None,
) -> Store:
    """The store of a source in the cache, prepared now if it is not there; a source that is a store is opened as it is.

    Raises:
        IcerecoError: see `prepare`.
    """
    if is_store(source):
        return open_store(source.path)
    return _made(_in_cache(source, detector), processes, progress, executor)


def is_store(source: Source) -> bool:
    """Whether the source is a prepared store itself; one of an older format is a folder of events like any other."""
    return (source.path / MANIFEST).is_file() and older_format(source.path) is None


def is_prepared(source: Source, detector: Detector) -> bool:
    """Whether no event has to be read again: the source is a store, or the cache has one of it."""
    return is_store(source) or _in_cache(source, detector).existing() is not None


def prepare(
    source: Source,
    detector: Detector,
    folder: Path,
    progress: Progress | None = None,
    *,
    processes: int | None = None,
    block_events: int = BLOCK_EVENTS,
    blocks_per_shard: int = BLOCKS_PER_SHARD,
    executor: Executor | None = None,
) -> Store:
    """Write the events of a source as a store; one that exists and matches is opened instead.

    Each file of the store appears whole, and its manifest last. What an interrupted preparation finished is reused
    if its checksums are right. Memory holds a few thousand events for each process.

    Args:
        source: what to read; every event is checked.
        detector: what sensor ids are checked against.
        folder: the store.
        progress: called with the events done so far and in all.
        processes: that prepare a part of the source each; by default one for each processor.
        block_events: events of a block, the unit that shuffling reads.
        blocks_per_shard: blocks of a file.
        executor: prepares the parts in place of processes that are started here.

    Raises:
        IcerecoError: a bad event (see `icereco.tables.validation`), no events, an event_id that two files share, a folder
            with something else in it, or no room on the disk.
    """
    fingerprint = source.fingerprint()
    preparation = Preparation(source, fingerprint, detector, folder, block_events, blocks_per_shard)
    return _made(preparation, processes, progress, executor)


def _made(
    preparation: Preparation, processes: int | None, progress: Progress | None, executor: Executor | None
) -> Store:
    if existing := preparation.existing():
        return existing
    preparation.run(range(len(preparation.parts)), processes, progress, executor)
    return open_store(preparation.folder)


def _in_cache(source: Source, detector: Detector, *, need_truth: bool = False) -> Preparation:
    """The preparation of a source at its place in the cache."""
    fingerprint = source.fingerprint()
    folder = cache_dir() / "stores" / f"{fingerprint[:24]}-{detector.fingerprint[:8]}"
    return Preparation(source, fingerprint, detector, folder, need_truth=need_truth)


@contextmanager
def growing(
    source: Source,
    detector: Detector,
    order: Callable[[Store], Sequence[int]],
    processes: int | None = None,
    *,
    need_truth: bool = True,
) -> Iterator[Store]:
    """The store of a source in the cache, to be used at once: parts that are not there yet are prepared meanwhile.

    Args:
        source: what to read.
        detector: what sensor ids are checked against.
        order: gives the order in which the parts of the store are prepared.
        processes: that prepare a part each.
        need_truth: whether an event without a true direction is an error.
    """
    if is_store(source):
        yield open_store(source.path)
        return
    preparation = _in_cache(source, detector, need_truth=need_truth)
    if existing := preparation.existing():
        yield existing
        return
    store = Store(preparation.folder, preparation.manifest(), preparation.wait)
    thread = threading.Thread(
        target=preparation.run_quietly, args=(order(store), processes), name="icereco-prepare", daemon=True
    )
    thread.start()
    try:
        yield store
    finally:
        preparation.stop.set()
        thread.join()
