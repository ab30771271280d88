"""IceTray's files: every sub-event (frame P) of the deep ice becomes an event."""

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from icereco.detector.detector import Detector
from icereco.detector.geometry_file import Geometry as DetectorGeometry
from icereco.errors import IcerecoError
from icereco.system.log import get_logger
from icereco_icetray.alerts import is_alert
from icereco_icetray.checksum import is_intact
from icereco_icetray.compression import CutError, read_chunks
from icereco_icetray.events import SubEvent, SubEvents, read_sub_event
from icereco_icetray.frames import read_frames
from icereco_icetray.geometry import (
    Geometry,
    Sensors,
    card_geometry,
    geometry_of_file,
    geometry_of_frame,
    modules_of,
)
from icereco_icetray.options import IcetrayOptions
from icereco_icetray.table import Columns
from icereco_icetray.truth import named_fits
from icereco_icetray.write_back import AnnotatedCopy, annotated_copy

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["IcetrayReader"]

logger = get_logger(__name__)

_SUFFIXES = (".i3", ".i3.gz", ".i3.bz2", ".i3.zst", ".i3.xz")
_GCD = re.compile(r"(?i).*(gcd|GeoCalibDetectorStatus).*")
_EVENTS_AT_ONCE = 256


class IcetrayReader:
    """Reads a file, the files of a folder by name, or those that a pattern such as `level2/*.i3.zst` names."""

    def __init__(self, options: IcetrayOptions | None = None) -> None:
        self.options = options or IcetrayOptions()
        self._reported: set[Path] = set()
        self._geometries: dict[Path, Geometry] = {}

    def sniff(self, path: Path) -> bool:
        """Return whether there are files of this name, or whose first bytes are those of a frame."""
        return (
            _begins_with_a_frame(path) if path.is_file() and not _is_named(path) else bool(self.files(path))
        )

    def files(self, path: Path) -> list[Path]:
        """The file, or the files of a folder or a pattern but for GCD files, by name."""
        if path.is_file():
            return [path]
        entries = path.iterdir() if path.is_dir() else path.parent.glob(path.name)
        return sorted(
            entry
            for entry in entries
            if _is_named(entry) and not (_is_gcd(entry) or entry.name.startswith("."))
        )

    def parts(self, path: Path) -> list[Path]:
        """The files, each of which can be read separately."""
        return self.files(path)

    def count(self, path: Path) -> int:
        """The number of sub-events that have the pulses.

        Raises:
            IcerecoError: a file is damaged, or none of its sub-events has the pulses.
        """
        return sum(
            sum(1 for _ in SubEvents(file, self.options.pulses).find(read_frames(file)))
            for file in self.files(path)
        )

    def preface(self, path: Path) -> str | None:
        """The option with which the files after a GCD file are read; None for any other file."""
        if not path.is_file() or not (_is_gcd(path) or _is_geometry(path)):
            return None
        return f"gcd={path.resolve()}"

    def geometry(self, path: Path) -> DetectorGeometry | None:
        """The modules in the ice of a GCD file: that which is given, the option's, one in the same folder, or in the events' own frames.

        Raises:
            IcerecoError: it is damaged.
        """
        file = self._gcd_of(path)
        if file is None:
            return None
        modules = modules_of(self._of_file(file))
        return DetectorGeometry(file, modules, "IceTray's geometry", None, "ice") if len(modules.om) else None

    def _gcd_of(self, path: Path) -> Path | None:
        """The file with the geometry for these events."""
        files = self.files(path)
        if self.options.gcd is not None or not files:
            return self.options.gcd
        first = files[0]
        return first if _has_geometry(first) else _gcd_beside(first)

    def damaged(self, path: Path) -> list[str]:
        """The frames that differ from their checksums.

        Raises:
            IcerecoError: a file is cut, or what is in it are not frames.
        """
        return [
            f"{file}: frame {frame.number}, of stream {frame.stream}"
            for file in self.files(path)
            for frame in read_frames(file)
            if not is_intact(frame)
        ]

    def annotated(
        self, paths: Sequence[Path], output: Path, method: str
    ) -> AbstractContextManager[AnnotatedCopy]:
        """Open a copy of all files, in which each sub-event gets what a method says of it (`write_back.py`).

        Raises:
            IcerecoError: the output would not be an .i3 file.
        """
        if not output.name.endswith(_SUFFIXES):
            raise IcerecoError(
                f"{output}: give a name that ends with {', '.join(_SUFFIXES[:-1])} or {_SUFFIXES[-1]} with -o"
            )
        files = [file for path in paths for file in self.files(path)]
        return annotated_copy(files, self.options.pulses, output, method)

    def read(self, path: Path, detector: Detector, rows_per_batch: int = 4096) -> "Iterator[pa.RecordBatch]":
        """Yield the sub-events of one file after the other.

        Raises:
            IcerecoError: a file is damaged, none of its sub-events has the pulses, or its modules are not the detector's.
        """
        for file in self.files(path):
            yield from self._read(file, detector, rows_per_batch)

    def _read(self, file: Path, detector: Detector, rows: int) -> "Iterator[pa.RecordBatch]":
        found = SubEvents(file, self.options.pulses)
        columns: Columns | None = None
        for block in _blocks(self._events(found)):
            columns = columns or self._columns(found, detector, block)
            for start in range(0, len(block), rows):
                yield columns.batch(block[start : start + rows])
        if columns is not None:
            self._report(found, columns)

    def _columns(self, found: SubEvents, detector: Detector, first: list[SubEvent]) -> Columns:
        """The columns of a file, which are those of its first events."""
        file = found.file
        named = named_fits(self.options.fits)
        return Columns(
            file=file,
            detector=detector,
            sensors=Sensors(self._geometry(found), detector, file),
            fits=tuple(named or sorted({name for event in first for name in event.fits})),
            with_truth=any(event.truth is not None for event in first),
        )

    def _events(self, found: SubEvents) -> Iterator[SubEvent]:
        for frame, header in found.find(read_frames(found.file)):
            yield read_sub_event(frame, header, found.key or "", self.options.fits, found.file)

    def _geometry(self, found: SubEvents) -> Geometry:
        """That of the option, of the file itself, or of a GCD file in its folder; else the card."""
        if self.options.gcd is not None:
            return self._of_file(self.options.gcd)
        own = None if found.geometry is None else geometry_of_frame(found.geometry, found.file)
        if own is not None:
            return own
        beside = _gcd_beside(found.file)
        return card_geometry() if beside is None else self._of_file(beside)

    def _of_file(self, path: Path) -> Geometry:
        """The geometry of a GCD file, which is read once for all files that need it."""
        if path not in self._geometries:
            self._geometries[path] = geometry_of_file(path)
        return self._geometries[path]

    def _report(self, found: SubEvents, columns: Columns) -> None:
        """Say once for each file what was read and left out; of hundreds of files only of the first, or of what is amiss."""
        if found.file in self._reported:
            return
        level = logging.DEBUG if self._reported else logging.INFO
        self._reported.add(found.file)
        lacks = [f"{count} sub-events {name}" for name, count in sorted(found.left_out.items())]
        if found.without_pulses:
            level = logging.WARNING
            lacks.append(f"{found.without_pulses} sub-events without these pulses")
        if columns.icetop:
            lacks.append(f"{columns.icetop} pulses of IceTop")
        left_out = f"; left out: {', '.join(lacks)}" if lacks else ""
        what = f"{found.events} events with the pulses {found.key}, modules as in {columns.sensors.geometry.source}"
        logger.log(level, "%s: %s%s", found.file, what, left_out)


