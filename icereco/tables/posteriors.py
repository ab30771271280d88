"""Posteriors of directions as columns: one number each where it is a single density, lists of components where not."""

from pathlib import Path

import numpy as np
import pyarrow as pa
from jaxtyping import Float, Int
from numpy import ndarray

from icereco.errors import IcerecoError
from icereco.events.posterior import Posterior
from icereco.events.region_sizes import region_sizes
from icereco.events.vmf_mixture import VmfMixture
from icereco.physics.sphere import angles_from_direction, direction_from_angles
from icereco.physics.vmf import angular_sigma

__all__ = ["COMPONENT_COLUMNS", "posterior_columns", "posterior_of", "require_normalised"]

COMPONENT_COLUMNS = ("posterior_weight", "posterior_kappa", "posterior_azimuth", "posterior_zenith")
_CONTENTS = {"50": 0.5, "90": 0.9}
"""The contours whose sizes are columns, by what their names end with."""

_NOT_WHOLE = 0.01
"""Sums of weights that are so far from 1 are wrong."""


def posterior_columns(
    posterior: Posterior | None, direction: Float[ndarray, "event 3"]
) -> dict[str, ndarray | pa.Array]:
    """Kappa, sigma, sizes of the contours, and for mixtures lists of components but for the lightest 0.1 %; nothing for None.

    Args:
        posterior: the densities.
        direction: of the same events, around which the circles are.
    """
    if posterior is None:
        return {}
    kappa = posterior.kappa
    mixture = posterior.as_mixture().pruned()
    columns: dict[str, ndarray | pa.Array] = {"kappa": kappa, "sigma": angular_sigma(kappa)}
    columns |= _sizes(mixture, direction)
    if mixture.weight.shape[1] == 1:
        return columns
    azimuth, zenith = angles_from_direction(mixture.mean)
    kept = (mixture.weight > 0) & np.isfinite(mixture.concentration)
    values = (mixture.weight, mixture.concentration, azimuth, zenith)
    return columns | {
        name: _lists(value, kept) for name, value in zip(COMPONENT_COLUMNS, values, strict=True)
    }


def _sizes(mixture: VmfMixture, direction: Float[ndarray, "event 3"]) -> dict[str, ndarray]:
    sizes = dict(zip(_CONTENTS, region_sizes(mixture, direction, tuple(_CONTENTS.values())), strict=True))
    radii = {f"r{name}": size.radius_rad for name, size in sizes.items()}
    return radii | {f"area{name}_sr": size.area_sr for name, size in sizes.items()}


def posterior_of(table: pa.Table | pa.RecordBatch, direction: Float[ndarray, "event 3"]) -> VmfMixture | None:
    """The posteriors in a table of reconstructions; None where it holds none.

    Args:
        table: with a column kappa, and those of `COMPONENT_COLUMNS` for mixtures.
        direction: of the same events.
    """
    names = table.schema.names
    if "kappa" not in names:
        return None
    if not set(COMPONENT_COLUMNS) <= set(names):
        kappa = np.asarray(_column(table, "kappa"), np.float64)
        # A file of other software may hold invalid concentrations.
        return VmfMixture.single(direction, np.where(kappa >= 0, kappa, np.nan))
    weight, kappa, azimuth, zenith = (_columns_of(table.column(name)) for name in COMPONENT_COLUMNS)
    present = np.isfinite(weight)
    any_present = present.any(1)
    weight = np.where(any_present[:, None], np.where(present, weight, 0.0), 1.0 / weight.shape[1])
    mean = direction_from_angles(azimuth, zenith)
    # Padding repeats the first component, with weight 0.
    mean = np.where(present[..., None], mean, mean[:, :1])
    return VmfMixture(weight, mean, np.where(present, kappa, kappa[:, :1]))


def require_normalised(posterior: VmfMixture, event_id: Int[ndarray, "event"], path: Path) -> None:
    """Check the weights of posteriors of a file.

    Raises:
        IcerecoError: those of an event are negative, or do not sum to 1.
    """
    total = posterior.weight.sum(axis=1)
    bad = np.flatnonzero(~(np.abs(total - 1.0) < _NOT_WHOLE) | (posterior.weight < 0).any(axis=1))
    if len(bad):
        others = f" (so of {len(bad):,} events)" if len(bad) > 1 else ""
        raise IcerecoError(
            f"{path}: the weights of the posterior of event {event_id[bad[0]]} (posterior_weight) must be at least 0 and sum to 1, not "
            f"{total[bad[0]]:.4g}{others}"
        )


def _column(table: pa.Table | pa.RecordBatch, name: str) -> ndarray:
    column = table.column(name)
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return np.asarray(array.to_numpy(zero_copy_only=False))


def _lists(values: Float[ndarray, "event component"], kept: ndarray) -> pa.ListArray:
    offsets = np.concatenate([[0], kept.sum(1).cumsum()]).astype(np.int32)
    return pa.ListArray.from_arrays(offsets, pa.array(values[kept]))


def _columns_of(column: pa.ChunkedArray | pa.ListArray) -> Float[ndarray, "event component"]:
    """Lists side by side, NaN where one is shorter than the longest."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    counts: Int[ndarray, event] = np.asarray(array.value_lengths().fill_null(0))
    values = np.asarray(array.flatten(), np.float64)
    wide = np.full((len(counts), max(int(counts.max(initial=1)), 1)), np.nan)
    wide[np.arange(wide.shape[1]) < counts[:, None]] = values
    return wide
