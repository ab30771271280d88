# ruff: noqa: TID253 -- reads data files; imported only by commands that do
"""A source of events: a file or folder, and the reader that understands it."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from icereco.blame import blaming
from icereco.components import Component
from icereco.data.check import EventChecker, check_truth
from icereco.detector import Detector
from icereco.errors import IcerecoError, did_you_mean
from icereco.log import get_logger
from icereco.plugins import registry
from icereco.roles import Reader

__all__ = ["Source", "fingerprint", "open_source"]

logger = get_logger(__name__)

_SAMPLE_BYTES = 1 << 16
_SAMPLES = 8


@dataclass(frozen=True, slots=True)
class Source:
    """A file or folder with the reader that recognised it.

    Attributes:
        path: the file or folder.
        reader_name: name of the reader component.
        reader: the reader itself.
    """

    path: Path
    reader_name: str
    reader: Reader

    def count(self) -> int:
        """The number of events, without reading the pulses."""
        with blaming("reader", self.reader, f"when it counted the events of {self.path}"):
            return self.reader.count(self.path)

    def batches(self, rows: int = 4096) -> Iterator[pa.RecordBatch]:
        """Events in input order in the own layout, at most `rows` at once, as they are in the file."""
        with blaming("reader", self.reader, f"while it read {self.path}"):
            yield from self.reader.read(self.path, rows)

    def checked(
        self, detector: Detector, rows: int = 4096, *, need_truth: bool = False
    ) -> Iterator[pa.RecordBatch]:
        """As `batches`, each batch checked before it is given out.

        Raises:
            IcerecoError: see `icereco.data.check`; no events at all; or no truth where it is needed.
        """
        checker = EventChecker(detector, self.path)
        for batch in self.batches(rows):
            checker.check(batch)
            if need_truth:
                check_truth(batch, checker.file, checker.next_row - batch.num_rows)
            yield batch
        if checker.total == 0:
            raise IcerecoError(f"{self.path}: holds no events; at least one is needed")

    def fingerprint(self) -> str:
        """Identifies the contents of all files that are read; see `fingerprint`."""
        with blaming("reader", self.reader, f"when it named the files of {self.path}"):
            files = self.reader.files(self.path)
        return fingerprint(self.path, files)


def open_source(path: str | Path, reader: str | None = None) -> Source:
    """The file or folder with the reader that recognises it.

    Args:
        path: what to read.
        reader: name of a reader component; by default every installed reader is asked.

    Raises:
        IcerecoError: there is no such file, it is damaged, or no reader (or more than one) recognises it.
    """
    path = Path(path)
    _require_exists(path)
    components = [registry().get("reader", reader)] if reader else registry().components("reader")
    failures: list[str] = []
    found = [(one, built) for one in components if (built := _recognising(one, path, failures)) is not None]
    if failures and (reader or not found):
        raise IcerecoError(
            "\n".join([*failures, *(() if reader else (str(_not_recognised(path, components)),))])
        )
    for failure in failures:
        logger.warning(failure)
    if not found:
        raise _not_recognised(path, components)
    if len(found) > 1:
        names = ", ".join(component.name for component, _ in found)
        raise IcerecoError(f"{path}: several readers recognise it ({names}); choose one with --reader")
    component, built = found[0]
    return Source(path, component.name, built)


def _recognising(component: Component, path: Path, failures: list[str]) -> Reader | None:
    """The reader, if it says that the file is its own; one that fails must not keep the others from reading it."""
    try:
        factory = component.load_factory()
        with blaming("reader", factory, f"when it was asked about {path}"):
            built: Reader = factory(component.load_options()())
            return built if built.sniff(path) else None
    except IcerecoError as error:
        failures.append(f"reader {component.name!r} is left out: {error}")
        return None


def _require_exists(path: Path) -> None:
    if path.exists():
        return
    parent = path.parent
    if not parent.is_dir():
        raise IcerecoError(f"{path}: no such file, nor is there a folder {parent}")
    hint = did_you_mean(path.name, [entry.name for entry in parent.iterdir()])
    raise IcerecoError(f"{path}: no such file or folder{hint}")


def _not_recognised(path: Path, asked: list[Component]) -> IcerecoError:
    lines = [f"{path}: {_what_it_is(path)}"]
    lines += [f"  {component.name} needs: {component.summary}" for component in asked]
    return IcerecoError(
        "\n".join(lines if asked else [*lines, "  no reader is installed: see icereco plugins"])
    )


def _what_it_is(path: Path) -> str:
    if not path.is_dir():
        return _what_file_is(path)
    files = sorted(entry for entry in path.iterdir() if entry.is_file())
    tables = [file for file in files if file.suffix in (".parquet", ".arrow", ".feather")]
    if not tables:
        return f"no reader recognises this folder; it holds {len(files)} files, none of them parquet or Arrow"
    return f"no reader recognises this folder; {tables[0].name}: {_what_file_is(tables[0])}"


def _what_file_is(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            magic = opened.read(6)
        if magic[:4] == b"PAR1":
            return _columns(pq.read_schema(file))
        if magic == b"ARROW1":
            with pa.memory_map(str(file)) as source:
                return _columns(pa.ipc.open_file(source).schema)
    except (pa.ArrowException, OSError) as error:
        return (
            f"truncated or damaged, it cannot be opened ({str(error).splitlines()[0]}); copy or make it again"
        )
    return "the file is empty" if not magic else "neither a parquet nor an Arrow file"


def _columns(schema: pa.Schema) -> str:
    found = ", ".join(f"{field.name} ({field.type})" for field in schema) or "none"
    return f"no reader recognises its columns; found: {found}"


def fingerprint(path: str | Path, files: Iterable[Path] | None = None) -> str:
    """A sha256 hex that changes when data change, at the cost of reading half a megabyte of each file.

    It covers the names (relative to `path`), the sizes, and of each file the first and last 64 KiB and six stretches
    between: a parquet footer lies at the end, and holds the statistics of every column. Where the files are and when
    they were written makes no difference. A change of equal length that keeps to the gaps goes unnoticed.

    Args:
        path: a file or folder.
        files: what to cover; by default the file, or all files in the folder.
    """
    path = Path(path)
    if files is None:
        files = [path] if path.is_file() else (file for file in path.rglob("*") if file.is_file())
    digest = hashlib.sha256(b"icereco data 1")
    for file in sorted(files):
        size = file.stat().st_size
        name = file.relative_to(path).as_posix() if path in file.parents else file.name
        digest.update(f"\n{name}\n{size}\n".encode())
        _sample(file, size, digest)
    return digest.hexdigest()


def _sample(file: Path, size: int, digest: "hashlib._Hash") -> None:
    last = max(size - _SAMPLE_BYTES, 0)
    with file.open("rb") as opened:
        for start in sorted({last * part // (_SAMPLES - 1) for part in range(_SAMPLES)}):
            opened.seek(start)
            digest.update(opened.read(_SAMPLE_BYTES))
