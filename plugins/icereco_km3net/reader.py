"""Offline files of KM3NeT: hits of photomultipliers, each of which becomes a pulse of the module that it sits in.

Times are in ns from the first hit of the event; the charge is that of the time over threshold (`charge.py`); hits that took
no part in a trigger are auxiliary. The direction of the photomultiplier (`pmt_x`, `pmt_y`, `pmt_z`) and the time over
threshold are further columns of pulses, the official reconstructions (`fit_jmuon_azimuth`, …) of events.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy import ndarray

from icereco.data.sources.file_format import is_root
from icereco.detector.detector import Detector
from icereco.detector.sensor_finder import sensors_of_modules
from icereco.errors import IcerecoError
from icereco.tables.from_columns import own_batch
from icereco_km3net.elsewhere import require_events, require_hits
from icereco_km3net.events import event_ids, start_mjd
from icereco_km3net.hits import Hits, read_hits
from icereco_km3net.options import Km3netOptions
from icereco_km3net.places import require_places
from icereco_km3net.tracks import fits, truth

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Km3netReader"]

_SAMPLE_EVENTS = 100


class Km3netReader:
    """Reads a file, or a folder of files by name."""

    def __init__(self, options: Km3netOptions | None = None) -> None:
        self.options = options or Km3netOptions()

    def sniff(self, path: Path) -> bool:
        """Return whether it is a ROOT file with the tree E; also True if it cannot be opened, as reading reports why."""
        return any(_is_ours(file) for file in self.files(path))

    def files(self, path: Path) -> list[Path]:
        """The file, or the ROOT files of a folder."""
        return sorted(path.glob("[!.]*.root")) if path.is_dir() else [path]

    def parts(self, path: Path) -> list[Path]:
        """The files, each of which can be read separately."""
        return self.files(path)

    def count(self, path: Path) -> int:
        """The number of events."""
        total = 0
        for file in self.files(path):
            with _opened(file) as (root, events):
                require_events(root, events, file)
                total += len(events)
        return total

    def read(self, path: Path, detector: Detector, rows_per_batch: int = 4096) -> "Iterator[pa.RecordBatch]":
        """Yield the events of one file after the other.

        Raises:
            IcerecoError: km3io is not installed, a file is damaged or not calibrated, or its modules are not the detector's.
        """
        for file in self.files(path):
            with _opened(file) as (root, events):
                require_events(root, events, file)
                if len(events):
                    self._require_hits(root, events, file)
                    yield from self._read(events, file, detector, rows_per_batch)

    def _read(self, events: Any, file: Path, detector: Detector, rows: int) -> "Iterator[pa.RecordBatch]":
        sample = read_hits(events[:_SAMPLE_EVENTS], triggered_only=False)
        self._require_calibrated(sample, file)
        require_places(sample, detector, file)
        ids = event_ids(events)
        for start in range(0, len(ids), rows):
            part = events[start : start + rows]
            hits = read_hits(part, triggered_only=self.options.triggered_only)
            sensor = sensors_of_modules(hits.dom_id, detector, file, complain=False)
            columns = {**start_mjd(part), **truth(part, detector), **fits(part.trks)}
            yield own_batch(
                ids[start : start + rows],
                hits.offsets,
                hits.columns(sensor),
                columns,
                file,
                partial(_module, hits.dom_id),
            )

    def _require_hits(self, root: Any, events: Any, file: Path) -> None:
        sample = events[:_SAMPLE_EVENTS]
        if not self.options.uncalibrated and not sum(sample.n_hits.tolist()):
            require_hits(root, sample, file)

    def _require_calibrated(self, hits: Hits, file: Path) -> None:
        if len(hits.time_ns) and not hits.calibrated and not self.options.uncalibrated:
            raise IcerecoError(
                f"{file}: its hits are not calibrated: their photomultipliers have no direction, and their times lack the "
                "offset of each; calibrate it with KM3NeT's tools, or read it as it is with "
                "--reader km3net:uncalibrated=true"
            )


def _module(dom_id: ndarray, pulse: int) -> str:
    return f"with dom_id {dom_id[pulse]}"


def _is_root(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            return is_root(opened.read(12))
    except OSError:
        return False


def _is_ours(file: Path) -> bool:
    if not _is_root(file):
        return False
    try:
        import uproot

        with uproot.open(file) as opened:
            return "E" in opened.keys(recursive=False, cycle=False)
    except Exception:  # not installed, or damaged: reported when it is read
        return True


@contextmanager
def _opened(file: Path) -> Iterator[Any]:
    """A ROOT file, and the events of its tree E.

    Raises:
        IcerecoError: km3io is not installed, or the file is damaged or has no tree of events; also for errors while it is read.
    """
    try:
        import km3io
        import uproot
    except ImportError as error:
        raise IcerecoError(
            f"{file}: files of KM3NeT need the package km3io: pip install 'icereco[km3net]' ({error})"
        ) from error
    try:
        with uproot.open(file) as opened:
            yield opened, km3io.OfflineReader(opened)
    except IcerecoError:
        raise
    except Exception as error:  # a damaged file fails in many ways inside of uproot and awkward
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise IcerecoError(
            f"{file}: cannot be read as an offline file of KM3NeT: {reason}; it may be truncated or damaged: copy it again"
        ) from error
