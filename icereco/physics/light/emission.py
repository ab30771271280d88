"""The angular profile of a cascade's light."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor, nn

from icereco.physics.light.table import SmoothTable

__all__ = ["CascadeEmission"]

# Directions of the particles of a cascade around its axis: dN/dx ∝ e^(−b x^a) with x = 1 − cos; figures of PPC, from
# Geant4 (Rädel & Wiebusch, Astropart. Phys. 44 (2013) 102).
_EXPONENT = 0.39
_SLOPE = 2.61
_CHERENKOV_COSINE = 1.0 / 1.3194
_CELLS = 400
_PARTICLES = 4000


class CascadeEmission(nn.Module):
    """Light of a cascade relative to that of an isotropic source; peaks at the Cherenkov angle.

    Attributes:
        mean_cosine: of the angle between light and axis.
    """

    def __init__(self) -> None:
        super().__init__()
        cos_particle, weight = _particles()
        # One bin around each node of the table; those at the ends are half as wide.
        edges = np.clip((np.arange(_CELLS + 2) - 0.5) * (2.0 / _CELLS) - 1.0, -1.0, 1.0)
        share = np.diff(_light_below(edges, cos_particle) @ weight)
        self._table = SmoothTable(-1.0, 1.0, 2.0 * share / np.diff(edges))
        self.mean_cosine = float(cos_particle @ weight) * _CHERENKOV_COSINE

    def forward(self, cos_emission: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        """Light per solid angle towards an angle from the axis; 1 on average over the sphere."""
        emission: Tensor = self._table(cos_emission)
        return emission


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
