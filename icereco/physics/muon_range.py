"""How far muons go in ice."""

import math

__all__ = ["mean_range_m"]

_IONIZATION_GEV_PER_M = 0.24
_RADIATION_PER_M = 3.2e-4
"""dE/dx = a + b E (Groom, Mokhov & Striganov, At. Data Nucl. Data Tables 78 (2001) 183), ice of 0.92 g/cm³."""


def mean_range_m(energy_gev: float) -> float:
    """Return how far muons of an energy go where all losses are continuous: R = log(1 + b E / a) / b.

    >>> round(mean_range_m(100.0))
    391
    """
    return math.log1p(_RADIATION_PER_M * max(energy_gev, 0.0) / _IONIZATION_GEV_PER_M) / _RADIATION_PER_M
