"""A cut: the events of a data set for which a condition is true, to train on these alone."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import polars as pl
import pyarrow as pa
from jaxtyping import Int
from numpy import ndarray

from icereco.data.store.rows import RowNumbers, Rows
from icereco.data.store.split_by_hash import Split
from icereco.data.store.store import Store
from icereco.data.stream.shuffle import Portion
from icereco.errors import IcerecoError
from icereco.tables.columns import lengths
from icereco.tables.conditions import columns_used, filtered, named_values

__all__ = ["cut_split", "require_condition", "rows_where"]

_COUNTED = {"pulses": "time", "doms": "dom_sensor_id"}
"""What a condition may count, and the list of a store with an item for each."""

_BLOCKS = 256
"""Blocks of a store that are looked at together."""


def require_condition(schema: pa.Schema, condition: str, source: str) -> None:
    """Check a condition against the columns of events in icereco's layout, before they are prepared.

    Raises:
        IcerecoError: it is not valid, or names a column that they lack.
    """
    empty = {name: pl.Series(name, [], pl.Int64) for name in ("row", *_COUNTED)}
    empty |= {name: named_values(name, pa.array([], schema.field(name).type)) for name in _of_events(schema)}
    with _about(condition, source):
        if not condition.strip():
            raise IcerecoError("it is empty; write one, such as pulses > 100")
        filtered(pl.DataFrame(empty), condition)


def rows_where(store: Store, condition: str) -> Int[ndarray, "event"]:
    """The rows of the events for which an SQL condition is true, ascending.

    It may name row, event_id, pulses and doms (how many), the truth (azimuth and zenith in degrees, energy in GeV, kind,
    vertex_x, vertex_y, vertex_z in m, inelasticity), and every further column of events that the store has. No comparison
    is true of what is not known.

    Raises:
        IcerecoError: the condition is not valid, names a column that the store lacks, or is true for no event.
    """
    with _about(condition, store.manifest.source):
        known = ["row", *_COUNTED, *_of_events(store.blocks([0])[0].schema)]
        used = columns_used(condition, known)
        frame = _frame(store, used)
        rows: ndarray = filtered(frame, condition)["row"].to_numpy()
        if not len(rows):
            raise IcerecoError(f"true for none of {len(store):,} events{_ranges(frame.select(used))}")
    return rows


def cut_split(store: Store, split: Split, rows: Int[ndarray, "event"], train_count: int | None) -> Split:
    """The events of each part that are among these rows; of those to train on the first `train_count`.

    The parts are cut after they are made: whatever the cut, no event moves from one to another.
    """
    chosen = np.zeros(len(store), bool)
    chosen[rows] = True

    def among(part: Rows, count: int | None = None) -> RowNumbers:
        numbers = Portion(store, part).row_numbers()
        return RowNumbers(numbers[chosen[numbers]][:count])

    return replace(
        split,
        train=among(split.train, train_count),
        validation=among(split.validation),
        calibration=among(split.calibration),
        description=f"{split.description}, then cut",
    )


def _of_events(schema: pa.Schema) -> list[str]:
    """The columns with a value per event."""
    return [field.name for field in schema if not pa.types.is_list(field.type)]


def _frame(store: Store, names: Sequence[str]) -> pl.DataFrame:
    """Some columns of all events, and their rows."""
    offsets, parts = store.block_offsets, list[pl.DataFrame]()
    for first in range(0, len(offsets) - 1, _BLOCKS):
        last = min(first + _BLOCKS, len(offsets) - 1)
        blocks = store.blocks(range(first, last))
        rows = pl.Series("row", np.arange(offsets[first], offsets[last]))
        parts.append(pl.DataFrame([rows, *(_column(name, blocks) for name in names if name != "row")]))
    return pl.concat(parts)


def _column(name: str, blocks: Sequence[pa.RecordBatch]) -> pl.Series:
    if name in _COUNTED:
        return pl.Series(name, np.concatenate([lengths(block.column(_COUNTED[name])) for block in blocks]))
    return named_values(name, pa.chunked_array([block.column(name) for block in blocks]))


def _ranges(frame: pl.DataFrame) -> str:
    """What the columns that a condition names hold, as a clause."""
    told = []
    for column in frame:
        known = column.drop_nulls()
        if not len(known):
            told.append(f"{column.name} is not known")
        elif column.dtype.is_numeric():
            values = known.to_numpy()
            told.append(f"{column.name} from {values.min():.6g} to {values.max():.6g}")
        else:
            told.append(f"{column.name} is {', '.join(map(str, known.unique().sort()[:8]))}")
    return f": {'; '.join(told)}" if told else ""


@contextmanager
def _about(condition: str, source: str) -> Iterator[None]:
    """Say of an error which condition on which events it is about."""
    try:
        yield
    except IcerecoError as error:
        raise IcerecoError(f"--where {condition!r} on {source}: {error}") from error
