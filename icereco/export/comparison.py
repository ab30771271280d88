"""An exported model against the original, on the same events."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy import ndarray

from icereco.events.batch import EventBatch
from icereco.events.reconstruction import Reconstruction
from icereco.export.files import Computation
from icereco.export.program import Arguments
from icereco.model.model import Model
from icereco.physics.sphere import angles_from_direction

__all__ = ["TOLERANCE", "apart", "arguments_of", "columns_of", "differences"]

TOLERANCE = 1e-4
"""Differences allowed, of values of order one; larger values may differ by this part of themselves."""

_WHOLE = ("vertex_m", "vertex_covariance_m2")
"""Columns whose rows are one quantity: an element near zero is no more exact than the others of its row."""


def arguments_of(batch: EventBatch) -> Arguments:
    """Return events as an exported model takes them."""
    pulses = batch.pulses
    offsets = np.concatenate([[0], np.cumsum(batch.pulse_count)])
    return (
        torch.tensor(pulses.sensor_id, dtype=torch.int64),
        torch.tensor(pulses.time_ns),
        torch.tensor(pulses.charge_pe),
        torch.tensor(pulses.auxiliary),
        torch.tensor(offsets),
    )


def columns_of(made: Reconstruction) -> dict[str, ndarray]:
    """Return a reconstruction as the columns of an exported model."""
    azimuth, zenith = angles_from_direction(made.direction)
    columns: dict[str, ndarray | None] = {
        "direction": made.direction,
        "azimuth_rad": azimuth,
        "zenith_rad": zenith,
        **made.quantities,
    }
    if made.posterior is not None:
        mixture = made.posterior.as_mixture()
        columns |= {
            "posterior_weight": mixture.weight,
            "posterior_mean": mixture.mean,
            "posterior_kappa": mixture.concentration,
            "kappa": mixture.kappa,
        }
    return {name: column for name, column in columns.items() if column is not None}


def differences(computation: Computation, model: Model, batch: EventBatch) -> dict[str, float]:
    """Return the largest difference in each column: absolute for values up to one, relative beyond; events need pulses."""
    exported = {name: column.numpy() for name, column in computation(arguments_of(batch)).items()}
    return apart(exported, columns_of(model.reconstruct(batch)))


def apart(exported: Mapping[str, ndarray], original: Mapping[str, ndarray]) -> dict[str, float]:
    """Return the largest difference in each column, as `differences`."""
    return {name: _largest(name, exported[name], original[name]) for name in exported}


def _largest(name: str, exported: ndarray, original: ndarray) -> float:
    apart = np.abs(exported - original)
    if name == "azimuth_rad":
        apart = np.minimum(apart, 2 * np.pi - apart)
    size = np.abs(original)
    if name in _WHOLE:
        size = size.reshape(len(size), -1).max(1).reshape(-1, *[1] * (size.ndim - 1))
    scale = np.maximum(size, 1.0)
    return float(np.max(apart / scale, initial=0.0))
