"""The von Mises-Fisher density on the sphere, p(x) = κ e^(κ μ·x) / (2π (e^κ − e^(−κ))) (Fisher 1953).

With 1 − cos θ written as 2 sin²(θ/2) or |μ − x|²/2, and differences of exponentials as expm1, the formulas hold from
κ = 0, the uniform density, to beyond 1e10.
"""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

__all__ = [
    "SMALLEST_KAPPA",
    "angular_sigma",
    "concentration",
    "log_peak",
    "mean_cosine",
    "probability_inside",
    "radius_holding",
    "vmf_cosine_drop",
]

SMALLEST_KAPPA = 1e-9
"""Below it the density is uniform to all digits, and the formulas would be 0/0."""

_NEWTON_STEPS = 6


def log_peak(kappa: Float[ndarray, "*n"]) -> Float[ndarray, "*n"]:
    """Log of the density per steradian at its mean direction: log κ − log 2π − log(1 − e^(−2κ)).

    >>> bool(np.isclose(log_peak(np.array(0.0)), -np.log(4 * np.pi)))
    True
    """
    kappa = np.maximum(kappa, SMALLEST_KAPPA)
    return np.asarray(np.log(kappa / (-2 * np.pi * np.expm1(-2.0 * kappa))))


def mean_cosine(kappa: Float[ndarray, "*n"]) -> Float[ndarray, "*n"]:
    """A(κ) = coth κ − 1/κ, the mean of cos θ; by its series where the difference cancels."""
    small = kappa < 0.1
    safe = np.where(small, 1.0, kappa)
    return np.where(small, kappa * (1 / 3 - kappa**2 / 45), 1 / np.tanh(safe) - 1 / safe)


def concentration(cosine: Float[ndarray, "*n"]) -> Float[ndarray, "*n"]:
    """The κ ≥ 0 whose mean cosine is `cosine` (Banerjee et al. 2005, eq. 4.4, then Newton's method).

    >>> float(concentration(mean_cosine(np.array(50.0))).round(6))
    50.0
    """
    wanted = np.asarray(np.clip(cosine, 0, 1 - 1e-12))
    kappa = np.asarray(wanted * (3 - wanted**2) / (1 - wanted**2))
    for _ in range(_NEWTON_STEPS):
        reached = mean_cosine(kappa)
        slope = 1 - reached**2 - 2 * reached / np.maximum(kappa, SMALLEST_KAPPA)
        slope = np.maximum(np.where(kappa < 1e-3, 1 / 3, slope), 1e-30)
        kappa = np.asarray(np.maximum(kappa - (reached - wanted) / slope, kappa / 2))
    return kappa


def probability_inside(angle_rad: Float[ndarray, "*n"], kappa: Float[ndarray, "*n"]) -> Float[ndarray, "*n"]:
    """The probability within an opening angle of the mean direction, uniform in [0, 1] if kappa is right.

    P(θ ≤ a) = (1 − e^(−κ(1−cos a))) / (1 − e^(−2κ)).
    """
    drop = 2.0 * np.sin(angle_rad / 2.0) ** 2
    kappa = np.maximum(kappa, SMALLEST_KAPPA)
    return np.asarray(np.expm1(-kappa * drop) / np.expm1(-2.0 * kappa))


def vmf_cosine_drop(
    probability: float | Float[ndarray, "*n"], kappa: Float[ndarray, "*n"]
) -> Float[ndarray, "*n"]:
    """1 − cos a of the opening angle a that holds a probability: −log(1 − p (1 − e^(−2κ))) / κ.

    Of uniform random probabilities these are random draws of 1 − cos θ.
    """
    kappa = np.maximum(kappa, SMALLEST_KAPPA)
    return np.asarray(-np.log1p(probability * np.expm1(-2.0 * kappa)) / kappa)


def radius_holding(probability: float, kappa: Float[ndarray, "*n"]) -> Float[ndarray, "*n"]:
    """The opening angle in rad around the mean direction that holds a probability."""
    drop = vmf_cosine_drop(probability, kappa)
    return np.asarray(2.0 * np.arcsin(np.sqrt(np.clip(drop / 2.0, 0.0, 1.0))))


def angular_sigma(kappa: Float[ndarray, "*n"]) -> Float[ndarray, "*n"]:
    """The opening angle in rad that holds 39.3 %, one sigma of a two-dimensional Gaussian; 1/√κ for large kappa.

    >>> float(angular_sigma(np.array(1e4)).round(5))
    0.01
    """
    return radius_holding(float(1.0 - np.exp(-0.5)), kappa)
