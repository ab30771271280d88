"""Whether kappa means what it says: how often the truth lies inside a contour of the von Mises-Fisher density."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

__all__ = ["CONTOURS", "coverage", "probability_inside"]

CONTOURS = (0.5, 0.9)


def probability_inside(
    error_rad: Float[ndarray, "event"], kappa: Float[ndarray, "event"]
) -> Float[ndarray, "event"]:
    """The probability within `error_rad` of the mean direction, uniform in [0, 1] if kappa is right.

    P(θ ≤ a) = (1 − e^(−κ(1−cos a))) / (1 − e^(−2κ)) (Fisher 1953), with 1 − cos a = 2 sin²(a/2).
    """
    drop = 2.0 * np.sin(error_rad / 2.0) ** 2
    kappa = np.maximum(kappa, 1e-9)  # at 0 the density is flat, and the quotient 0/0
    return np.asarray(np.expm1(-kappa * drop) / np.expm1(-2.0 * kappa))


def coverage(error_rad: Float[ndarray, "event"], kappa: Float[ndarray, "event"]) -> dict[str, float]:
    """For each contour ("50%", "90%") the fraction of events whose truth lies inside it.

    Events without an error or a kappa (NaN) are left out; without any event the result is empty.
    """
    known = ~(np.isnan(error_rad) | np.isnan(kappa))
    inside = probability_inside(error_rad[known], kappa[known])
    if not len(inside):
        return {}
    return {f"{contour:.0%}": float(np.mean(inside <= contour)) for contour in CONTOURS}
