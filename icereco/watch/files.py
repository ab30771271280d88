"""The user's data sets, and the files of events in a few folders, each with the reader that detects its format."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from icereco.data.catalog import DataSet, data_sets
from icereco.errors import IcerecoError

__all__ = ["EVENT_SUFFIXES", "FileView", "event_files", "kept_events", "named_data"]

MOST_FILES = 200
DEPTH = 3

EVENT_SUFFIXES = frozenset(
    {".parquet", ".arrow", ".feather", ".h5", ".hdf5", ".root", ".i3", ".csv", ".db", ".sqlite"}
)
"""How files that may hold events are named."""

_LEFT_OUT = {"node_modules", "site-packages", "__pycache__", "checkpoints"}


@dataclass(frozen=True, slots=True)
class FileView:
    """One file or folder of events.

    Attributes:
        content: the reader's name, "reconstructions by METHOD" or "damaged".
        events: number of events, None where that is unknown.
        problem: why it cannot be read, None if it can.
        data: the user's data set that it belongs to, None if it has no name.
        kept: whether it is in icereco's cache.
    """

    path: Path
    content: str
    events: int | None
    size_bytes: int
    problem: str | None = None
    data: DataSet | None = None
    kept: bool = False


def named_data() -> Iterator[FileView]:
    """The user's data sets, in the order of the settings file.

    Raises:
        IcerecoError: the settings file is broken.
    """
    for data in data_sets().values():
        try:
            source = data.open()
            yield FileView(data.path, source.reader_name, source.count(), _size(data.path), None, data)
        except IcerecoError as error:
            yield FileView(data.path, data.reader or "?", None, 0, str(error), data)


def _size(path: Path) -> int:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)


def event_files(folder: Path) -> Iterator[FileView]:
    """The files under a folder whose format a reader detects, each once."""
    seen: set[Path] = set()
    for path in islice(_candidates(folder, DEPTH), MOST_FILES):
        whole = path.resolve()
        if whole not in seen and (view := _view(path)) is not None:
            seen.add(whole)
            yield view


def kept_events() -> Iterator[FileView]:
    """The simulated events in the cache, which later trainings reuse."""
    from icereco.system.cache import cache_dir

    return (replace(view, kept=True) for view in event_files(cache_dir() / "simulated"))


def _candidates(folder: Path, depth: int) -> Iterator[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return
    for entry in entries:
        if entry.name.startswith(".") or entry.name in _LEFT_OUT:
            continue
        if entry.is_dir():
            if depth > 1:
                yield from _candidates(entry, depth - 1)
        elif entry.suffix in EVENT_SUFFIXES:
            yield entry


def _view(path: Path) -> FileView | None:
    from icereco.data.sources.source import open_source
    from icereco.tables.reconstructions import provenance_of

    try:
        size = path.stat().st_size
        if path.suffix == ".parquet" and (facts := provenance_of(path)) is not None:
            return FileView(path, f"reconstructions by {facts.get('method', '?')}", _rows(path), size)
        source = open_source(path)
        return FileView(path, source.reader_name, source.count(), size)
    except IcerecoError as error:
        text = str(error)
        damaged = "damaged" in text or "cannot" in text
        return FileView(path, "damaged", None, 0, text.splitlines()[0]) if damaged else None
    except OSError:
        return None


def _rows(path: Path) -> int:
    import pyarrow.parquet as pq

    return int(pq.read_metadata(path).num_rows)
