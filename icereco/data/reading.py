"""Events of a file in memory, for notebooks and scripts."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from icereco.data.catalog import DEFAULT_DETECTOR, find
from icereco.data.split.rule import Part
from icereco.detector.detector import Detector, given_detector
from icereco.errors import IcerecoError
from icereco.events.batch import EventBatch
from icereco.tables.assembly import event_batch
from icereco.tables.columns import is_sorted

__all__ = ["read_events"]

_ROWS_AT_ONCE = 4096


def read_events(
    path: str | Path,
    detector: Detector | str | Path | None = None,
    reader: str | None = None,
    *,
    part: Part | None = None,
    limit: int | None = None,
) -> EventBatch:
    """The events of a file, a folder or a data set by name, in their order, with their truth where the file has it.

    All of them are held in memory: about 20 bytes a pulse. Larger data is streamed by `icereco reconstruct`.

    >>> import icereco
    >>> events = icereco.read_events("events.parquet", limit=100)  # doctest: +SKIP
    >>> events[0].doms[0]  # doctest: +SKIP
    <DOM 2345 at (41.6, 35.5, -204.6) m: 3 pulses, 2.4 p.e.>

    Args:
        path: a file or folder of any format that `icereco plugins --kind reader` lists, or the name of a data set
            (`icereco data list`).
        detector: whose sensors the events name; by default as the data set declares, or icecube86.
        reader: what reads the file, such as "prometheus" or "prometheus:direction=travel"; by default it is detected
            automatically.
        part: only this part of the split that the data set declares: "train", "validation" or "test".
        limit: the number of events to read; by default all.

    Raises:
        IcerecoError: there is no such file or data set (with the nearest name), no reader or more than one
            recognises it, its events are of another detector, or a value is not valid (with file, row and event_id).
    """
    if limit is not None and limit < 1:
        raise IcerecoError(f"limit must be at least 1, not {limit}; leave it out to read all events")
    data = find(path)
    if reader is not None:
        data = data.model_copy(update={"reader": reader})
    chosen = given_detector(detector or data.detector or DEFAULT_DETECTOR)
    data.require_detector(chosen)
    tables = _tables(data.open(part).checked(chosen, min(limit or _ROWS_AT_ONCE, _ROWS_AT_ONCE)), limit)
    # Files of a folder may differ in further columns, and in whether their pulses are sorted.
    whole = pa.concat_tables(tables, promote_options="default")
    if not all(is_sorted(table.schema) for table in tables):
        whole = whole.replace_schema_metadata(
            None
        )  # what the first file says of its pulses is not true of all
    return event_batch(whole, chosen)


def _tables(batches: Iterator[pa.RecordBatch], limit: int | None) -> list[pa.Table]:
    """The first `limit` rows; a batch may be empty where a part of a split is read."""
    tables, count = [], 0
    for batch in batches:
        tables.append(pa.Table.from_batches([batch if limit is None else batch.slice(0, limit - count)]))
        count += tables[-1].num_rows
        if limit is not None and count >= limit:
            break
    return tables
