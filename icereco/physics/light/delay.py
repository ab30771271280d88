"""The delay of light by scattering: Pandel's gamma distribution, in units of the scattering length.

In a homogeneous medium every length scales with the effective scattering length, and every time with the time that light
takes for it, so shape and rate depend on the number of scattering lengths on the way alone; absorption adds to the rate
what it takes from late light (Ahrens et al., NIM A 524 (2004) 169, astro-ph/0407044, section 3.2). The numbers are fitted
to light that was propagated photon by photon through such media, with a module's angular acceptance (docs/physics.md).
"""

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["cascade_delay", "track_delay"]

Delay = tuple[Float[Tensor, "*n"], Float[Tensor, "*n"]]


def track_delay(
    scatterings: Float[Tensor, "*n"],
    cos_impact: Float[Tensor, "*n"],
    scattering_per_m: Float[Tensor, "*n"],
    absorption_per_m: Float[Tensor, "*n"],
) -> Delay:
    """Return shape and rate, 1/m of way, of the delay of a track's Cherenkov light.

    Args:
        scatterings: distance to the track in effective scattering lengths.
        cos_impact: 1 for unscattered light that travels straight up, into a module's face.
        scattering_per_m: effective scattering coefficient.
        absorption_per_m: absorption coefficient.
    """
    shape = scatterings * (0.578 + 0.267 / (scatterings + 1.86)) + _averted(
        scatterings, cos_impact, 0.186, 0.478, 0.09
    )
    steepness = (0.434 + 1.697 * cos_impact) / (1.0 + scatterings * (1.0 / 0.259))
    return shape, torch.exp(steepness - 1.954) * scattering_per_m + absorption_per_m


def cascade_delay(
    scatterings: Float[Tensor, "*n"],
    cos_impact: Float[Tensor, "*n"],
    cos_emission: Float[Tensor, "*n"],
    scattering_per_m: Float[Tensor, "*n"],
    absorption_per_m: Float[Tensor, "*n"],
) -> Delay:
    """Return shape and rate, 1/m of way, of the delay of a cascade's light.

    Args:
        scatterings: distance in effective scattering lengths.
        cos_impact: 1 for unscattered light that travels straight up, into a module's face.
        cos_emission: 1 for a module straight ahead of the cascade.
        scattering_per_m: effective scattering coefficient.
        absorption_per_m: absorption coefficient.
    """
    turned = 0.465 * (1.0 - cos_emission) / (scatterings + 2.22)
    shape = scatterings * (0.386 + turned) + _averted(scatterings, cos_impact, 0.2255, 0.3995, 0.263)
    steepness = (1.854 + 1.361 * cos_impact + 2.79 * cos_emission) / (1.0 + scatterings * (1.0 / 0.527))
    return shape, torch.exp(steepness - 2.025) * scattering_per_m + absorption_per_m


def _averted(
    scatterings: Float[Tensor, "*n"], cos_impact: Float[Tensor, "*n"], most: float, facing: float, near: float
) -> Float[Tensor, "*n"]:
    """What a module that looks away from the light adds to the shape: it sees only what was scattered back."""
    return most * (facing - cos_impact).square() * scatterings / (scatterings + near)
