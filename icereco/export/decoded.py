"""What an exported model gives for each event: estimates of its losses, recalibrated, as columns with units in their names."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from icereco.events.reconstruction import QUANTITIES, Estimates
from icereco.events.tensor_mixture import TensorMixture
from icereco.export.recalibrated import RecalibratedMixture, RecalibratedTargets, mean_cosine_of
from icereco.model.model import Model

__all__ = ["COLUMNS", "Decoder"]

COLUMNS = {
    "direction": "unit vector to where the neutrino came from, in coordinates of the detector",
    "azimuth_rad": "azimuth of that direction, 0 to 2π",
    "zenith_rad": "zenith of that direction, 0 to π",
    "posterior_weight": "weights of the von Mises-Fisher densities whose sum is the posterior of the direction; their sum is 1",
    "posterior_mean": "mean direction of each density, a unit vector",
    "posterior_kappa": "concentration κ of each density, p(x) ∝ exp(κ mean·x)",
    "kappa": "concentration of the single density with the same mean cosine to the mode",
    "energy_gev": "energy of the neutrino, GeV",
    "energy_log10_sigma": "one sigma of its decimal logarithm",
    "energy_interval_gev": "quantiles of 16 and 84 % of the energy, GeV",
    "vertex_m": "place of the interaction, m, in coordinates of the detector",
    "vertex_covariance_m2": "its covariance, m²",
    "kind_probability": "probabilities of the kinds in the metadata, in their order",
    "inelasticity": "fraction of the energy that goes to hadrons",
    "inelasticity_sigma": "one sigma of it",
}
"""Outputs by name: what each is, with its unit. A model has those of its losses."""

_CONCENTRATION_STEPS = 6


class Decoder(nn.Module):
    """Estimates of a batch → recalibrated columns, float64, NaN for events without pulses."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        posterior, targets = model.recalibration, model.target_recalibration
        self.mixture = None if posterior is None else RecalibratedMixture(posterior)
        self.targets = None if targets is None else RecalibratedTargets(targets)

    def forward(self, estimates: Estimates, pulses: Int[Tensor, "event"]) -> dict[str, Tensor]:
        """Columns by the names of `COLUMNS`, in their order, of events with so many pulses."""
        found = {} if estimates.direction is None else _directions(estimates.direction.double())
        if isinstance(estimates.posterior, TensorMixture):
            found |= self._posterior(estimates.posterior, pulses)
        quantities = {name: getattr(estimates, name) for name in QUANTITIES}
        known = {name: value.double() for name, value in quantities.items() if value is not None}
        found |= known if self.targets is None else self.targets(known)
        hit = pulses > 0
        return {name: _where_hit(found[name], hit) for name in COLUMNS if name in found}

    def _posterior(self, mixture: TensorMixture, pulses: Int[Tensor, "event"]) -> dict[str, Tensor]:
        if self.mixture is not None:
            mixture = self.mixture(mixture, concentration_of(mixture), pulses)
        return {
            "posterior_weight": mixture.weight,
            "posterior_mean": mixture.mean,
            "posterior_kappa": mixture.concentration,
            "kappa": concentration_of(mixture),
        }


def concentration_of(mixture: TensorMixture) -> Float[Tensor, "event"]:
    """As `icereco.events.vmf_mixture.VmfMixture.kappa`."""
    if mixture.weight.shape[1] == 1:
        return mixture.concentration[:, 0]
    length = mixture.weight * mean_cosine_of(mixture.concentration)
    cosine = ((length[..., None] * mixture.mean).sum(1) * mixture.mode).sum(-1)
    return _concentration(cosine.clamp(0, 1 - 1e-12))


def _concentration(wanted: Float[Tensor, "event"]) -> Float[Tensor, "event"]:
    """The κ with this mean cosine, as `icereco.physics.vmf.concentration`."""
    kappa = wanted * (3 - wanted**2) / (1 - wanted**2)
    for _ in range(_CONCENTRATION_STEPS):
        reached = mean_cosine_of(kappa)
        slope = 1 - reached**2 - 2 * reached / kappa.clamp(min=1e-9)
        slope = torch.where(kappa < 1e-3, 1 / 3, slope).clamp(min=1e-30)
        kappa = torch.maximum(kappa - (reached - wanted) / slope, kappa / 2)
    return kappa


def _directions(direction: Float[Tensor, "event 3"]) -> dict[str, Tensor]:
    """The vector, and its angles as `icereco.physics.sphere.angles_from_direction`."""
    x, y, z = direction.unbind(-1)
    azimuth = _angle(y, x)
    azimuth = torch.where(azimuth < 0, azimuth + 2 * math.pi, azimuth)
    azimuth = torch.where(azimuth >= 2 * math.pi, 0.0, azimuth)
    return {
        "direction": direction,
        "azimuth_rad": azimuth,
        "zenith_rad": _angle((x * x + y * y).sqrt(), z),
    }


def _angle(opposite: Float[Tensor, "event"], adjacent: Float[Tensor, "event"]) -> Float[Tensor, "event"]:
    """In float32, as onnxruntime has no arctangent in float64; from −π to π."""
    return torch.atan2(opposite.float(), adjacent.float()).double()


def _where_hit(column: Tensor, hit: Tensor) -> Tensor:
    return torch.where(hit.view(-1, *[1] * (column.dim() - 1)), column, math.nan)
