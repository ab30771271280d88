"""A file of reconstructions, read back: what each method says of each event, and the truth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Float, Int, Shaped
from numpy import ndarray
from pyarrow import csv

from icereco.errors import IcerecoError, did_you_mean
from icereco.events.reconstruction import Reconstruction
from icereco.events.truth import EVENT_KINDS, Truth
from icereco.events.vmf_mixture import VmfMixture
from icereco.events.weights import Weights, require_weights
from icereco.physics.sphere import direction_from_angles
from icereco.system.log import get_logger
from icereco.tables.csv_dialect import CsvDialect
from icereco.tables.mapped import open_mapped
from icereco.tables.posteriors import COMPONENT_COLUMNS, posterior_of, require_normalised
from icereco.tables.reconstruction_columns import VERTEX_COVARIANCE, declared_field, is_reserved
from icereco.tables.reconstructions import provenance_of
from icereco.tables.schema import IDENTITY_FIELDS
from icereco.tables.units import strange_direction

__all__ = ["SavedReconstructions", "as_declared", "read_reconstructions", "table_of", "unique_ids"]

logger = get_logger(__name__)

_NEEDED = ("event_id", "azimuth", "zenith", "pulses_total")
_VERSION_1 = {"energy": "true_energy", "kind": "true_kind"}
"""What the truth's columns were called in parquet files of 0.1.0, which say how they were made, but no version of their table."""


@dataclass(frozen=True, slots=True, eq=False)
class SavedReconstructions:
    """The events of one file.

    Attributes:
        path: the file.
        provenance: how it was made; empty where it does not say.
        event_id: int64 `[E]`.
        pulses_total: `[E]`, pulses of each event.
        reconstruction: what the file's method says.
        comparisons: what other methods say, by name.
        truth: or None.
        identity: columns of `icereco.tables.schema.IDENTITY_FIELDS` by name, `[E]` each, such as run and start_mjd; NaN or None
            where a value is unknown.
        weights: how much each event counts, or None where all count alike.
    """

    path: Path
    provenance: Mapping[str, Any]
    event_id: Int[ndarray, "event"]
    pulses_total: Int[ndarray, "event"]
    reconstruction: Reconstruction
    comparisons: Mapping[str, Reconstruction]
    truth: Truth | None
    identity: Mapping[str, Shaped[ndarray, "event"]] = field(default_factory=dict)
    weights: Weights | None = None

    @property
    def method(self) -> str:
        """The name of the file's method."""
        return str(self.provenance.get("method", "unknown"))

    @property
    def weight(self) -> Float[ndarray, "event"] | None:
        """The weight of each event, if they have some."""
        return None if self.weights is None else self.weights.values

    def require_normalised(self) -> None:
        """Check the posteriors of the file's method.

        Raises:
            IcerecoError: one does not integrate to 1.
        """
        if self.reconstruction.posterior is not None:
            require_normalised(self.reconstruction.posterior.as_mixture(), self.event_id, self.path)


def read_reconstructions(
    path: Path, truth: pa.Table | None = None, weights: str | None = None
) -> SavedReconstructions:
    """Read a file that `icereco reconstruct`, or a training's validation, wrote; or any table of directions, with `truth`.

    Args:
        path: parquet, Arrow IPC or CSV.
        truth: the truth of the events, as `icereco.reconstruction.given_truth` gives it, instead of what the file has of it.
        weights: column, of the file or the given truth, with the weight of each event.

    Raises:
        IcerecoError: no such file, not a file of reconstructions, truth of other events, or no such column or one that holds no weights.
    """
    provenance = provenance_of(path) if _is_parquet(path) else {}
    table = table_of(path) if truth is None else _with_truth(table_of(path), truth, path)
    missing = [name for name in _NEEDED if name not in table.column_names]
    if missing:
        raise IcerecoError(
            f"{path} is not a file of reconstructions: it lacks {', '.join(missing)}; found: "
            f"{', '.join(table.column_names)}. {_advice(missing, path)}"
        )
    table = _checked(_named_as_now(table, provenance or {}), path)
    _report_strange_angles(table, path)
    return SavedReconstructions(
        path=path,
        provenance=provenance or {},
        event_id=_array(table, "event_id"),
        pulses_total=_array(table, "pulses_total"),
        reconstruction=_reconstruction(table),
        comparisons={name: _compared(table, name) for name in _compared_names(table)},
        truth=_truth(table),
        identity={name: _array(table, name) for name in IDENTITY_FIELDS if name in table.column_names},
        weights=None if weights is None else _weights(table, weights, path),
    )


def _weights(table: pa.Table, name: str, path: Path) -> Weights:
    numbers = [
        field.name
        for field in table.schema
        if pa.types.is_floating(field.type)
        or pa.types.is_integer(field.type)
        or pa.types.is_boolean(field.type)
    ]
    if name not in numbers:
        own = [one for one in numbers if not is_reserved(one)]
        raise IcerecoError(
            f"{path} has no column {name!r} with a number for each event{did_you_mean(name, own or numbers)} (those that the events "
            f"came with: {', '.join(own) or 'none'}); --weights takes a column of the file, or of --truth"
        )
    return require_weights(_array(table, name), name, str(path), _array(table, "event_id"))


