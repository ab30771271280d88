# ruff: noqa: TID253 -- works on Arrow blocks; imported only by commands that read a store
"""Any events of a store, in any order, as one `EventBatch`."""

import numpy as np
import pyarrow as pa
from jaxtyping import Int
from numpy import ndarray

from icereco.data.batches import assemble
from icereco.data.columns import event_columns, one_batch, pulse_columns, ragged
from icereco.data.store import Store
from icereco.data.table import TRUTH_COLUMNS
from icereco.detector import Detector
from icereco.events import EventBatch

__all__ = ["gather_events"]


def gather_events(store: Store, rows: Int[ndarray, "event"], detector: Detector) -> EventBatch:
    """The events of these row numbers, in the order asked for; each pulse is copied once.

    Args:
        store: where they are.
        rows: row numbers.
        detector: gives positions.
    """
    rows = np.asarray(rows, np.int64)
    used, part = np.unique(np.searchsorted(store.block_offsets, rows, side="right") - 1, return_inverse=True)
    blocks = [store.block(int(number)) for number in used] or [store.block(0).slice(0, 0)]
    local = rows - store.block_offsets[used][part]
    names = pulse_columns(blocks[0].schema)
    columns = {name: [ragged(block.column(name)) for block in blocks] for name in names}
    # Event `local` of block `part` is pulses start:end of that block.
    table_start = np.cumsum([0, *(block.num_rows + 1 for block in blocks)])[part] + local
    block_offsets = np.concatenate([column.offsets for column in columns["sensor_id"]])
    start, end = block_offsets[table_start], block_offsets[table_start + 1]
    runs = _runs(part, start, end)
    pulses = {name: _copied([each.values for each in column], runs) for name, column in columns.items()}
    events = _event_columns(blocks).take(
        pa.array(np.cumsum([0, *(block.num_rows for block in blocks)])[part] + local)
    )
    return assemble(events, np.concatenate([[0], np.cumsum(end - start)]), pulses, detector)


def _runs(
    part: Int[ndarray, "event"], start: Int[ndarray, "event"], end: Int[ndarray, "event"]
) -> list[tuple[int, int, int]]:
    """Stretches (block, first pulse, last pulse + 1) that lie in one piece, in order."""
    joined = (part[1:] == part[:-1]) & (start[1:] == end[:-1])
    first = np.flatnonzero(np.append(True, ~joined)[: len(part)])
    last = np.append(first[1:], len(part)) - 1
    return list(
        zip(part[first].tolist(), start[first].tolist(), end[last[: len(first)]].tolist(), strict=True)
    )


def _copied(blocks: list[ndarray], runs: list[tuple[int, int, int]]) -> ndarray:
    # Copying stretch by stretch is several times faster than indexing every pulse.
    return np.concatenate([blocks[0][:0], *(blocks[part][start:end] for part, start, end in runs)])


def _event_columns(blocks: list[pa.RecordBatch]) -> pa.RecordBatch:
    schema = blocks[0].schema
    names = [name for name in ("event_id", *TRUTH_COLUMNS) if name in schema.names]
    return one_batch(
        pa.Table.from_batches([block.select([*names, *event_columns(schema)]) for block in blocks])
    )
