"""Concatenation of reconstructions, and their expansion to a batch of which they cover a part."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np
from jaxtyping import Bool
from numpy import ndarray

from icereco.events.posterior import Posterior
from icereco.events.reconstruction import Reconstruction
from icereco.events.vmf_mixture import VmfMixture

__all__ = ["joined", "spread"]


def joined(parts: Sequence[Reconstruction]) -> Reconstruction:
    """Concatenate reconstructions by one method; a field that any of them lacks is left out."""
    if len(parts) == 1:
        return parts[0]
    columns = {field.name: [getattr(part, field.name) for part in parts] for field in fields(Reconstruction)}
    known = {name: column for name, column in columns.items() if all(part is not None for part in column)}
    return Reconstruction(**{name: _concatenated(column) for name, column in known.items()})


def spread(reconstruction: Reconstruction, places: Bool[ndarray, "whole"]) -> Reconstruction:
    """Expand to a whole batch: reconstructions go to `places` in order, other events get NaN and zero pulses used."""
    if places.all():
        return reconstruction
    columns = {field.name: getattr(reconstruction, field.name) for field in fields(Reconstruction)}
    known: dict[str, Any] = {name: column for name, column in columns.items() if column is not None}
    return Reconstruction(**{name: _spread(column, places) for name, column in known.items()})


def _concatenated(columns: list[Any]) -> Any:
    if isinstance(columns[0], ndarray):
        return np.concatenate(columns)
    return VmfMixture.joined([posterior.as_mixture() for posterior in columns])


def _spread(column: ndarray | Posterior, places: Bool[ndarray, "whole"]) -> Any:
    if isinstance(column, ndarray):
        nothing = np.nan if column.dtype.kind == "f" else 0
        whole = np.full((len(places), *column.shape[1:]), nothing, dtype=column.dtype)
        whole[places] = column
        return whole
    return column.as_mixture().take(np.where(places, np.cumsum(places) - 1, -1))
