"""Truth from another file than the reconstructions: of events, or Kaggle's meta table."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from icereco.errors import IcerecoError
from icereco.system.log import get_logger
from icereco.tables.columns import lengths
from icereco.tables.saved_reconstructions import table_of
from icereco.tables.schema import TRUTH_COLUMNS

if TYPE_CHECKING:
    from icereco.data.catalog import DataSet

__all__ = ["given_truth"]

logger = get_logger(__name__)

_META = ("event_id", "azimuth", "zenith", "first_pulse_index", "last_pulse_index")
_TABLES = (".parquet", ".csv")


def given_truth(text: str, reader: str | None = None, also: Sequence[str] = ()) -> pa.Table:
    """The truth of a data set by name, of a file or folder of events, or of a meta table of Kaggle's layout.

    Args:
        text: the name or path.
        reader: what reads it as events; by default as declared, or detected automatically.
        also: further columns of events that are wanted, where it has them, such as weights.

    Returns:
        A table with event_id, pulses_total, and a column true_NAME for each truth column NAME.

    Raises:
        IcerecoError: there is none, it cannot be read, or it has no true directions.
    """
    from icereco.data.catalog import find

    data = find(text).read_with(reader)
    meta = _of_meta(data.path, also) if reader is None else None
    return _of_events(data, also) if meta is None else meta


def _of_meta(path: Path, also: Sequence[str]) -> pa.Table | None:
    if not (path.is_file() and path.suffix.lower() in _TABLES):
        return None
    try:
        table = table_of(path)
    except IcerecoError:
        return None  # what it is instead is reported where it is opened as events
    if not set(_META) <= set(table.column_names):
        _require_pulses(table.column_names, path)
        return None
    first, last = (table.column(name).to_numpy() for name in _META[3:])
    truth = {f"true_{name}": table.column(name) for name in _META[1:3]}
    truth |= {name: table.column(name) for name in also if name in table.column_names}
    return pa.table(
        {"event_id": table.column("event_id"), "pulses_total": pa.array(last - first + 1), **truth}
    )


def _require_pulses(names: list[str], path: Path) -> None:
    """Refuse a table of directions alone: results are given by number of pulses."""
    if set(_META[:3]) <= set(names) and not {"sensor_id", "time"} & set(names):
        raise IcerecoError(
            f"{path}: has directions, and no pulses, whose number is needed: as --truth give the events themselves, or a meta "
            f"table with {', '.join(_META[3:])}"
        )


def _of_events(data: "DataSet", also: Sequence[str]) -> pa.Table:
    from icereco.data.sources.detector_of import detector_of
    from icereco.detector.detector import load_detector

    source = data.open()
    detector = load_detector(data.detector) if data.detector else detector_of(source)
    parts = []
    for batch in source.batches(detector):
        names = [name for name in TRUTH_COLUMNS if name in batch.schema.names]
        if not {"azimuth", "zenith"} <= set(names):
            raise IcerecoError(f"{data.path}: has no true directions (columns azimuth and zenith)")
        pulses = pa.array(lengths(batch.column("sensor_id")), pa.int64())
        columns = {"event_id": batch.column("event_id"), "pulses_total": pulses}
        columns |= {name: batch.column(name) for name in also if name in batch.schema.names}
        parts.append(pa.table(columns | {f"true_{name}": batch.column(name) for name in names}))
    if not parts:
        raise IcerecoError(f"{data.path}: holds no events; at least one is needed")
    return pa.concat_tables(parts, promote_options="default")
