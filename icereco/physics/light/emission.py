"""The angular profile of a cascade's light."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

__all__ = ["MEAN_COSINE", "cascade_emission"]

# Directions of the particles of a cascade around its axis: dN/dx ∝ e^(−b x^a) with x = 1 − cos; figures of PPC, from
# Geant4 (Rädel & Wiebusch, Astropart. Phys. 44 (2013) 102).
_EXPONENT = 0.39
_SLOPE = 2.61
_CHERENKOV_COSINE = 1.0 / 1.3194
_CELLS = 400


def _profile() -> tuple[Float[ndarray, "cell"], float]:
    """The Cherenkov cone of every particle, averaged over their directions; 1 on average over the sphere."""
    samples = 4000
    quantile = (np.arange(samples) + 0.5) / samples
    whole = 1.0 - np.exp(-_SLOPE * 2.0**_EXPONENT)
    cos_particle = 1.0 - (-np.log1p(-quantile * whole) / _SLOPE) ** (1.0 / _EXPONENT)
    turn = (np.arange(360) + 0.5) * (2 * np.pi / 360)
    sines = np.sqrt(np.maximum(1 - cos_particle**2, 0)) * np.sqrt(1 - _CHERENKOV_COSINE**2)
    cosine = cos_particle[:, None] * _CHERENKOV_COSINE + sines[:, None] * np.cos(turn)
    counts, _ = np.histogram(cosine, bins=_CELLS, range=(-1.0, 1.0))
    return (counts / counts.mean()).astype(np.float32), float(cosine.mean())


_TABLE, MEAN_COSINE = _profile()


def cascade_emission(cos_emission: Float[ndarray, "*n"]) -> Float[ndarray, "*n"]:
    """Light towards an angle from the cascade's axis, relative to an isotropic source; peaks at the Cherenkov angle."""
    cell = ((np.clip(cos_emission, -1.0, 1.0) + 1.0) * (_CELLS / 2)).astype(np.intp)
    result: ndarray = _TABLE[np.minimum(cell, _CELLS - 1)]
    return result
