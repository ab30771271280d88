"""The angular profile of a cascade's light."""

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor, nn

from icereco.physics.light.table import SmoothTable

__all__ = ["CELLS", "CascadeEmission"]

# Directions of the particles of a cascade around its axis: dN/dx ∝ e^(−b x^a) with x = 1 − cos; figures of PPC, from
# Geant4 (Rädel & Wiebusch, Astropart. Phys. 44 (2013) 102).
_EXPONENT = 0.39
_SLOPE = 2.61
_CHERENKOV_COSINE = 1.0 / 1.3194
CELLS = 400
_PARTICLES = 4000
_BLUR, _DEGREES = 0.33, 40
"""Angle, rad, by which light is turned on the way before it forgets its direction."""


class CascadeEmission(nn.Module):
    """Light of a cascade relative to that of an isotropic source; peaks at the Cherenkov angle.

    Attributes:
        mean_cosine: of the angle between light and axis.
    """

    def __init__(self) -> None:
        super().__init__()
        cos_particle, weight = _particles()
        # One bin around each node of the table; those at the ends are half as wide.
        edges = np.clip((np.arange(CELLS + 2) - 0.5) * (2.0 / CELLS) - 1.0, -1.0, 1.0)
        share = np.diff(_light_below(edges, cos_particle) @ weight)
        self.table = SmoothTable(-1.0, 1.0, 2.0 * share / np.diff(edges))
        self.blurred = SmoothTable(-1.0, 1.0, _blurred(share))
        self.mean_cosine = float(cos_particle @ weight) * _CHERENKOV_COSINE

    def forward(
        self, cos_emission: Float[Tensor, "*n"], scatterings: Float[Tensor, "*n"]
    ) -> Float[Tensor, "*n"]:
        """Light per solid angle towards an angle from the axis; 1 on average over the sphere.

        On its way light keeps its direction, is turned a little, or is turned so often that only a drift along the axis is
        left. How much of each is fitted to light propagated photon by photon (docs/physics.md), and describes it within
        5 % at every angle.

        Args:
            cos_emission: of the angle between the axis and the way to the module.
            scatterings: distance in effective scattering lengths.
        """
        straight = torch.exp(-4.9 * scatterings)
        turned = 1.0 / (1.0 + (scatterings * (1.0 / 0.8)) * torch.sqrt(scatterings * (1.0 / 0.8)))
        drift = 1.0 + cos_emission * (self.mean_cosine / (1.0 + 0.03 * scatterings))
        blurred: Tensor = self.blurred(cos_emission)
        light: Tensor = drift + straight * (self.table(cos_emission) - blurred) + turned * (blurred - drift)
        return light


def _blurred(share: Float[ndarray, "node"]) -> Float[ndarray, "node"]:
    """Light per solid angle after many small turns: each Legendre polynomial is damped as by diffusion on the sphere."""
    cosine = np.linspace(-1.0, 1.0, CELLS + 1)
    degree = np.arange(_DEGREES)
    polynomials = np.polynomial.legendre.legvander(cosine, _DEGREES - 1)
    damping = np.exp(-0.5 * degree * (degree + 1) * _BLUR**2)
    light: ndarray = polynomials @ ((2 * degree + 1) * damping * (share @ polynomials))
    return light


def _particles() -> tuple[Float[ndarray, "particle"], Float[ndarray, "particle"]]:
    """Cosines of particles to the axis, at evenly spaced angles, and their probabilities."""
    edges = np.linspace(0.0, np.pi, _PARTICLES + 1)
    below = -np.expm1(-_SLOPE * (1.0 - np.cos(edges)) ** _EXPONENT)
    return np.cos(0.5 * (edges[1:] + edges[:-1])), np.diff(below) / below[-1]


def _light_below(
    cosine: Float[ndarray, "edge"], cos_particle: Float[ndarray, "particle"]
) -> Float[ndarray, "edge particle"]:
    """Share of the Cherenkov cone of each particle that lies below some cosines to the axis."""
    sines = np.sqrt((1.0 - cos_particle**2) * (1.0 - _CHERENKOV_COSINE**2))
    cos_turn = (cosine[:, None] - cos_particle * _CHERENKOV_COSINE) / sines
    share: ndarray = 1.0 - np.arccos(np.clip(cos_turn, -1.0, 1.0)) / np.pi
    return share
