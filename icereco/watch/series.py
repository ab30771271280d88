"""The metrics of one run in columns that grow as lines are appended."""

import io
import math
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from icereco.draw.canvas.bins import Points
from icereco.runs.metrics import NAMES, POSITIONS, numbers_of
from icereco.system.json_lines import row_of

if TYPE_CHECKING:
    import polars as pl

__all__ = ["AXES", "THROUGHPUT", "Series"]

AXES = ("step", "epoch", "time", "events")
"""What a curve can be drawn over; each line of metrics has a position on all of them."""

THROUGHPUT = "throughput"
"""A metric that is computed here: events per second of training, from one line to the next."""

BULK_BYTES = 1 << 18
"""From this size on polars is faster than Python's own JSON, and does not block the screen meanwhile."""


class _Column:
    """An array that grows; a reader in another thread sees only what is complete."""

    def __init__(self, kind: type) -> None:
        self._buffer: ndarray = np.empty(64, dtype=kind)
        self._count = 0

    def extend(self, values: ndarray) -> None:
        count = self._count + len(values)
        if count > len(self._buffer):
            grown = np.empty(max(count, len(self._buffer) * 3 // 2), dtype=self._buffer.dtype)
            grown[: self._count] = self._buffer[: self._count]
            self._buffer = grown
        self._buffer[self._count : count] = values
        self._count = count

    @property
    def values(self) -> ndarray:
        return self._buffer[: self._count]


class Series:
    """Every metric of a run, as pairs of (row, value): training and validation write different lines.

    Attributes:
        rows: number of lines that could be read.
        damaged: number of lines that could not.
    """

    def __init__(self) -> None:
        self.rows = 0
        self.damaged = 0
        self._position = {name: _Column(np.float64) for name in AXES}
        self._worked = (0.0, 0.0)
        self._row: dict[str, _Column] = {}
        self._value: dict[str, _Column] = {}

    def names(self) -> list[str]:
        """The metrics, such as "train/loss", in the order in which they first occurred; known ones may come first."""
        return list(self._value)

    def curve(self, name: str, axis: str) -> Points:
        """A metric over an axis; empty for an unknown metric."""
        if name not in self._value:
            return Points(np.empty(0), np.empty(0, dtype=np.int32), np.empty(0))
        value = self._value[name].values
        return Points(self.positions(axis), self._row[name].values[: len(value)], value)

    def positions(self, axis: str) -> Float[ndarray, "row"]:
        """The position of each line on an axis; never falls."""
        return self._position[axis].values

    def last(self, name: str) -> float | None:
        """The newest value of a metric, None where there is none."""
        if name not in self._value or not len(value := self._value[name].values):
            return None
        return float(value[-1])

    def append(self, lines: bytes) -> None:
        """Append whole lines; those that cannot be read are counted and left out."""
        if len(lines) >= BULK_BYTES and b"null" not in lines and self._append_bulk(lines):
            return
        rows = [row_of(line) for line in lines.splitlines()]
        self._append_rows([numbers_of(row) for row in rows if row is not None])
        self.damaged += sum(row is None for row in rows)

    def _append_bulk(self, lines: bytes) -> bool:
        """Append lines by polars; return False, with nothing appended, where it cannot read one of them."""
        import polars as pl

        try:
            frame = self._read_known(lines)
            if frame is None:
                # Without the whole schema polars would leave out the metrics of validations, which are rare.
                frame = pl.read_ndjson(io.BytesIO(lines), infer_schema_length=None)
        except pl.exceptions.PolarsError:
            return False
        if len(frame) != lines.count(b"\n"):
            return False
        first = self.rows
        columns = {name: frame[name] for name, kind in frame.schema.items() if kind.is_numeric()}
        self._place({name: column.to_numpy() for name, column in columns.items()}, len(frame))
        for name, column in columns.items():
            if name not in POSITIONS:
                value = column.cast(pl.Float64).to_numpy()
                present = np.flatnonzero(~np.isnan(value))
                if len(present):
                    self._add(name, first + present, value[present])
        return True

    def _read_known(self, lines: bytes) -> "pl.DataFrame | None":
        """The known metrics, four times as fast as with a schema inferred; None where there are other metrics."""
        import polars as pl

        known = dict.fromkeys((*NAMES, *self._value), pl.Float64)
        frame = pl.read_ndjson(io.BytesIO(lines), schema=known)
        numbers = sum(column.count() for column in frame)
        return frame if numbers == lines.count(b'":') else None

    def _append_rows(self, rows: list[dict[str, float]]) -> None:
        if not rows:
            return
        first = self.rows
        placed = {name: np.array([row.get(name, math.nan) for row in rows]) for name in POSITIONS}
        self._place(placed, len(rows))
        for name in dict.fromkeys(name for row in rows for name in row if name not in POSITIONS):
            index = [number for number, row in enumerate(rows) if name in row]
            self._add(name, first + np.array(index), np.array([rows[number][name] for number in index]))

    def _place(self, columns: dict[str, ndarray], count: int) -> None:
        """The positions of new rows; one that is missing, or falls as a clock may, repeats the one before it."""
        for name, column in self._position.items():
            before = float(column.values[-1]) if len(column.values) else 0.0
            column.extend(_rising(columns.get(name), before, count))
        first, self.rows = self.rows, self.rows + count
        self._add_throughput(first, columns.get("seconds"), count)

    def _add_throughput(self, first: int, seconds: ndarray | None, count: int) -> None:
        if not count:
            return
        events_before, seconds_before = self._worked
        events = self._position["events"].values[first:]
        worked = _rising(seconds, seconds_before, count)
        seen, spent = np.diff(events, prepend=events_before), np.diff(worked, prepend=seconds_before)
        self._worked = float(events[-1]), float(worked[-1])
        known = (seen > 0) & (spent > 0) & (first + np.arange(count) > 0)  # the first line has none before it
        if known.any():
            self._add(THROUGHPUT, first + np.flatnonzero(known), seen[known] / spent[known])

    def _add(self, name: str, row: Int[ndarray, "value"], value: Float[ndarray, "value"]) -> None:
        if name not in self._value:
            self._row[name] = _Column(np.int32)
        self._row[name].extend(row)  # before its value: a reader takes as many rows as there are values
        self._value.setdefault(name, _Column(np.float32)).extend(value)


def _rising(column: ndarray | None, before: float, count: int) -> Float[ndarray, "row"]:
    """A column that starts from `before` and never falls; missing values repeat the one before them."""
    new = np.full(count, before) if column is None else column.astype(np.float64)
    rising: ndarray = np.maximum.accumulate(np.maximum(np.nan_to_num(new, nan=before), before))
    return rising
