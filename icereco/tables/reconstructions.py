"""The table of reconstructions: one row per event, in input order, with provenance in the schema's metadata."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Float
from numpy import ndarray

from icereco.errors import IcerecoError
from icereco.events.batch import EventBatch
from icereco.events.reconstruction import Reconstruction
from icereco.events.truth import Truth
from icereco.physics.sphere import angles_from_direction
from icereco.physics.vmf import angular_sigma
from icereco.system.files import explaining, replacing

__all__ = ["ReconstructionTable", "provenance_of", "reconstruction_rows", "reconstruction_writer"]

METADATA_KEY = b"icereco"
CONTENT = "reconstruction"
_ROWS_PER_GROUP = 1 << 16

_ALWAYS = (
    "event_id",
    "azimuth",
    "zenith",
    "direction_x",
    "direction_y",
    "direction_z",
    "pulses_used",
    "pulses_total",
)


def _field(name: str, kind: pa.DataType, unit: str, meaning: str) -> pa.Field:
    return pa.field(name, kind, metadata={"unit": unit, "meaning": meaning})


_FIELDS = {
    field.name: field
    for field in (
        _field("event_id", pa.int64(), "", "as in the input"),
        _field("azimuth", pa.float64(), "rad", "of the origin, in [0, 2π); null without a direction"),
        _field("zenith", pa.float64(), "rad", "of the origin, in [0, π]; null without a direction"),
        _field("direction_x", pa.float64(), "", "cos azimuth · sin zenith"),
        _field("direction_y", pa.float64(), "", "sin azimuth · sin zenith"),
        _field("direction_z", pa.float64(), "", "cos zenith"),
        _field("kappa", pa.float64(), "", "von Mises-Fisher concentration"),
        _field("sigma", pa.float64(), "rad", "opening angle that holds 39.3 % of that density"),
        _field("pulses_used", pa.int64(), "", "pulses that the method looked at"),
        _field("pulses_total", pa.int64(), "", "pulses of the event"),
        _field("linefit_azimuth", pa.float64(), "rad", "azimuth of the line fit, to compare with"),
        _field("linefit_zenith", pa.float64(), "rad", "zenith of the line fit, to compare with"),
        _field("true_azimuth", pa.float64(), "rad", "true azimuth of the origin"),
        _field("true_zenith", pa.float64(), "rad", "true zenith of the origin"),
        _field("energy", pa.float64(), "GeV", "true energy"),
        _field("kind", pa.string(), "", "true kind"),
    )
}


def reconstruction_rows(
    batch: EventBatch, result: Reconstruction, linefit: Reconstruction | None = None
) -> pa.RecordBatch:
    """One row per event of the batch; columns of what is not there (kappa, line fit, truth) are left out."""
    azimuth, zenith = angles_from_direction(result.direction)
    total = batch.pulse_count
    columns: dict[str, ndarray] = {"event_id": batch.event_id, "azimuth": azimuth, "zenith": zenith}
    columns |= {f"direction_{axis}": result.direction[:, i] for i, axis in enumerate("xyz")}
    columns |= _kappa_columns(result.kappa)
    columns |= {
        "pulses_used": total if result.pulses_used is None else result.pulses_used,
        "pulses_total": total,
    }
    if linefit is not None:
        names = ("linefit_azimuth", "linefit_zenith")
        columns |= zip(names, angles_from_direction(linefit.direction), strict=True)
    columns |= _truth_columns(batch.truth)
    fields = [_FIELDS[name] for name in columns]
    arrays = [pa.array(columns[f.name], f.type, from_pandas=True) for f in fields]  # NaN becomes null
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


def _kappa_columns(kappa: Float[ndarray, "event"] | None) -> dict[str, ndarray]:
    return {} if kappa is None else {"kappa": kappa, "sigma": angular_sigma(np.maximum(kappa, 1e-9))}


def _truth_columns(truth: Truth | None) -> dict[str, ndarray]:
    if truth is None:
        return {}
    azimuth, zenith = angles_from_direction(truth.direction)
    columns = {"true_azimuth": azimuth, "true_zenith": zenith, "energy": truth.energy_gev, "kind": truth.kind}
    return {name: column for name, column in columns.items() if column is not None}


@contextmanager
def reconstruction_writer(path: Path, provenance: Mapping[str, Any]) -> Iterator["ReconstructionTable"]:
    """A parquet file of reconstructions that appears, whole, when the block ends.

    Args:
        path: the file.
        provenance: JSON-able facts of how the reconstructions are made.

    Raises:
        IcerecoError: the file cannot be written.
    """
    with replacing(path) as temporary:
        table = ReconstructionTable(path, temporary, {"content": CONTENT, **provenance})
        try:
            yield table
            table.finish()
        finally:
            table.abandon()


class ReconstructionTable:
    """A growing table. The first rows fix the columns: later rows that lack one get nulls."""

    def __init__(self, path: Path, temporary: Path, provenance: Mapping[str, Any]) -> None:
        self._path = path
        self._temporary = temporary
        self._metadata = {METADATA_KEY: json.dumps(provenance)}
        self._writer: pq.ParquetWriter | None = None
        self._held: list[pa.RecordBatch] = []

    def write(self, rows: pa.RecordBatch) -> None:
        """Append rows of `reconstruction_rows`.

        Raises:
            IcerecoError: the file cannot be written.
        """
        with explaining(self._path):
            if self._writer is None:
                schema = rows.schema.with_metadata(self._metadata)
                self._writer = pq.ParquetWriter(self._temporary, schema, compression="zstd")
            self._held.append(_conform(rows, self._writer.schema))
            if sum(part.num_rows for part in self._held) >= _ROWS_PER_GROUP:
                self._flush()

    def finish(self) -> None:
        """Write what is still held back, also of a table without rows.

        Raises:
            IcerecoError: the file cannot be written.
        """
        if self._writer is None:
            self.write(_no_rows())
        with explaining(self._path):
            self._flush()
            self._close()

    def abandon(self) -> None:
        """Let go of the file, whatever state it is in."""
        with suppress(OSError):
            self._close()

    def _flush(self) -> None:
        if self._writer is not None and self._held:
            self._writer.write_table(pa.Table.from_batches(self._held))
        self._held.clear()

    def _close(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()


def _no_rows() -> pa.RecordBatch:
    fields = [field for name, field in _FIELDS.items() if name in _ALWAYS]
    return pa.RecordBatch.from_pylist([], schema=pa.schema(fields))


def _conform(rows: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    found = set(rows.schema.names)
    arrays = [
        rows.column(field.name) if field.name in found else pa.nulls(rows.num_rows, field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def provenance_of(path: Path) -> dict[str, Any] | None:
    """How the reconstructions in a file were made; None where it is no such file.

    Raises:
        IcerecoError: no such file, or not a parquet file.
    """
    try:
        metadata = pq.read_schema(path).metadata or {}
    except FileNotFoundError:
        raise IcerecoError(f"there is no file {path}") from None
    except (OSError, pa.ArrowInvalid) as error:
        reason = str(error).splitlines()[0]
        raise IcerecoError(f"{path} is damaged or not a parquet file: {reason}") from error
    try:
        facts = json.loads(metadata.get(METADATA_KEY, b"null"))
    except ValueError:
        return None
    return facts if isinstance(facts, dict) and facts.get("content") == CONTENT else None
