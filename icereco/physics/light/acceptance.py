"""How well a module sees light, by the angle at which it arrives."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

__all__ = ["MODULE_AREA_M2", "angular_acceptance", "mean_acceptance"]

MODULE_AREA_M2 = float(np.pi * 0.16510**2)
"""Cross-section of the glass sphere."""

# Relative acceptance of a module that looks down, with the refrozen hole ("h2-50cm" of IceCube's ice models), as a
# polynomial in the cosine between the light's way and the upward vertical.
_COEFFICIENTS = (
    0.32813, 0.63899, 0.20049, -1.2250, -0.14470, 4.1695, 0.76898, -5.8690, -2.0939, 2.3834, 1.0435,
)  # fmt: skip
_CELLS = 400
_GRID = np.linspace(-1.0, 1.0, _CELLS + 1)
_TABLE = np.maximum(np.polynomial.polynomial.polyval(_GRID, _COEFFICIENTS), 0.0).astype(np.float32)
_MEAN = float(np.trapezoid(_TABLE, _GRID) / 2)


def angular_acceptance(cos_impact: Float[ndarray, "*n"]) -> Float[ndarray, "*n"]:
    """Acceptance where 1 is the whole cross-section; `cos_impact` is 1 for light that travels straight up."""
    result: ndarray = _TABLE[np.rint((np.clip(cos_impact, -1.0, 1.0) + 1.0) * (_CELLS / 2)).astype(np.intp)]
    return result


def mean_acceptance() -> float:
    """Acceptance for light from everywhere."""
    return _MEAN
