"""Prometheus: bare photons, in nested parquet as the simulation writes it, or in flat tables of photons and events.

A photon counts 1 p.e. and is never auxiliary: there is no charge, no coincidence and no noise in these files.
"""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from icereco.detector.detector import Detector
from icereco.detector.sensor_finder import finder_for
from icereco.errors import IcerecoError
from icereco_readers.convention import SAMPLE_EVENTS, Conventions
from icereco_readers.flat_prometheus import FlatFile, is_flat
from icereco_readers.foreign import FINDER_EVENTS, ForeignEvents
from icereco_readers.nested import NestedFile, is_nested, lacks_photons
from icereco_readers.options import PrometheusOptions

__all__ = ["PrometheusReader"]

_PARQUET = (".parquet", ".pq")


class PrometheusReader:
    """Reads a file of photons and truth, or a folder of such files by name.

    Both conventions of directions occur: unless an option sets it, each file's light decides between origin and travel.
    """

    def __init__(self, options: PrometheusOptions | None = None) -> None:
        self.options = options or PrometheusOptions()
        self._conventions = Conventions(self.options.direction, self._sample)

    def sniff(self, path: Path) -> bool:
        """Return whether it has a struct of photons at positions, or a flat table of them."""
        try:
            return any(_is_ours(file) for file in self.parts(path))
        except OSError:
            return False

    def files(self, path: Path) -> list[Path]:
        """The files of photons, and the tables of events that belong to flat ones."""
        return [file for part in self.parts(path) for file in self._file(part).files]

    def parts(self, path: Path) -> list[Path]:
        """The file, or the files of a folder; of flat tables that of the photons."""
        if not path.is_dir():
            return [path]
        files = sorted(file for file in path.iterdir() if file.suffix in _PARQUET and file.name[0] != ".")
        flat = [file for file in files if is_flat(file)]
        return flat or files

    def count(self, path: Path) -> int:
        """The number of events."""
        return sum(self._file(part).count() for part in self.parts(path))

    def read(self, path: Path, detector: Detector, rows_per_batch: int = 4096) -> Iterator[pa.RecordBatch]:
        """Yield the events of one file after the other.

        Raises:
            IcerecoError: a column is missing, the events are of another detector, or it has no photons.
        """
        for part in self.parts(path):
            file = self._file(part)
            if not (sample := file.sample(FINDER_EVENTS)):
                continue
            finder = finder_for(sample.place_m, detector, part, "prometheus")
            sign = self._conventions.sign(part, [file for file in self.parts(part.parent) if _is_ours(file)])
            for events in file.events(rows_per_batch, sign):
                yield events.own(finder, part)

    def _sample(self, part: Path) -> ForeignEvents | None:
        return self._file(part).sample(SAMPLE_EVENTS)

    def _file(self, part: Path) -> NestedFile | FlatFile:
        if is_flat(part):
            return FlatFile(part, self.options.source)
        if lacks_photons(part):
            raise IcerecoError(
                f"{part}: has the truth of Prometheus' events (mc_truth) and no photons: its photon propagation wrote none; "
                "see its log, and simulate again with photons"
            )
        return NestedFile(part, None, None, ("mc_truth",))


def _is_ours(file: Path) -> bool:
    try:
        return is_flat(file) or is_nested(file, None) or lacks_photons(file)
    except (pa.ArrowException, OSError):
        return False
