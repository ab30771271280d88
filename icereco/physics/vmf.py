"""The von Mises-Fisher density on the sphere."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

__all__ = ["angular_sigma", "containment_angle", "vmf_density", "probability_inside"]


def angular_sigma(kappa: Float[ndarray, "*n"]) -> Float[ndarray, "*n"]:
    """The opening angle in rad that holds 39.3 % of a von Mises-Fisher density, one sigma of a 2D Gaussian.

    From the exact cumulative P(θ ≤ a) = (1 − e^(−κ(1−cos a))) / (1 − e^(−2κ)) (Fisher 1953). For large kappa
    it is 1/√κ.

    >>> float(angular_sigma(np.array(1e4)).round(5))
    0.01
    """
    contained = 1.0 - np.exp(-0.5)
    # 1 − cos a, written with expm1 and log1p so that it is right both for tiny and for huge kappa.
    drop = -np.log1p(contained * np.expm1(-2.0 * kappa)) / kappa
    return np.asarray(2.0 * np.arcsin(np.sqrt(np.clip(drop / 2.0, 0.0, 1.0))))


def containment_angle(kappa: float, probability: float) -> float:
    """The opening angle in rad that holds so much of a von Mises-Fisher density; NaN unless kappa > 0.

    1 − cos a = −log(1 − p (1 − e^(−2κ))) / κ (Fisher 1953); for kappa → 0 the cap of a sphere with that share.
    """
    if not (np.isfinite(kappa) and kappa >= 0):
        return float("nan")
    kappa = max(kappa, 1e-9)
    drop = -np.log1p(probability * np.expm1(-2.0 * kappa)) / kappa
    return float(2.0 * np.arcsin(np.sqrt(np.clip(drop / 2.0, 0.0, 1.0))))


def vmf_density(
    direction: Float[ndarray, "*n 3"], mean: Float[ndarray, "3"], kappa: float
) -> Float[ndarray, "*n"]:
    """The density relative to its highest, e^(κ (cos θ − 1)), written as −2 sin²(θ/2) to hold for huge kappa."""
    chord = np.sum((direction - mean) ** 2, axis=-1)
    return np.asarray(np.exp(-0.5 * kappa * chord))


def probability_inside(
    error_rad: Float[ndarray, "event"], kappa: Float[ndarray, "event"]
) -> Float[ndarray, "event"]:
    """The probability within `error_rad` of the mean direction, uniform in [0, 1] if kappa is right.

    P(θ ≤ a) = (1 − e^(−κ(1−cos a))) / (1 − e^(−2κ)) (Fisher 1953), with 1 − cos a = 2 sin²(a/2).
    """
    drop = 2.0 * np.sin(error_rad / 2.0) ** 2
    kappa = np.maximum(kappa, 1e-9)  # at 0 the density is flat, and the quotient 0/0
    return np.asarray(np.expm1(-kappa * drop) / np.expm1(-2.0 * kappa))