def _blocks(events: Iterator[SubEvent]) -> Iterator[list[SubEvent]]:
    """Events in blocks; those before a damaged place come before its error."""
    block = list[SubEvent]()
    try:
        for event in events:
            block.append(event)
            if len(block) == _EVENTS_AT_ONCE:
                yield block
                block = []
    except IcerecoError:
        if block:
            yield block
        raise
    if block:
        yield block


def _is_gcd(file: Path) -> bool:
    return file.name.endswith(_SUFFIXES) and _GCD.fullmatch(file.name) is not None


def _gcd_beside(file: Path) -> Path | None:
    return next((entry for entry in sorted(file.parent.iterdir()) if _is_gcd(entry)), None)


def _has_geometry(file: Path) -> bool:
    """Whether there is one before the first event."""
    if is_alert(file):
        return False
    before = takewhile(lambda frame: frame.stream not in "QP", read_frames(file))
    with suppress(IcerecoError):  # of a damaged file, which is reported where its events are read
        return any("I3Geometry" in frame.slots for frame in before if frame.stream == "G")
    return False


def _is_named(file: Path) -> bool:
    """Whether a file has the name of one, or is an alert."""
    return file.name.endswith(_SUFFIXES) or is_alert(file)


def _begins_with_a_frame(file: Path) -> bool:
    try:
        return next(read_chunks(file, 4), b"") == b"[i3]"
    except (OSError, CutError):
        return False


def _is_geometry(file: Path) -> bool:
    """Whether a file has a geometry, and no event."""
    streams = set[str]()
    try:
        for frame in read_frames(file):
            streams.add(frame.stream)
            if streams & {"Q", "P"} or (frame.stream not in "IG" and "G" not in streams):
                return False
    except IcerecoError:
        return False
    return "G" in streams
