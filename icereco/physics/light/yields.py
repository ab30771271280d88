"""How much light particles make, in metres of a bare, minimally ionizing muon track."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["METRES_PER_GEV", "PHOTONS_PER_M", "hadronic_fraction", "muon_yield", "shower_maximum_m"]

PHOTONS_PER_M = 2450.0
"""Photons per metre of bare track between 265 and 675 nm, weighted with the module's efficiency per wavelength;
PPC's figure (Chirkin, NIM A 725 (2013) 141)."""

METRES_PER_GEV = 5.21
"""Track length whose light equals that of 1 GeV of an electromagnetic cascade (Rädel & Wiebusch,
Astropart. Phys. 44 (2013) 102)."""


def muon_yield(energy_gev: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """Light of a muon and its losses below 0.5 GeV (Rädel & Wiebusch, Astropart. Phys. 38 (2012) 53)."""
    return 1.188 + 0.0206 * torch.log(energy_gev.clamp(min=1.0))


def hadronic_fraction(energy_gev: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """Light of a hadronic cascade relative to an electromagnetic one: 1 − (E/E₀)^−m (1 − f₀).

    Rädel & Wiebusch 2013 with E₀ = 0.399 GeV, m = 0.130, f₀ = 0.467.
    """
    return 1.0 - torch.exp(-0.130 * torch.log(energy_gev.clamp(min=1.0) / 0.399)) * (1.0 - 0.467)


def shower_maximum_m(energy_gev: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """Mean depth of an electromagnetic cascade's light (a gamma profile, Rädel & Wiebusch 2013)."""
    return (2.01 + 1.45 / math.log(10) * torch.log(energy_gev.clamp(min=1.0))) / 0.63 * 0.358
