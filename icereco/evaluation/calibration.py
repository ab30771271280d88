"""Whether kappa means what it says: how often the truth lies inside a contour of the von Mises-Fisher density."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco.physics.vmf import probability_inside

__all__ = ["CONTOURS", "coverage"]

CONTOURS = (0.5, 0.9)


def coverage(error_rad: Float[ndarray, "event"], kappa: Float[ndarray, "event"]) -> dict[str, float]:
    """For each contour ("50%", "90%") the fraction of events whose truth lies inside it.

    Events without an error or a kappa (NaN) are left out; without any event the result is empty.
    """
    known = ~(np.isnan(error_rad) | np.isnan(kappa))
    inside = probability_inside(error_rad[known], kappa[known])
    if not len(inside):
        return {}
    return {f"{contour:.0%}": float(np.mean(inside <= contour)) for contour in CONTOURS}
