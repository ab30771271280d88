"""A file of reconstructions, read back: what each method says of each event, and the truth."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Float, Int
from numpy import ndarray

from icereco.errors import IcerecoError
from icereco.events.reconstruction import Reconstruction
from icereco.events.truth import EVENT_KINDS, Truth
from icereco.events.vmf_mixture import VmfMixture
from icereco.physics.sphere import direction_from_angles
from icereco.tables.posteriors import posterior_of
from icereco.tables.reconstruction_columns import is_reserved
from icereco.tables.reconstructions import provenance_of

__all__ = ["SavedReconstructions", "read_reconstructions"]

_NEEDED = ("event_id", "azimuth", "zenith", "pulses_total")
_VERSION_1 = {"energy": "true_energy", "kind": "true_kind"}
"""What the truth's columns were called in files that do not say the version of their table."""


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
    """

    path: Path
    provenance: Mapping[str, Any]
    event_id: Int[ndarray, "event"]
    pulses_total: Int[ndarray, "event"]
    reconstruction: Reconstruction
    comparisons: Mapping[str, Reconstruction]
    truth: Truth | None

    @property
    def method(self) -> str:
        """The name of the file's method."""
        return str(self.provenance.get("method", "unknown"))


def read_reconstructions(path: Path) -> SavedReconstructions:
    """Read a file that `icereco reconstruct`, or a training's validation, wrote.

    Raises:
        IcerecoError: no such file, or not a file of reconstructions.
    """
    provenance = provenance_of(path)
    table = pq.read_table(path)
    missing = [name for name in _NEEDED if name not in table.column_names]
    if missing:
        raise IcerecoError(
            f"{path} is not a file of reconstructions: it lacks {', '.join(missing)}; found: "
            f"{', '.join(table.column_names)}. To reconstruct events: icereco reconstruct {path}"
        )
    table = _named_as_now(table, provenance or {})
    return SavedReconstructions(
        path=path,
        provenance=provenance or {},
        event_id=_array(table, "event_id"),
        pulses_total=_array(table, "pulses_total"),
        reconstruction=_reconstruction(table),
        comparisons={name: _compared(table, name) for name in _compared_names(table)},
        truth=_truth(table),
    )


def _named_as_now(table: pa.Table, provenance: Mapping[str, Any]) -> pa.Table:
    if "table" in provenance:
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
        vertex_m=_stacked(table, [f"vertex_{axis}" for axis in "xyz"]),
        kind_probability=_stacked(table, probability),
        inelasticity=_maybe(table, "inelasticity"),
        pulses_used=_maybe(table, "pulses_used"),
        status=_maybe(table, "status"),
        extras=_extras(table),
    )


def _extras(table: pa.Table) -> dict[str, Float[ndarray, "event"]]:
    """Every column of float64 that has no other meaning."""
    names = [field.name for field in table.schema if pa.types.is_float64(field.type)]
    return {name: _array(table, name) for name in names if not is_reserved(name)}


def _compared_names(table: pa.Table) -> list[str]:
    names = [name.removesuffix("_azimuth") for name in table.column_names if name.endswith("_azimuth")]
    return [
        name for name in names if f"{name}_zenith" in table.column_names and name not in ("true", "posterior")
    ]


def _compared(table: pa.Table, name: str) -> Reconstruction:
    reconstruction = Reconstruction(_direction(table, f"{name}_"))
    kappa = _maybe(table, f"{name}_kappa")
    if kappa is None:
        return reconstruction
    return replace(reconstruction, posterior=VmfMixture.single(reconstruction.direction, kappa))


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
