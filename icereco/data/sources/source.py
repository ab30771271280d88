"""A source of events: a file or folder, and the reader that understands it."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from icereco.data.sources.fingerprint import fingerprint
from icereco.data.sources.reader_choice import choices
from icereco.data.sources.recognise import first_line, not_recognised, recognises, require_exists
from icereco.data.split.selection import Selection
from icereco.detector.detector import Detector
from icereco.detector.geometry_file import Geometry
from icereco.errors import IcerecoError
from icereco.plugins.attribution import described
from icereco.plugins.registry import Declaration
from icereco.protocols import Divisible, Locating, Reader, Tabular
from icereco.system.log import get_logger
from icereco.tables.carried import carried_schema
from icereco.tables.columns import conform, file_of
from icereco.tables.validation import EventChecker, check_truth

__all__ = ["Source", "open_source"]

logger = get_logger(__name__)

_FIRST_EVENTS = 64


@dataclass(frozen=True)
class Source:
    """A file or folder with the reader of its format: opened once, and handed on to every step that needs it.

    The list of files, their number of events and their fingerprint are determined once and kept; open a file
    again after it has changed.

    Attributes:
        path: the file or folder.
        reader: what reads it.
        declaration: of the reader.
        reader_text: the reader with its options, as `icereco.data.sources.reader_choice.choices` takes it.
        selection: the part of a declared split that is read; None for everything.
        skips: identifies what is left out of the files (`icereco.data.sources.skip_bad`); empty for nothing.
        reported: whether all events were checked once already, and what is strange about them reported.
    """

    path: Path
    reader: Reader
    declaration: Declaration
    reader_text: str
    selection: Selection | None = None
    skips: str = ""
    reported: bool = False

    @property
    def reader_name(self) -> str:
        """The name of the reader component."""
        return self.declaration.component.name

    def count(self) -> int:
        """The number of events, without reading the pulses; of a selection by event about so many.

        Raises:
            IcerecoError: a file is damaged.
        """
        share = 1.0 if self.selection is None else self.selection.share
        return round(share * sum(part._events for part in self._parts))

    def parts(self) -> "list[Source]":
        """Sources that, one after the other, give the same events: for a reader of folders, the files.

        Several processes can read them, and a training can begin with the first. What a reader that is not `Divisible`
        reads is one part, the whole.
        """
        return list(self._parts)

    def part_names(self) -> list[str]:
        """The name of each part as seen from the source, selected or not: what a split by file uses."""
        return [
            path.relative_to(self.path).as_posix() if self.path in path.parents else path.name
            for path in self._part_paths
        ]

    @cached_property
    def _parts(self) -> "tuple[Source, ...]":
        if self.selection is None:
            return tuple(self._part(path, None) for path in self._part_paths)
        read = zip(self._part_paths, self.selection.of_files(self.part_names()), strict=True)
        return tuple(self._part(path, self.selection.within_file) for path, chosen in read if chosen)

    def _part(self, path: Path, selection: Selection | None) -> "Source":
        if (path, selection) == (self.path, self.selection):
            return self  # and what it knows already
        return replace(self, path=path, selection=selection)

    @cached_property
    def _part_paths(self) -> list[Path]:
        return list(self.reader.parts(self.path)) if isinstance(self.reader, Divisible) else [self.path]

    @cached_property
    def _events(self) -> int:
        """Of all files, selected or not."""
        with _explaining(self.path, self.declaration):
            return self.reader.count(self.path)

    @cached_property
    def _files(self) -> list[Path]:
        return list(self.reader.files(self.path))

    def batches(
        self, detector: Detector, rows: int = 4096, *, as_given: bool = False
    ) -> Iterator[pa.RecordBatch]:
        """Events in input order in the own layout, at most `rows` at once, as they are in the file.

        This is where Arrow enters: columns are cast to the types of the own layout here and nowhere after; `as_given` keeps
        those of further columns of events, and text (`icereco.tables.columns.own_fields`).

        Raises:
            IcerecoError: a file cannot be read, was changed meanwhile, or is of another detector.
        """
        for part in self._parts:
            yield from part._own_batches(detector, rows, as_given=as_given)

    def _own_batches(self, detector: Detector, rows: int, *, as_given: bool) -> Iterator[pa.RecordBatch]:
        """Of a part."""
        with _unchanged(self._files), _explaining(self.path, self.declaration):
            for batch in self.reader.read(self.path, detector, rows):
                yield conform(batch, file_of(batch, self.path), as_given=as_given)

    def shaped(self, detector: Detector, rows: int = 4096) -> Iterator[pa.RecordBatch]:
        """As `batches`, for what looks at bad events too: only checked for nulls and lists of different length.

        Raises:
            IcerecoError: as `batches`; a null, or lists of different length.
        """
        checker = EventChecker(detector, self.path)
        for batch in self.batches(detector, rows):
            checker.check_shape(batch)
            yield batch

    def carried_schemas(self) -> list[tuple[Path, pa.Schema]]:
        """Each file and its columns of events that are carried (`icereco.tables.carried`), from a reader that is `Tabular`.

        Raises:
            IcerecoError: a file is damaged.
        """
        if not isinstance(self.reader, Tabular):
            return []
        schemas = list[tuple[Path, pa.Schema]]()
        for part in self._parts:
            with _explaining(part.path, self.declaration):
                schemas.append((part.path, carried_schema(self.reader.schema(part.path))))
        return schemas

    def checked(
        self,
        detector: Detector,
        rows: int = 4096,
        *,
        need_truth: bool = False,
        as_given: bool = False,
        quiet: bool = False,
        failed: Callable[["Source", int, IcerecoError], object] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """As `batches`, each batch checked first; unless it is quiet, what is strange without being an error is reported.

        Args:
            detector: of the events.
            rows: most at once.
            need_truth: whether an event without a true direction is an error.
            as_given: as of `batches`.
            quiet: whether nothing is reported.
            failed: called with the part that cannot be read to its end, how many of its events were checked, and
                the error; the other parts are read then. None to raise the error.

        Raises:
            IcerecoError: see `icereco.tables.validation`; no events at all; or no truth where it is needed.
        """
        checker = EventChecker(detector, self.path, quiet=quiet or self.reported)
        failures = 0
        for part in self._parts:
            before = checker.total
            try:
                for batch in part._own_batches(detector, rows, as_given=as_given):
                    checker.check(batch)
                    if need_truth:
                        check_truth(batch, checker.file, checker.next_row - batch.num_rows)
                    yield batch if self.selection is None else self.selection.of_events(batch)
            except IcerecoError as error:
                if failed is None:
                    raise
                failed(part, checker.total - before, error)
                failures += 1
        if checker.total == 0 and not failures:
            raise IcerecoError(f"{self.path}: holds no events; at least one is needed")

    def require_first(self, detector: Detector, *, quiet: bool = False) -> None:
        """Check the first events, before the whole source is used; quiet as in `checked`.

        Raises:
            IcerecoError: they cannot be read, or are of another detector.
        """
        next(self.checked(detector, _FIRST_EVENTS, quiet=quiet))

    def geometry(self) -> Geometry | None:
        """The modules that come with the events, from a reader that is `Locating`; None if there are none.

        Raises:
            IcerecoError: the file with them is damaged.
        """
        if not isinstance(self.reader, Locating):
            return None
        with _explaining(self.path, self.declaration):
            return self.reader.geometry(self.path)

    def fingerprint(self) -> str:
        """Identifies the contents of all files that are read, and how they are read; see `fingerprint`."""
        return self._fingerprint

    @cached_property
    def _fingerprint(self) -> str:
        contents = fingerprint(self.path, self._files)
        part = "" if self.selection is None else self.selection.text
        return hashlib.sha256(f"{contents} {self.reader_text} {self.skips}{part}".encode()).hexdigest()

    def facts(self) -> dict[str, str]:
        """What the provenance of results says of a source: its path, reader and fingerprint."""
        return {
            "path": str(self.path.resolve()),
            "reader": self.reader_text,
            "fingerprint": self.fingerprint(),
        }


def open_source(path: str | Path, reader: str | None = None) -> Source:
    """Open a file or folder with the reader that recognises it.

    Args:
        path: what to read.
        reader: name of a reader component, maybe with options (`icereco.data.sources.reader_choice.choices`); by default it is
            detected automatically.

    Raises:
        IcerecoError: there is no such file, it is damaged, or no reader (or more than one) recognises it.
    """
    path = Path(path)
    candidates = choices(reader)
    require_exists(path)
    failures: list[str] = []
    matching = [one for one in candidates if recognises(one, path, failures)]
    if failures and (reader or not matching):
        raise IcerecoError("\n".join([*failures, str(not_recognised(path, candidates))]))
    for failure in failures:
        logger.warning(failure)
    if not matching:
        raise not_recognised(path, candidates)
    if len(matching) > 1:
        names = ", ".join(one.component.name for one in matching)
        raise IcerecoError(f"{path}: several readers recognise it ({names}); choose one with --reader")
    built = matching[0].built
    return Source(path, built.component, built.declaration, matching[0].text)


@contextmanager
def _explaining(path: Path, declaration: Declaration) -> Iterator[None]:
    """Turn any error inside a reader into one message for the user."""
    try:
        yield
    except IcerecoError:
        raise
    except (pa.ArrowException, OSError) as error:
        raise IcerecoError(f"{path}: cannot be read to its end: {first_line(error)}") from error
    except Exception as error:
        what = f"{type(error).__name__}: {first_line(error)}"
        raise IcerecoError(
            f"{path}: cannot be read, damaged or not of this format ({what} in {described(declaration)})"
        ) from error


@contextmanager
def _unchanged(files: Iterable[Path]) -> Iterator[None]:
    """Report a file that changes while it is read, rather than the errors that follow from that."""
    before = {file: _state(file) for file in files}
    failed: Exception | None = None
    try:
        yield
    except Exception as error:
        failed = error
    if changed := [file for file, state in before.items() if _state(file) != state]:
        raise IcerecoError(
            f"{changed[0]}: was changed while it was read; read it again when it is finished"
        ) from failed
    if failed is not None:
        raise failed


def _state(file: Path) -> tuple[int, int, int] | None:
    """Which file it is, its size and when it was last written; None if it is gone."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
