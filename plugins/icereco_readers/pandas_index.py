"""The index of a table that pandas wrote: one that counts up is kept in the schema's metadata alone, and not as a column."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from icereco.system.documents import parse_json

__all__ = ["RangeIndex", "range_index"]

_KEY = b"pandas"


@dataclass(frozen=True, slots=True)
class RangeIndex:
    """A named index that counts up: row `i` has `start + i * step`."""

    name: str
    start: int
    step: int

    def schema(self, schema: pa.Schema) -> pa.Schema:
        """Return the schema with the index as its last field."""
        return schema.append(pa.field(self.name, pa.int64()))

    def with_column(self, batch: pa.RecordBatch, first_row: int) -> pa.RecordBatch:
        """Return rows of the file from `first_row` on with the index as their last column."""
        rows = np.arange(first_row, first_row + batch.num_rows, dtype=np.int64)
        return batch.append_column(self.name, pa.array(self.start + rows * self.step))


def range_index(schema: pa.Schema) -> RangeIndex | None:
    """Return the index that pandas keeps in the metadata (`index_columns`, kind range), if it has a name that no column has."""
    try:
        described = parse_json((schema.metadata or {}).get(_KEY, b"{}"))
        (index,) = described.get("index_columns", [])
        name, start, step = index["name"], int(index["start"]), int(index["step"])
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return RangeIndex(name, start, step) if isinstance(name, str) and name not in schema.names else None
