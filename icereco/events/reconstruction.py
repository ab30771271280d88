"""A reconstruction: what a model or a fit says of each event."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

__all__ = ["Reconstruction", "angular_sigma"]


@dataclass(frozen=True, slots=True)
class Reconstruction:
    """Directions of a batch of events, in the order of the events.

    Attributes:
        direction: unit vectors `[E, 3]` that point to where the neutrino came from; NaN where nothing could be fitted.
        kappa: concentration `[E]` of a von Mises-Fisher density around the direction, or None.
        pulses_used: how many pulses of each event `[E]` the method looked at; None = all.
    """

    direction: Float[ndarray, "event 3"]
    kappa: Float[ndarray, "event"] | None = None
    pulses_used: Int[ndarray, "event"] | None = None


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
    sigma: ndarray = 2.0 * np.arcsin(np.sqrt(np.clip(drop / 2.0, 0.0, 1.0)))
    return sigma
