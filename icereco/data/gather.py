# ruff: noqa: TID253 -- works on Arrow blocks; imported only by commands that read a store
"""Any events of a store, in any order, as one `EventBatch`."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from jaxtyping import Int
from numpy import ndarray

from icereco.data.batches import assemble
from icereco.data.columns import one_batch, ragged
from icereco.data.store import Store
from icereco.data.table import PULSE_COLUMNS, TRUTH_COLUMNS
from icereco.detector import Detector
from icereco.events import EventBatch

__all__ = ["gather_events"]


def gather_events(store: Store, rows: Int[ndarray, "event"], detector: Detector) -> EventBatch:
    """The events of these row numbers, in the order asked for; each block is touched once.

    Args:
        store: where they are.
        rows: row numbers, each at most once.
        detector: gives positions.
    """
    rows = np.asarray(rows, np.int64)
    ascending = np.sort(rows)
    parts = list(_parts(store, ascending)) or [store.block(0).slice(0, 0)]
    events = one_batch(pa.Table.from_batches([_event_columns(part) for part in parts]))
    columns = {name: [ragged(part.column(name)) for part in parts] for name in PULSE_COLUMNS}
    counts = np.concatenate([np.diff(column.offsets) for column in columns["sensor_id"]])
    offsets = np.concatenate([[0], np.cumsum(counts)])
    pulses = {name: np.concatenate([part.values for part in column]) for name, column in columns.items()}
    if not np.array_equal(rows, ascending):
        order = np.searchsorted(ascending, rows)
        index, offsets = _reordered(offsets, order)
        pulses = {name: values[index] for name, values in pulses.items()}
        events = events.take(pa.array(order))
    return assemble(events, offsets, pulses, detector)


def _parts(store: Store, rows: Int[ndarray, "event"]) -> Iterator[pa.RecordBatch]:
    """The rows of each block that has any; ascending."""
    cuts = np.searchsorted(rows, store.block_offsets)
    for number in np.flatnonzero(np.diff(cuts)).tolist():
        mine = rows[cuts[number] : cuts[number + 1]] - store.block_offsets[number]
        block = store.block(number)
        whole = len(mine) == mine[-1] - mine[0] + 1
        yield block.slice(int(mine[0]), len(mine)) if whole else block.take(pa.array(mine))


def _event_columns(batch: pa.RecordBatch) -> pa.RecordBatch:
    return batch.select([name for name in ("event_id", *TRUTH_COLUMNS) if name in batch.schema.names])


def _reordered(
    offsets: Int[ndarray, "event+1"], order: Int[ndarray, "event"]
) -> tuple[Int[ndarray, "pulse"], Int[ndarray, "event+1"]]:
    """For events in another order: where each pulse comes from, and the new offsets."""
    counts = np.diff(offsets)[order]
    moved = np.concatenate([[0], np.cumsum(counts)])
    return np.arange(moved[-1]) + np.repeat(offsets[order] - moved[:-1], counts), moved
