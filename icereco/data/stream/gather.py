"""Any events of a store, in any order, as one `EventBatch`."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from jaxtyping import Int
from numpy import ndarray

from icereco.data.store.store import Store
from icereco.detector.detector import Detector
from icereco.errors import IcerecoError
from icereco.events.batch import EventBatch
from icereco.tables.assembly import assemble
from icereco.tables.columns import event_columns, one_batch, pulse_columns, ragged
from icereco.tables.schema import TRUTH_COLUMNS

__all__ = ["gather", "gather_events"]


def gather_events(store: Store, rows: Int[ndarray, "event"], detector: Detector) -> EventBatch:
    """The events of these row numbers, in the order asked for."""
    rows = np.asarray(rows, np.int64)
    used, part = np.unique(np.searchsorted(store.block_offsets, rows, side="right") - 1, return_inverse=True)
    blocks = store.blocks(used.tolist()) or [store.block(0).slice(0, 0)]
    return gather(blocks, part, rows - store.block_offsets[used][part], detector)


def gather(
    blocks: Sequence[pa.RecordBatch],
    part: Int[ndarray, "event"],
    local: Int[ndarray, "event"],
    detector: Detector,
) -> EventBatch:
    """Events of several blocks, in any order, as one batch; each pulse is copied once.

    Args:
        blocks: with pulses sorted by (sensor_id, time), all with the same columns.
        part: the block of each event.
        local: its row there.
        detector: gives positions.
    """
    names = _pulse_columns(blocks)
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


def _pulse_columns(blocks: Sequence[pa.RecordBatch]) -> tuple[str, ...]:
    names = pulse_columns(blocks[0].schema)
    for block in blocks[1:]:
        if block.schema is not blocks[0].schema and set(other := pulse_columns(block.schema)) != set(names):
            raise IcerecoError(
                f"events with the pulse columns {', '.join(names)} and events with {', '.join(other)} cannot be mixed "
                "in a batch; train on data sets that have the same"
            )
    return names


def _event_columns(blocks: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    """The id, and what all blocks know of their events."""
    schema = blocks[0].schema
    known = set(schema.names).intersection(*(block.schema.names for block in blocks[1:]))
    names = [name for name in ("event_id", *TRUTH_COLUMNS, *event_columns(schema)) if name in known]
    return one_batch(pa.Table.from_batches([block.select(names) for block in blocks]))