def _advice(missing: Sequence[str], path: Path) -> str:
    if list(missing) == ["pulses_total"]:
        return "To compare its directions with the truth, say where that is: --truth NAME|FILE"
    return f"To reconstruct events: icereco reconstruct {path}"


def _is_parquet(path: Path) -> bool:
    return path.suffix.lower() not in (".csv", ".arrow", ".feather")


def table_of(path: Path) -> pa.Table:
    """A table in parquet, Arrow IPC or CSV, by the name of the file.

    Raises:
        IcerecoError: there is no such file, or it is damaged.
    """
    if _is_parquet(path):
        provenance_of(path)  # says what is wrong with the file
        return _read(path)
    if not path.is_file():
        raise IcerecoError(f"there is no file {path}")
    try:
        if path.suffix.lower() == ".csv":
            dialect = CsvDialect.of(path)
            return csv.read_csv(path, parse_options=dialect.parse(), convert_options=dialect.convert())
        with open_mapped(path) as opened:
            return pa.ipc.open_file(opened).read_all()
    except (OSError, pa.ArrowException) as error:
        raise IcerecoError(f"{path} cannot be read as a table: {str(error).splitlines()[0]}") from error


def _with_truth(table: pa.Table, truth: pa.Table, path: Path) -> pa.Table:
    """The rows whose truth is known, with it in place of the file's own."""
    if "event_id" not in table.column_names:
        return table
    ids = unique_ids(table, path)
    known_ids = np.asarray(truth.column("event_id"))
    order = np.argsort(known_ids, kind="stable")
    at = order[np.searchsorted(known_ids, ids, sorter=order).clip(max=len(order) - 1)]
    known = known_ids[at] == ids
    if not known.any():
        raise IcerecoError(
            f"{path}: none of its {len(ids):,} events is among the {len(known_ids):,} of --truth"
        )
    if not known.all():
        logger.warning(
            "%s: %d of %d events are not among those of --truth", path, int((~known).sum()), len(ids)
        )
    if (without := len(known_ids) - int(known.sum())) > 0:
        logger.info("%s: lacks %d of the %d events of --truth", path, without, len(known_ids))
    own = [
        name for name in table.column_names if name not in truth.column_names and not name.startswith("true_")
    ]
    given = truth.take(pa.array(at[known])).drop_columns(["event_id"])
    kept = table.select(["event_id", *own]).filter(pa.array(known))
    return pa.table(
        {
            **dict(zip(kept.column_names, kept.columns, strict=True)),
            **dict(zip(given.column_names, given.columns, strict=True)),
        }
    )


def unique_ids(table: pa.Table, path: Path) -> Int[ndarray, "row"]:
    """The ids of a table of any program.

    Raises:
        IcerecoError: one is no whole number, or occurs twice.
    """
    column = as_declared(table.column("event_id"), "event_id", path)
    if column.null_count:
        raise IcerecoError(f"{path}: a row has no event_id, which every event needs")
    ids = np.asarray(column)
    order = np.argsort(ids, kind="stable")
    repeated = np.flatnonzero(ids[order][1:] == ids[order][:-1])
    if len(repeated):
        first, second = order[repeated[0]], order[repeated[0] + 1]
        raise IcerecoError(
            f"{path}: event_id {ids[first]} occurs more than once, in rows {first} and {second}"
        )
    return ids


def _read(path: Path) -> pa.Table:
    _require_once(pq.read_schema(path).names, path)
    try:
        return pq.read_table(path, page_checksum_verification=True)
    except (OSError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0]
        raise IcerecoError(f"{path} is damaged: {reason}; copy it again, or reconstruct again") from error


def _checked(table: pa.Table, path: Path) -> pa.Table:
    """The columns with their declared types; a file of other software may have others that mean the same.

    Raises:
        IcerecoError: a column has a type that means something else, occurs twice, or lacks values that it must have.
    """
    names = table.column_names
    _require_once(names, path)
    columns = [as_declared(table.column(name), name, path) for name in names]
    table = pa.table(dict(zip(names, columns, strict=True)))
    for name in ("event_id", "pulses_total"):
        if table.column(name).null_count:
            raise IcerecoError(f"{path}: a row has no {name}, which every event needs")
    parts = [table.column(name).combine_chunks() for name in COMPONENT_COLUMNS if name in names]
    lengths = [part.value_lengths().fill_null(0) for part in parts]
    if any(not one.equals(lengths[0]) for one in lengths):
        raise IcerecoError(f"{path}: {', '.join(COMPONENT_COLUMNS)} differ in length, and belong together")
    return table


def _require_once(names: list[str], path: Path) -> None:
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise IcerecoError(f"{path} is not a file of reconstructions: it has the column {twice[0]} twice")


