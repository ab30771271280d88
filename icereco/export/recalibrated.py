"""The recalibrations of a model as torch modules, which give the numbers of those in NumPy (`icereco.events.recalibration`)."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from icereco.events.recalibration import (
    LEAST_LOG_KAPPA,
    MOST_LOG_KAPPA,
    USUAL_LOG_KAPPA,
    USUAL_LOG_PULSES,
    Recalibration,
)
from icereco.events.target_recalibration import TargetRecalibration
from icereco.events.tensor_mixture import TensorMixture
from icereco.physics.vmf import SMALLEST_KAPPA

__all__ = ["RecalibratedMixture", "RecalibratedTargets", "mean_cosine_of"]

Columns = dict[str, Tensor]
"""Estimates by the names of `icereco.events.reconstruction.QUANTITIES`, float64."""


class RecalibratedMixture(nn.Module):
    """As `icereco.events.recalibration.Recalibration`."""

    scale: Tensor
    weight: Tensor
    least: Tensor
    most: Tensor

    def __init__(self, recalibration: Recalibration) -> None:
        super().__init__()
        for name in ("scale", "weight", "least", "most"):
            self.register_buffer(name, _float64(getattr(recalibration, name)))

    def forward(
        self, posterior: TensorMixture, kappa: Float[Tensor, "event"], pulses: Int[Tensor, "event"]
    ) -> TensorMixture:
        """Recalibrated posteriors of events with so many pulses and such concentrations."""
        log_kappa = kappa.clamp(min=math.exp(LEAST_LOG_KAPPA)).log()
        log_pulses = pulses.double().clamp(min=1.0).log()
        features = torch.stack(
            [torch.ones_like(log_kappa), log_kappa - USUAL_LOG_KAPPA, log_pulses - USUAL_LOG_PULSES], 1
        )
        features = torch.minimum(torch.maximum(features, self.least), self.most)
        share = torch.softmax(features @ self.weight.T, -1)
        scaled = (
            posterior.concentration.clamp(min=SMALLEST_KAPPA).log()[..., None]
            + (features @ self.scale.T)[:, None]
        )
        return TensorMixture(
            (posterior.weight[..., None] * share[:, None]).flatten(1),
            posterior.mean[:, :, None].expand(-1, -1, self.scale.shape[0], -1).flatten(1, 2),
            scaled.clamp(LEAST_LOG_KAPPA, MOST_LOG_KAPPA).exp().flatten(1),
            posterior.mode,
        )


class RecalibratedTargets(nn.Module):
    """As `icereco.events.target_recalibration.TargetRecalibration`."""

    def __init__(self, recalibration: TargetRecalibration) -> None:
        super().__init__()
        self.parts = nn.ModuleList(_MODULES[name](part) for name, part in recalibration.parts.items())

    def forward(self, columns: Columns) -> Columns:
        """Recalibrated columns."""
        for part in self.parts:
            columns = part(columns)
        return columns


class _Energy(nn.Module):
    factors: Tensor

    def __init__(self, part: Any) -> None:
        super().__init__()
        self.shift = float(part.shift)
        self.register_buffer("factors", _float64(np.stack([part.below, part.above])))

    def forward(self, columns: Columns) -> Columns:
        if "energy_gev" not in columns:
            return columns
        energy = columns["energy_gev"] * 10.0**self.shift
        widths = _energy_widths(columns)
        changed = {"energy_gev": energy}
        if widths is None:
            return columns | changed
        wider = self.factors * widths
        if "energy_interval_gev" in columns:
            sides = torch.stack([-wider[:, 0], wider[:, 1]], 1)
            changed["energy_interval_gev"] = energy[:, None] * torch.pow(10.0, sides)
        if "energy_log10_sigma" in columns:
            changed["energy_log10_sigma"] = columns["energy_log10_sigma"] * wider.sum(1) / widths.sum(1)
        return columns | changed


def _energy_widths(columns: Columns) -> Float[Tensor, "event 2"] | None:
    if "energy_interval_gev" in columns:
        ratio = (columns["energy_interval_gev"] / columns["energy_gev"][:, None]).log10()
        return torch.stack([-ratio[:, 0], ratio[:, 1]], 1)
    sigma = columns.get("energy_log10_sigma")
    return None if sigma is None else torch.stack([sigma, sigma], 1)


class _Factor(nn.Module):
    """A column times a factor."""

    def __init__(self, column: str, factor: float) -> None:
        super().__init__()
        self.column, self.factor = column, factor

    def forward(self, columns: Columns) -> Columns:
        if self.column not in columns:
            return columns
        return columns | {self.column: columns[self.column] * self.factor}


class _Kind(nn.Module):
    bias: Tensor

    def __init__(self, part: Any) -> None:
        super().__init__()
        self.temperature = float(part.temperature)
        self.least = float(part.least)
        self.register_buffer("bias", _float64(part.bias))

    def forward(self, columns: Columns) -> Columns:
        probability = columns.get("kind_probability")
        if probability is None:
            return columns
        score = probability.clamp(min=self.least).log() / self.temperature + self.bias
        return columns | {"kind_probability": torch.softmax(score, -1)}


_MODULES: dict[str, Callable[[Any], nn.Module]] = {
    "energy": _Energy,
    "vertex": lambda part: _Factor("vertex_covariance_m2", float(part.factor)),
    "kind": _Kind,
    "inelasticity": lambda part: _Factor("inelasticity_sigma", float(part.factor)),
}


def mean_cosine_of(kappa: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """As `icereco.physics.vmf.mean_cosine`."""
    small = kappa < 0.1
    safe = torch.where(small, 1.0, kappa)
    return torch.where(small, kappa * (1 / 3 - kappa**2 / 45), 1 / torch.tanh(safe) - 1 / safe)


def _float64(values: np.ndarray) -> Tensor:
    return torch.from_numpy(np.array(values, np.float64))
