"""The truth of events: from columns with a value per event, in the table of the events or in another."""

from collections.abc import Mapping as Columns
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Int
from numpy import ndarray

from icereco.errors import IcerecoError
from icereco.physics.sphere import angles_from_direction, direction_from_angles
from icereco.system.log import get_logger
from icereco.tables.units import strange_direction
from icereco_readers.table.files import TableFile
from icereco_readers.table.mapping import Mapping, require_names
from icereco_readers.table.values import Values

__all__ = ["TruthTable", "own_truth"]

logger = get_logger(__name__)

_ROWS_AT_ONCE = 1 << 16
_VECTOR = ("vector_x", "vector_y", "vector_z")


def own_truth(values: Values, columns: Columns[str, str], sign: int, file: Path) -> dict[str, ndarray]:
    """Convert columns of truth, by role, to the own layout; `sign` is -1 where the direction is of travel.

    Raises:
        IcerecoError: angles that have to be turned round are not in rad, which could not be seen afterwards.
    """
    own = {
        role: values.texts(name) if role == "kind" else values.numbers(name) for role, name in columns.items()
    }
    if _VECTOR[0] in own:
        vector = np.stack([own.pop(role) for role in _VECTOR], axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            direction = sign * vector / np.linalg.norm(vector, axis=1, keepdims=True)
    elif sign < 0 and "zenith" in own:
        if problem := strange_direction(own["azimuth"], own["zenith"]):
            raise IcerecoError(f"{file}: {problem}")
        direction = sign * direction_from_angles(own["azimuth"], own["zenith"])
    else:
        return own
    known = np.isfinite(direction).all(axis=1)
    azimuth, zenith = angles_from_direction(np.where(known[:, None], direction, (0.0, 0.0, 1.0)))
    return own | {"azimuth": np.where(known, azimuth, np.nan), "zenith": np.where(known, zenith, np.nan)}


@dataclass(frozen=True, slots=True, eq=False)
class TruthTable:
    """A table with a row per event, held in memory: ids in ascending order, and the truth of each.

    Attributes:
        path: its file.
        event_id: `[T]`.
        columns: `[T]` each, in the names of the own layout.
    """

    path: Path
    event_id: Int[ndarray, "row"]
    columns: dict[str, ndarray]

    @classmethod
    def read(cls, file: TableFile, event: tuple[str, ...], mapping: Mapping, sign: int) -> "TruthTable":
        """Read the columns that the mapping names.

        Raises:
            IcerecoError: one is missing, a value is not what it should be, or an event has several rows.
        """
        names = list(dict.fromkeys([*event, *mapping.truth.values()]))
        require_names(names, file.schema, file.path)
        batches = list(file.batches(names, event, _ROWS_AT_ONCE))
        table = pa.Table.from_batches(batches) if batches else pa.table({name: [] for name in names})
        row = np.arange(table.num_rows)
        values = Values({name: _one_array(table[name]) for name in names}, file.path, row)
        ids = values.event_ids(event)
        order = np.argsort(ids, kind="stable")
        repeated = np.flatnonzero(ids[order][1:] == ids[order][:-1])
        if len(repeated):
            first, second = order[repeated[0]], order[repeated[0] + 1]
            raise values.error(
                int(second),
                f"event {ids[second]} has a row of truth already, row {first}; one row per event is needed",
            )
        own = own_truth(values, mapping.truth, sign, file.path)
        return cls(file.path, ids[order], {name: column[order] for name, column in own.items()})

    def require_some(self, event_id: Int[ndarray, "event"], file: Path) -> None:
        """Check that the truth is of these events, and report how many have none.

        Raises:
            IcerecoError: it has none of them.
        """
        without = int((~np.isin(event_id, self.event_id)).sum())
        if len(event_id) and without == len(event_id):
            has = f"{self.event_id[0]} to {self.event_id[-1]}" if len(self.event_id) else "none"
            raise IcerecoError(
                f"{self.path}: has no row for any event of {file}, which are {event_id.min()} to {event_id.max()} (it has {has}); "
                "are event= and truth_event= the same number?"
            )
        if without:
            logger.warning(
                "%s: has no truth of %d of the %d events of %s", self.path, without, len(event_id), file
            )

    def of(self, event_id: Int[ndarray, "event"]) -> dict[str, ndarray]:
        """The truth of events; unknown where there is no row."""
        at = np.minimum(np.searchsorted(self.event_id, event_id), len(self.event_id) - 1)
        known = self.event_id[at] == event_id
        return {name: _where(known, column[at]) for name, column in self.columns.items()}


def _where(known: Bool[ndarray, "event"], column: ndarray) -> ndarray:
    """Values where they are known; otherwise None for text, NaN for numbers."""
    values = column.copy()
    values[~known] = None if column.dtype == object else np.nan
    return values


def _one_array(column: pa.ChunkedArray) -> pa.Array:
    whole = column.combine_chunks()
    if isinstance(whole, pa.ChunkedArray):
        return whole.chunk(0) if whole.num_chunks else pa.array([], whole.type)
    return whole
