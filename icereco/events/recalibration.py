"""Recalibration of posteriors: densities as wide, and with such tails, as the errors of unseen events ask for."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from icereco.events.vmf_mixture import VmfMixture
from icereco.physics.vmf import SMALLEST_KAPPA

__all__ = [
    "LEAST_LOG_KAPPA",
    "MOST_LOG_KAPPA",
    "USUAL_LOG_KAPPA",
    "USUAL_LOG_PULSES",
    "Recalibration",
    "features_of",
]

USUAL_LOG_KAPPA, USUAL_LOG_PULSES = 2.0, 4.0
LEAST_LOG_KAPPA, MOST_LOG_KAPPA = -4.0, 18.0


@dataclass(frozen=True, slots=True, eq=False)
class Recalibration:
    """Each density of a mixture becomes several around the same direction, narrower and wider ones: κ → Σᵢ aᵢ vMF(sᵢ κ).

    With the features f = (1, log κ − 2, log pulses − 4), which stay within those of the events it was fitted to,
    log sᵢ = S f and log aᵢ = A f up to a constant. For a round posterior this is a monotone map of the probability within
    each angle. A mixture of scales lends tails to a density (Andrews and Mallows, J. R. Stat. Soc. B 36 (1974) 99).

    Attributes:
        scale: S.
        weight: A.
        least, most: smallest and largest features.
    """

    scale: Float[ndarray, "part feature"]
    weight: Float[ndarray, "part feature"]
    least: Float[ndarray, "feature"]
    most: Float[ndarray, "feature"]

    def __call__(self, posterior: VmfMixture, pulses: Int[ndarray, "event"]) -> VmfMixture:
        """Return the recalibrated posteriors of events with so many pulses; NaN stays NaN."""
        features = np.clip(np.nan_to_num(features_of(posterior.kappa, pulses)), self.least, self.most)
        share = np.exp(_log_softmax(features @ self.weight.T))
        log_kappa = (
            np.log(np.maximum(posterior.concentration, SMALLEST_KAPPA))[..., None]
            + (features @ self.scale.T)[:, None]
        )
        kappa = np.exp(np.clip(log_kappa, LEAST_LOG_KAPPA, MOST_LOG_KAPPA))
        weight = posterior.weight[..., None] * share[:, None]
        events, parts = len(posterior), kappa.shape[1] * kappa.shape[2]
        return VmfMixture(
            weight.reshape(events, parts),
            np.repeat(posterior.mean, len(self.scale), axis=1),
            kappa.reshape(events, parts),
        )


def features_of(
    kappa: Float[ndarray, "event"], pulses: Int[ndarray, "event"]
) -> Float[ndarray, "event feature"]:
    """Return the features of events, see `Recalibration`."""
    log_kappa = np.log(np.maximum(kappa, np.exp(LEAST_LOG_KAPPA)))
    log_pulses = np.log(np.maximum(pulses, 1.0))
    return np.stack([np.ones_like(log_kappa), log_kappa - USUAL_LOG_KAPPA, log_pulses - USUAL_LOG_PULSES], 1)


def _log_softmax(values: Float[ndarray, "event part"]) -> Float[ndarray, "event part"]:
    return values - np.logaddexp.reduce(values, axis=1, keepdims=True)
