"""Results of a fit as further columns of the events that it was made of."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from jaxtyping import Int
from numpy import ndarray

from icereco.data.sources.fingerprint import fingerprint
from icereco.errors import IcerecoError
from icereco.tables.reconstruction_columns import declared_field
from icereco.tables.saved_reconstructions import as_declared, table_of, unique_ids
from icereco.tables.schema import IDENTITY_FIELDS

__all__ = ["AddedFit", "FitFile"]

_NEEDED = ("event_id", "azimuth", "zenith", "pulses_total")
"""The last tells results from the truth, which files have under the same names."""
_NAME = re.compile(r"[A-Za-z0-9_]+")
_NOT_OF_THE_FIT = re.compile(
    r"event_id|direction_[xyz]|ra|dec|pulses_(used|total)|(true|input)_.*|.+_(azimuth|zenith|kappa)"
)
"""What identifies an event, its truth, other methods, and what is there twice."""


@dataclass(frozen=True, slots=True)
class FitFile:
    """A file of reconstructions, and the name of the fit.

    Attributes:
        name: letters, digits and `_`; the columns of the events are `fit_<name>_azimuth`, ….
        path: parquet, Arrow IPC or CSV.
    """

    name: str
    path: Path

    @classmethod
    def parse(cls, text: str) -> "FitFile":
        """Take NAME=FILE apart.

        Raises:
            IcerecoError: there is no such file, no name, or it has other characters.
        """
        name, _, path = text.partition("=")
        if not (path and _NAME.fullmatch(name)):
            raise IcerecoError(
                f"--fit {text!r}: give NAME=FILE, such as likelihood=fit.reco.parquet; a name has letters, digits and _"
            )
        if not Path(path).is_file():
            raise IcerecoError(f"--fit {text!r}: there is no file {path}")
        return cls(name, Path(path))

    def fingerprint(self) -> str:
        """Return what identifies the name and the contents."""
        return f"{self.name}={fingerprint(self.path)}"

    def read(self) -> "AddedFit":
        """Read the results.

        Raises:
            IcerecoError: not a file of reconstructions, or an event twice.
        """
        table = table_of(self.path)
        if missing := [name for name in _NEEDED if name not in table.column_names]:
            raise IcerecoError(
                f"{self.path} is not a file of reconstructions: it lacks {', '.join(missing)}; found: {', '.join(table.column_names)}. "
                "What `icereco reconstruct` writes is one"
            )
        ids = unique_ids(table, self.path)
        order = np.argsort(ids)
        columns = {
            f"fit_{self.name}_{name}": as_declared(table.column(name), name, self.path)
            .cast(pa.float64())
            .take(pa.array(order))
            for name in table.column_names
            if _is_of_the_fit(table.schema.field(name))
        }
        return AddedFit(self, ids[order], {name: column.combine_chunks() for name, column in columns.items()})


def _is_of_the_fit(field: pa.Field) -> bool:
    meaning = (field.metadata or {}).get(b"meaning")
    if field.name in IDENTITY_FIELDS or meaning == b"as in the input":
        return False
    if _NOT_OF_THE_FIT.fullmatch(field.name):
        return False
    declared = declared_field(field.name)
    kind = field.type if declared is None else declared.type
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind))


@dataclass(frozen=True, slots=True, eq=False)
class AddedFit:
    """Results of a fit by event.

    Attributes:
        file: that they are from.
        event_id: ascending.
        columns: float64 by name, `fit_<name>_…`; null where there is no value.
    """

    file: FitFile
    event_id: Int[ndarray, "row"]
    columns: Mapping[str, pa.Array]

    def add(self, events: pa.RecordBatch) -> pa.RecordBatch:
        """The events with the columns of the fit behind their own.

        Raises:
            IcerecoError: the events have such a column already, or one of them is not in the file.
        """
        if taken := [name for name in self.columns if name in events.schema.names]:
            raise IcerecoError(
                f"--fit {self.file.name}: the events have a column {taken[0]} already; give another name"
            )
        wanted = events.column("event_id").to_numpy()
        rows = np.searchsorted(self.event_id, wanted)
        found = rows < len(self.event_id)
        found[found] = self.event_id[rows[found]] == wanted[found]
        if not found.all():
            raise IcerecoError(
                f"{self.file.path} has no row for event_id {wanted[~found][0]}; reconstruct the events that are converted"
            )
        for name, column in self.columns.items():
            events = events.append_column(name, column.take(pa.array(rows)))
        return events