def as_declared(column: pa.ChunkedArray, name: str, path: Path) -> pa.ChunkedArray:
    """The values in the type that a column of this name has; any, where it is a further figure of a method.

    Raises:
        IcerecoError: they mean something else, such as text in place of a number.
    """
    declared = declared_field(name)
    if declared is None or column.type == declared.type:
        return column
    try:
        if _is_text(column.type) == _is_text(declared.type) or pa.types.is_null(column.type):
            return column.cast(declared.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):  # a list as number, or a number that is too large
        pass
    raise IcerecoError(f"{path}: the column {name} must be {declared.type}, and is {column.type}")


def _is_text(kind: pa.DataType) -> bool:
    plain = kind.value_type if pa.types.is_dictionary(kind) or pa.types.is_list(kind) else kind
    return any(
        test(plain) for test in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    )


def _named_as_now(table: pa.Table, provenance: Mapping[str, Any]) -> pa.Table:
    if not provenance or "table" in provenance:  # tables of version 1 have a provenance that does not say so
        return table
    return table.rename_columns([_VERSION_1.get(name, name) for name in table.column_names])


def _reconstruction(table: pa.Table) -> Reconstruction:
    direction = _direction(table, "")
    probability = [f"probability_{kind}" for kind in EVENT_KINDS]
    return Reconstruction(
        direction,
        posterior_of(table, direction),
        energy_gev=_maybe(table, "energy"),
        energy_log10_sigma=_maybe(table, "energy_log10_sigma"),
        energy_interval_gev=_stacked(table, ["energy_16", "energy_84"]),
        vertex_m=_stacked(table, [f"vertex_{axis}" for axis in "xyz"]),
        vertex_covariance_m2=_covariance(table),
        kind_probability=_stacked(table, probability),
        inelasticity=_maybe(table, "inelasticity"),
        inelasticity_sigma=_maybe(table, "inelasticity_sigma"),
        pulses_used=_maybe(table, "pulses_used"),
        status=_maybe(table, "status"),
        extras=_extras(table),
    )


def _covariance(table: pa.Table) -> Float[ndarray, "event 3 3"] | None:
    elements = _stacked(table, [f"vertex_covariance_{axes}" for axes in VERTEX_COVARIANCE])
    if elements is None:
        return None
    whole = np.empty((len(elements), 3, 3))
    for column, (i, j) in zip(elements.T, VERTEX_COVARIANCE.values(), strict=True):
        whole[:, i, j] = whole[:, j, i] = column
    return whole


def _extras(table: pa.Table) -> dict[str, Float[ndarray, "event"]]:
    """Every column of float64 that has no other meaning."""
    names = [field.name for field in table.schema if pa.types.is_float64(field.type)]
    return {name: _array(table, name) for name in names if not is_reserved(name)}


def _compared_names(table: pa.Table) -> list[str]:
    names = [name.removesuffix("_azimuth") for name in table.column_names if name.endswith("_azimuth")]
    return [
        name
        for name in names
        if f"{name}_zenith" in table.column_names
        and is_reserved(f"{name}_azimuth")
        and name not in ("true", "posterior")
    ]


def _compared(table: pa.Table, name: str) -> Reconstruction:
    reconstruction = Reconstruction(_direction(table, f"{name}_"))
    kappa = _maybe(table, f"{name}_kappa")
    if kappa is None:
        return reconstruction
    return replace(reconstruction, posterior=VmfMixture.single(reconstruction.direction, kappa))


def _report_strange_angles(table: pa.Table, path: Path) -> None:
    for whose, prefix in (("reconstructed", ""), ("true", "true_")):
        names = [f"{prefix}azimuth", f"{prefix}zenith"]
        if set(names) <= set(table.column_names):
            azimuth, zenith = (_array(table, name) for name in names)
            if problem := strange_direction(azimuth, zenith, whose):
                logger.warning("%s: %s", path, problem)


def _truth(table: pa.Table) -> Truth | None:
    if not {"true_azimuth", "true_zenith"} <= set(table.column_names):
        return None
    return Truth(
        _direction(table, "true_"),
        energy_gev=_maybe(table, "true_energy"),
        kind=_maybe(table, "true_kind"),
        vertex_m=_stacked(table, [f"true_vertex_{axis}" for axis in "xyz"]),
        inelasticity=_maybe(table, "true_inelasticity"),
    )


def _direction(table: pa.Table, prefix: str) -> Float[ndarray, "event 3"]:
    azimuth, zenith = (_array(table, f"{prefix}{name}") for name in ("azimuth", "zenith"))
    return direction_from_angles(azimuth, zenith)


def _array(table: pa.Table, name: str) -> ndarray:
    """Numbers as NumPy has them, with NaN for null; texts as objects."""
    return np.asarray(table.column(name).to_numpy())


def _maybe(table: pa.Table, name: str) -> ndarray | None:
    return _array(table, name) if name in table.column_names else None


def _stacked(table: pa.Table, names: list[str]) -> Float[ndarray, "event column"] | None:
    if not set(names) <= set(table.column_names):
        return None
    return np.stack([_array(table, name) for name in names], -1)
