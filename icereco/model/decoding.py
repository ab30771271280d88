"""Conversion of a loss's estimates, which are tensors, to a reconstruction in NumPy."""

import dataclasses
from typing import Any

import numpy as np
from jaxtyping import Bool, Int
from numpy import ndarray
from torch import Tensor

from icereco.events.posterior import Posterior
from icereco.events.reconstruction import Estimates, Reconstruction
from icereco.events.tensor_mixture import TensorMixture

__all__ = ["reconstruction"]


def reconstruction(
    estimates: Estimates, seen: Bool[ndarray, "event"], pulses_used: Int[ndarray, "event"] | None = None
) -> Reconstruction:
    """Convert estimates to a float64 reconstruction, with NaN for events that were not `seen`."""
    names = [field.name for field in dataclasses.fields(Estimates) if field.name != "posterior"]
    tensors = {name: value for name in names if (value := getattr(estimates, name)) is not None}
    columns: dict[str, Any] = {name: _column(tensor, seen) for name, tensor in tensors.items()}
    assert not isinstance(estimates.posterior, TensorMixture)  # which there is only while a model is exported
    return Reconstruction(**columns, posterior=_of_seen(estimates.posterior, seen), pulses_used=pulses_used)


def _column(tensor: Tensor, seen: Bool[ndarray, "event"]) -> ndarray:
    column: ndarray = tensor.detach().double().cpu().numpy()
    column[~seen] = np.nan
    return column


def _of_seen(posterior: Posterior | None, seen: Bool[ndarray, "event"]) -> Posterior | None:
    if posterior is None or seen.all():
        return posterior
    return posterior.as_mixture().take(np.where(seen, np.arange(len(seen)), -1))
