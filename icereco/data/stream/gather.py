"""Events of the blocks of a store, in any order, as one `EventBatch`; their DOMs are those that the store keeps."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from jaxtyping import Int
from numpy import ndarray

from icereco.detector.detector import Detector
from icereco.errors import IcerecoError
from icereco.events.batch import EventBatch
from icereco.tables.assembly import assemble
from icereco.tables.columns import Ragged, event_columns, one_batch, pulse_columns, ragged
from icereco.tables.dom_level import DOM_FIELDS, DomLevel
from icereco.tables.schema import TRUTH_COLUMNS

__all__ = ["gather"]


def gather(
    blocks: Sequence[pa.RecordBatch],
    block: Int[ndarray, "event"],
    row: Int[ndarray, "event"],
    detector: Detector,
) -> EventBatch:
    """Events of several blocks, in any order, as one batch; each pulse is copied once.

    Args:
        blocks: of stores, all with the same columns of pulses.
        block: the number in `blocks` of each event's block.
        row: its row there.
        detector: gives positions.

    Raises:
        IcerecoError: blocks differ in columns of pulses, or a sensor is outside the detector.
    """
    place = _offsets([each.num_rows for each in blocks])[block] + row
    pulses = {name: _lists(blocks, name) for name in _pulse_columns(blocks)}
    runs = _runs(block, row, [column.offsets for column in pulses["time"]])
    copied = {name: _copied([each.values for each in column], runs) for name, column in pulses.items()}
    return assemble(_event_columns(blocks).take(pa.array(place)), _doms(blocks, place), copied, detector)


def _lists(blocks: Sequence[pa.RecordBatch], name: str) -> list[Ragged]:
    return [ragged(block.column(name)) for block in blocks]


def _doms(blocks: Sequence[pa.RecordBatch], place: Int[ndarray, "event"]) -> DomLevel:
    """The DOMs of events by their place in all blocks together."""
    sensors, pulses = (_lists(blocks, field.name) for field in DOM_FIELDS)
    starts = _offsets([len(each.values) for each in sensors])[:-1]
    first = np.concatenate([each.offsets[:-1] + start for each, start in zip(sensors, starts, strict=True)])
    counts = np.concatenate([np.diff(each.offsets) for each in sensors])[place]
    offsets = _offsets(counts)
    # An index for each DOM is quicker than a copy for each event, unlike for pulses: an event has few DOMs.
    index = np.repeat(first[place] - offsets[:-1], counts) + np.arange(offsets[-1])
    sensor_id, dom_pulses = (
        np.concatenate([each.values for each in lists])[index] for lists in (sensors, pulses)
    )
    return DomLevel(offsets, sensor_id, _offsets(dom_pulses))


def _runs(
    block: Int[ndarray, "event"], row: Int[ndarray, "event"], offsets: Sequence[Int[ndarray, "_"]]
) -> list[tuple[int, int, int]]:
    """Pulses of consecutive rows (block, first pulse, last pulse + 1), in the order of the events."""
    joined = (block[1:] == block[:-1]) & (row[1:] == row[:-1] + 1)
    first = np.flatnonzero(np.append(True, ~joined)[: len(block)])
    last = np.append(first[1:], len(block))[: len(first)] - 1
    place, offset = _offsets([len(each) for each in offsets])[block] + row, np.concatenate(offsets)
    start, end = offset[place[first]], offset[place[last] + 1]
    return list(zip(block[first].tolist(), start.tolist(), end.tolist(), strict=True))


def _copied(blocks: list[ndarray], runs: list[tuple[int, int, int]]) -> ndarray:
    # Run by run: an index for each pulse takes as long, and more memory than the pulses.
    return np.concatenate([blocks[0][:0], *(blocks[number][start:end] for number, start, end in runs)])


def _offsets(counts: Sequence[int] | Int[ndarray, "count"]) -> Int[ndarray, "count_plus_1"]:
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])


def _pulse_columns(blocks: Sequence[pa.RecordBatch]) -> list[str]:
    """What the blocks know of a pulse, but for its sensor."""
    schemas = [block.schema for block in blocks]
    names, *other_names = (
        [name for name in pulse_columns(schema) if name != "sensor_id"]
        for schema in schemas
        if schema is schemas[0] or not schema.equals(schemas[0])
    )
    for different in other_names:
        if set(different) != set(names):
            raise IcerecoError(
                f"events with the pulse columns {', '.join(names)} and events with {', '.join(different)} cannot be mixed "
                "in a batch; train on data sets that have the same"
            )
    return names


def _event_columns(blocks: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    """The id, and what all blocks know of their events."""
    schema = blocks[0].schema
    known = set(schema.names).intersection(*(block.schema.names for block in blocks[1:]))
    names = [name for name in ("event_id", *TRUTH_COLUMNS, *event_columns(schema)) if name in known]
    return one_batch(pa.Table.from_batches([block.select(names) for block in blocks]))
