"""Concatenation of reconstructions, selection of some, and their expansion to a batch of which they cover a part."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped
from numpy import ndarray

from icereco.events.posterior import Posterior
from icereco.events.reconstruction import Reconstruction
from icereco.events.vmf_mixture import VmfMixture

__all__ = ["joined", "spread", "take"]

_FIELDS = [field.name for field in fields(Reconstruction) if field.name not in ("status", "extras")]


def joined(parts: Sequence[Reconstruction]) -> Reconstruction:
    """Concatenate reconstructions by one method; a field that any of them lacks is left out.

    The status and the extras of a part that lacks them are unknown: None and NaN.
    """
    if len(parts) == 1:
        return parts[0]
    columns = {name: [getattr(part, name) for part in parts] for name in _FIELDS}
    known = {name: column for name, column in columns.items() if all(part is not None for part in column)}
    whole = {name: _concatenated(column) for name, column in known.items()}
    return Reconstruction(**whole, status=_joined_status(parts), extras=_joined_extras(parts))


def take(reconstruction: Reconstruction, rows: Int[ndarray, "row"]) -> Reconstruction:
    """Select events, in the order of the rows."""
    columns = {name: getattr(reconstruction, name) for name in (*_FIELDS, "status")}
    known: dict[str, Any] = {name: column for name, column in columns.items() if column is not None}
    extras = {name: column[rows] for name, column in reconstruction.extras.items()}
    return Reconstruction(**{name: _taken(column, rows) for name, column in known.items()}, extras=extras)


def spread(reconstruction: Reconstruction, places: Bool[ndarray, "whole"]) -> Reconstruction:
    """Expand to a whole batch: reconstructions go to `places` in order, other events get NaN, no status and zero pulses used."""
    if places.all():
        return reconstruction
    columns = {name: getattr(reconstruction, name) for name in (*_FIELDS, "status")}
    known: dict[str, Any] = {name: column for name, column in columns.items() if column is not None}
    extras = {name: _spread(column, places) for name, column in reconstruction.extras.items()}
    return Reconstruction(**{name: _spread(column, places) for name, column in known.items()}, extras=extras)


def _joined_status(parts: Sequence[Reconstruction]) -> Shaped[ndarray, "event"] | None:
    if all(part.status is None for part in parts):
        return None
    unknown = [np.full(len(part.direction), None, dtype=object) for part in parts]
    columns = [
        none if part.status is None else part.status for part, none in zip(parts, unknown, strict=True)
    ]
    return np.concatenate(columns)


def _joined_extras(parts: Sequence[Reconstruction]) -> Mapping[str, Float[ndarray, "event"]]:
    unknown = [np.full(len(part.direction), np.nan) for part in parts]
    names = dict.fromkeys(name for part in parts for name in part.extras)  # in order, without duplicates
    return {
        name: np.concatenate([part.extras.get(name, nan) for part, nan in zip(parts, unknown, strict=True)])
        for name in names
    }


def _concatenated(columns: list[Any]) -> Any:
    if isinstance(columns[0], ndarray):
        return np.concatenate(columns)
    return VmfMixture.joined([posterior.as_mixture() for posterior in columns])


def _spread(column: ndarray | Posterior, places: Bool[ndarray, "whole"]) -> Any:
    if isinstance(column, ndarray):
        nothing = {"f": np.nan, "O": None}.get(column.dtype.kind, 0)
        whole = np.full((len(places), *column.shape[1:]), nothing, dtype=column.dtype)
        whole[places] = column
        return whole
    return column.as_mixture().take(np.where(places, np.cumsum(places) - 1, -1))


def _taken(column: ndarray | Posterior, rows: Int[ndarray, "row"]) -> Any:
    return column[rows] if isinstance(column, ndarray) else column.as_mixture().take(rows)
