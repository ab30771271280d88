"""The decrease of light with distance by scattering and absorption."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from icereco.physics.light.smooth import tanh

__all__ = ["cascade_density", "track_density"]


def cascade_density(
    distance_m: Float[Tensor, "*#n"],
    scattering_per_m: Float[Tensor, "*#n"],
    absorption_per_m: Float[Tensor, "*#n"],
) -> Float[Tensor, "*#n"]:
    """Fluence per emitted photon, 1/m², at a distance from an isotropic point.

    Between ballistic, 1/(4π d²), and diffusive, 1/(4π λc d) e^(−d/λp), as 1/(λc d tanh(d/λc)) e^(−d/λp)
    (Aartsen et al., JINST 9 (2014) P03009, arXiv:1311.4767; PPC's arXiv:1208.3430), with λp = √(λa λe/3),
    λc = λe/(3ζ), ζ = e^(−λe/λa); times a factor for what lies between the two, fitted to light propagated photon by photon
    (docs/physics.md).
    """
    per_propagation, diffusion = _lengths(scattering_per_m, absorption_per_m)
    spread = diffusion * distance_m * tanh(distance_m / diffusion)
    scatterings = distance_m * scattering_per_m
    between = 1.0 + 0.326 * scatterings / (scatterings * (scatterings + 0.73) + 0.3)
    return between * torch.exp(-distance_m * per_propagation) / (4 * math.pi * spread)


def track_density(
    distance_m: Float[Tensor, "*#n"],
    scattering_per_m: Float[Tensor, "*#n"],
    absorption_per_m: Float[Tensor, "*#n"],
    cherenkov_sine: float,
) -> Float[Tensor, "*#n"]:
    """Fluence per photon emitted on a metre, 1/m, at a distance from a long line of Cherenkov light.

    1/(2π sin θc √(λμ d) tanh √(d/λμ)) e^(−d/λp), √λμ = λc/sin θc √(2/(π λp)) (sources as above): ballistic
    1/(2π sin θc d) close by, and far away the integral of the diffusive point source along the line; times a factor as above.
    """
    per_propagation, diffusion = _lengths(scattering_per_m, absorption_per_m)
    root = diffusion * torch.sqrt(per_propagation) * (math.sqrt(2.0 / math.pi) / cherenkov_sine)
    near = torch.sqrt(distance_m)
    spread = root * near * tanh(near / root)
    between = 0.96 + 0.18 / (1.0 + distance_m * scattering_per_m * (1.0 / 0.43))
    return between * torch.exp(-distance_m * per_propagation) / (2 * math.pi * cherenkov_sine * spread)


def _lengths(
    scattering_per_m: Float[Tensor, "*#n"], absorption_per_m: Float[Tensor, "*#n"]
) -> tuple[Float[Tensor, "*#n"], Float[Tensor, "*#n"]]:
    """The inverse of the propagation length λp, and the length λc of the diffusion."""
    per_propagation = torch.sqrt(3.0 * scattering_per_m * absorption_per_m)
    return per_propagation, torch.exp(absorption_per_m / scattering_per_m) / (3.0 * scattering_per_m)
