"""The layout of the Kaggle competition "IceCube - Neutrinos in Deep Ice": one row per pulse, and a meta table.

Sensor ids, units (ns, p.e.), the auxiliary flag and the direction (of origin) are the same as ours. The meta's
`last_pulse_index` is inclusive.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from icereco.detector.detector import Detector
from icereco.errors import IcerecoError
from icereco.system.log import get_logger
from icereco.tables.columns import FILE_KEY, conform, with_metadata
from icereco.tables.from_columns import int_column
from icereco_readers.kaggle_geometry import geometry_of, require_same_sensors
from icereco_readers.kaggle_meta import META_COLUMNS, EventIndex, index_from_meta, index_from_pulses
from icereco_readers.kaggle_metas import MetaTables
from icereco_readers.options import KaggleOptions
from icereco_readers.pulse_rows import PulseRows, event_rows
from icereco_readers.pulse_truth import with_truth_of_pulses

__all__ = ["KaggleReader"]

logger = get_logger(__name__)

_COLUMNS = ("event_id", "sensor_id", "time", "charge", "auxiliary")
_BATCH_NAME = re.compile(r"batch_(\d+)\.parquet")


class KaggleReader:
    """Reads a competition folder, its train or test folder, or one batch file, in the order of the meta table.

    Memory is bounded by the meta of one batch and the pulses of `rows_per_batch` events. Only where the meta's
    events are not in the order of their pulses, one batch file is held whole.
    """

    def __init__(self, options: KaggleOptions | None = None) -> None:
        self.options = options or KaggleOptions()
        self._metas = MetaTables()
        self._reported: set[Path] = set()

    def sniff(self, path: Path) -> bool:
        """Return whether it has, or is, a parquet file with one row per pulse."""
        try:
            return any(_is_pulse_table(file.path) for file in self._files(path))
        except OSError:
            return False

    def files(self, path: Path) -> list[Path]:
        """The batch files, their meta tables and the sensor table."""
        files = self._files(path)
        beside = {place for file in files for place in (file.meta, geometry_of(file.path)) if place}
        return [file.path for file in files] + sorted(beside)

    def parts(self, path: Path) -> list[Path]:
        """The batch files, each of which can be read separately."""
        return [file.path for file in self._files(path)]

    def count(self, path: Path) -> int:
        """The number of events, from the meta table, or from the event_id column where there is none."""
        return sum(self._count(file) for file in self._files(path))

    def read(self, path: Path, detector: Detector, rows_per_batch: int = 4096) -> Iterator[pa.RecordBatch]:
        """Yield events batch file by batch file in order of the batch number, within each in the order of the meta table.

        Without a meta table: in order of first appearance, with the truth that their rows of pulses have.

        Raises:
            IcerecoError: columns are missing, the pulse indices of the meta do not fit the pulses, or the sensor table
                that comes with them is not the detector's.
        """
        files = self._files(path)
        for geometry in {place for file in files if (place := geometry_of(file.path))}:
            require_same_sensors(geometry, detector)
        for file in files:
            index = self._index(file)
            with PulseRows(file.path, _COLUMNS, in_order=index.in_order) as rows:
                index.require_within(rows.count, file.path)
                self._report_left_over(file, rows.count - int(index.pulse_count.sum()), rows.count)
                yield from _events(file.path, rows, index, rows_per_batch)

    def _report_left_over(self, file: "_BatchFile", left: int, pulses: int) -> None:
        if file.meta is not None and left > 0 and self._is_new(file.path):
            logger.warning(
                "%s: left out %d of %d pulses, whose events are not in %s", file.path, left, pulses, file.meta
            )

    def _files(self, path: Path) -> list["_BatchFile"]:
        if not path.is_dir():
            return [_BatchFile(path, self.options.meta)]
        folder = next((path / part for part in self._folders() if (path / part).is_dir()), path)
        meta = self.options.meta
        files = [_BatchFile(file, meta) for file in folder.iterdir() if _BATCH_NAME.fullmatch(file.name)]
        return sorted(files, key=lambda file: file.batch_id or 0)

    def _count(self, file: "_BatchFile") -> int:
        if file.meta is None or file.batch_id is None:
            return len(index_from_pulses(file.path).event_id)
        return self._metas.count(file.meta, file.batch_id)

    def _index(self, file: "_BatchFile") -> EventIndex:
        if file.given is not None and file.batch_id is None:
            raise IcerecoError(
                f"{file.path}: with meta= files must be called batch_N.parquet, N being their batch_id"
            )
        if file.meta is None or file.batch_id is None:
            index = with_truth_of_pulses(index_from_pulses(file.path), file.path)
            self._report_no_truth(file, index)
            return index
        self._report_other_names(file.meta)
        rows = self._metas.rows(file.meta, file.batch_id)
        return index_from_meta(rows, file.batch_id, file.meta, file.path)

    def _report_other_names(self, meta: Path) -> None:
        """Say once of a meta table that it has further columns, and that none is the direction: they may have other names."""
        names = pq.read_schema(meta).names
        further = [name for name in names if name not in META_COLUMNS]
        if further and not {"azimuth", "zenith"} <= set(names) and self._is_new(meta):
            logger.warning(
                "%s: has no columns azimuth and zenith, and so there is no true direction; further columns: %s",
                meta,
                ", ".join(further),
            )

    def _is_new(self, place: Path) -> bool:
        """Whether nothing has been reported of it; it counts as reported now."""
        new = place not in self._reported
        self._reported.add(place)
        return new

    def _report_no_truth(self, file: "_BatchFile", index: EventIndex) -> None:
        """Say once for a folder that there is no truth, and where it could be."""
        if not index.truth and self._is_new(file.path.parent):
            logger.info(
                "%s: has no meta table, such as train_meta.parquet, in its folder or the one above, and so no truth; if it has "
                "another name: --reader kaggle:meta=NAME.parquet",
                file.path,
            )

    def _folders(self) -> tuple[Literal["train", "test"], ...]:
        return ("train", "test") if self.options.part is None else (self.options.part,)


@dataclass(frozen=True, slots=True)
class _BatchFile:
    """One file of pulses, and where its meta table is.

    Attributes:
        path: the file.
        given: the meta table that an option names.
    """

    path: Path
    given: Path | None = None

    @property
    def batch_id(self) -> int | None:
        match = _BATCH_NAME.fullmatch(self.path.name)
        return int(match[1]) if match else None

    @property
    def meta(self) -> Path | None:
        """`train_meta.parquet` for `train/batch_1.parquet`: next to the folder, or next to the file.

        A split one, with a file for each batch, is `train_meta/batch_1.parquet`, `train_meta_1.parquet` or `meta_1.parquet`.
        """
        if self.given is not None:
            return self._given_meta(self.given.expanduser())
        folder, number = self.path.resolve().parent, self.batch_id
        part = folder.name if folder.name in ("train", "test") else "train"
        split = [f"{part}_meta/{name}_{number}.parquet" for name in ("batch", "meta", f"{part}_meta")]
        single = [f"{part}_meta_{number}.parquet", f"meta_{number}.parquet"]
        names = [*split, *single, f"{part}_meta.parquet", "test_meta.parquet"]
        above = names[:-1] if folder.name == part else []
        places = [*(folder.parent / name for name in above), *(folder / name for name in names)]
        return next((place for place in places if place.is_file()), None)

    def _given_meta(self, given: Path) -> Path:
        """The meta table itself, from the folder of the pulses or the one above."""
        folder = self.path.resolve().parent
        places = [folder / given, folder.parent / given]
        found = next((place for place in places if place.is_file()), None)
        if found is None:
            raise IcerecoError(
                f"{places[0]}: there is no such meta table, which meta= names from the folder of {self.path.name} or the one above"
            )
        return found


def _is_pulse_table(file: Path) -> bool:
    try:
        schema = pq.read_schema(file)
    except (pa.ArrowException, OSError):
        return False
    return all(name in schema.names for name in _COLUMNS) and not any(
        pa.types.is_nested(schema.field(name).type) for name in _COLUMNS
    )


def _events(file: Path, rows: PulseRows, index: EventIndex, rows_per_batch: int) -> Iterator[pa.RecordBatch]:
    for start in range(0, len(index.event_id), rows_per_batch):
        part = index.slice(start, start + rows_per_batch)
        batch = event_rows(rows, part)
        _require_own_pulses(batch, part, file)
        batch = conform(batch.drop_columns("pulse_event_id"), file)
        yield with_metadata(batch, FILE_KEY, str(file).encode())


def _require_own_pulses(batch: pa.RecordBatch, index: EventIndex, file: Path) -> None:
    """The pulses that the meta gives an event must carry its id."""
    owner = np.repeat(index.event_id, index.pulse_count)
    event_id = int_column(pc.list_flatten(batch.column("pulse_event_id")), "event_id", file)
    if not np.array_equal(owner, event_id):
        first = int(np.argmax(owner != event_id))
        raise IcerecoError(
            f"{file}: the meta table gives event_id {owner[first]} a pulse of event_id {event_id[first]}; "
            "first_pulse_index and last_pulse_index (inclusive) do not fit this file, or its pulses are not sorted by event"
        )
