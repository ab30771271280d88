"""The delay of light by scattering: Pandel's gamma distribution, once for light that is hardly scattered and once for the rest.

In a homogeneous medium every length scales with the effective scattering length, and every time with the time that light
takes for it, so shapes and rates depend on the number of scattering lengths on the way alone; absorption adds to the rates
what it takes from late light (Ahrens et al., NIM A 524 (2004) 169, astro-ph/0407044, section 3.2). The numbers are fitted
to light that was propagated photon by photon through such media, with a module's angular acceptance (docs/physics.md).
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from icereco.physics.light.smooth import logistic_step

__all__ = ["Population", "cascade_delay", "track_delay"]


@dataclass(frozen=True, slots=True)
class Population:
    """A part of the light, whose delay follows a gamma distribution; `[N]` each.

    Attributes:
        share: of all light.
        shape, scale_ns: of the distribution.
    """

    share: Float[Tensor, "*n"]
    shape: Float[Tensor, "*n"]
    scale_ns: Float[Tensor, "*n"]


def track_delay(
    scatterings: Float[Tensor, "*n"],
    cos_impact: Float[Tensor, "*n"],
    scattering_per_ns: Float[Tensor, "*n"],
    absorption_per_ns: Float[Tensor, "*n"],
) -> tuple[Population, Population]:
    """Return the light of a track that is hardly scattered, and the rest.

    Args:
        scatterings: distance to the track in effective scattering lengths.
        cos_impact: 1 for unscattered light that travels straight up, into a module's face.
        scattering_per_ns: effective scattering coefficient times the speed of light.
        absorption_per_ns: the same of absorption.
    """
    odds = (1.203 * cos_impact - 0.07) / (1.0 + scatterings * (1.0 / 1.554)) - 0.320 * scatterings
    early_shape = 0.1305 + 1.722 * scatterings
    early_rate = 1.223 + 3.165 / (scatterings + 0.01 + 0.222 * (1.0 - cos_impact))
    averted = 0.267 * (0.305 - cos_impact).square() * scatterings / (scatterings + 0.056)
    late_shape = scatterings * (0.506 + 1.035 / (scatterings + 1.893)) + averted
    late_rate = torch.exp(-1.831 - 1.107 / (1.0 + scatterings * (1.0 / 1.034)))
    early = logistic_step(odds)
    return (
        Population(early, early_shape, _scale(early_rate, scattering_per_ns, absorption_per_ns)),
        Population(1.0 - early, late_shape, _scale(late_rate, scattering_per_ns, absorption_per_ns)),
    )


def cascade_delay(
    scatterings: Float[Tensor, "*n"],
    cos_impact: Float[Tensor, "*n"],
    cos_emission: Float[Tensor, "*n"],
    scattering_per_ns: Float[Tensor, "*n"],
    absorption_per_ns: Float[Tensor, "*n"],
) -> tuple[Population, Population]:
    """Return the light of a cascade that is hardly scattered, and the rest.

    Args:
        scatterings: distance in effective scattering lengths.
        cos_impact: 1 for unscattered light that travels straight up, into a module's face.
        cos_emission: 1 for a module straight ahead of the cascade.
        scattering_per_ns: effective scattering coefficient times the speed of light.
        absorption_per_ns: the same of absorption.
    """
    odds = (1.533 * cos_impact + 2.559 * cos_emission - 0.193) / (1.0 + scatterings * (1.0 / 1.336))
    early_shape = 0.1005 + 1.670 * scatterings
    turn = 0.0438 * (1.0 - cos_impact) + 0.2106 * (1.0 - cos_emission)
    early_rate = 0.815 + 10.338 / (scatterings + 0.01 + turn)
    averted = 0.335 * (0.354 - cos_impact).square() * scatterings / (scatterings + 0.233)
    turned = 0.527 * (1.0 - 1.124 * cos_emission) / (scatterings + 1.466)
    late_shape = scatterings * (0.385 + turned) + averted
    late_rate = torch.exp(-2.003 + 0.257 / (1.0 + scatterings * (1.0 / 9.613)))
    early = logistic_step(odds - 0.548 * scatterings)
    return (
        Population(early, early_shape, _scale(early_rate, scattering_per_ns, absorption_per_ns)),
        Population(1.0 - early, late_shape, _scale(late_rate, scattering_per_ns, absorption_per_ns)),
    )


def _scale(
    rate: Float[Tensor, "*n"], scattering_per_ns: Float[Tensor, "*n"], absorption_per_ns: Float[Tensor, "*n"]
) -> Float[Tensor, "*n"]:
    """Return the scale, ns, of a distribution whose rate is given per scattering length and without absorption."""
    return 1.0 / (rate * scattering_per_ns + absorption_per_ns)
