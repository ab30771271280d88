"""Recalibration of energy, vertex, kind and inelasticity: estimates and uncertainties that hold what they say on unseen events."""

from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco.events.reconstruction import Reconstruction

__all__ = [
    "LEAST_PROBABILITY",
    "TARGET_RECALIBRATIONS",
    "EnergyRecalibration",
    "InelasticityRecalibration",
    "KindRecalibration",
    "TargetRecalibration",
    "VertexRecalibration",
    "energy_widths",
]

LEAST_PROBABILITY = 1e-30
"""Smaller probabilities of kinds count as this one, whose logarithm is finite."""


@dataclass(frozen=True, slots=True, eq=False)
class EnergyRecalibration:
    """Energies are shifted by the same ratio, and their widths multiplied, each side with its own factor.

    Attributes:
        shift: added to log₁₀ E.
        below, above: factors of the widths on either side, in decades.
    """

    shift: Float[ndarray, ""]
    below: Float[ndarray, ""]
    above: Float[ndarray, ""]

    def __call__(self, made: Reconstruction) -> Reconstruction:
        """Return a reconstruction with other energies, intervals and sigmas."""
        if made.energy_gev is None:
            return made
        widths, factors = energy_widths(made), np.stack([self.below, self.above])
        energy = made.energy_gev * 10.0**self.shift
        if widths is None:
            return replace(made, energy_gev=energy)
        wider = factors * widths
        interval, sigma = made.energy_interval_gev, made.energy_log10_sigma
        return replace(
            made,
            energy_gev=energy,
            energy_interval_gev=None if interval is None else energy[:, None] * 10.0 ** (wider * [-1.0, 1.0]),
            energy_log10_sigma=None if sigma is None else sigma * wider.sum(1) / widths.sum(1),
        )


@dataclass(frozen=True, slots=True, eq=False)
class VertexRecalibration:
    """Covariances of vertices are multiplied by a factor; vertices stay as they are."""

    factor: Float[ndarray, ""]

    def __call__(self, made: Reconstruction) -> Reconstruction:
        """Return a reconstruction with other covariances."""
        covariance = made.vertex_covariance_m2
        return made if covariance is None else replace(made, vertex_covariance_m2=covariance * self.factor)


@dataclass(frozen=True, slots=True, eq=False)
class KindRecalibration:
    """Probabilities of kinds become softmax(log max(p, p₀) / T + b) (vector scaling: Guo et al., Proc. ICML 2017, section 4.2).

    Attributes:
        temperature: T, above 1 where probabilities are too far from each other.
        bias: b, of each kind; its sum is 0.
        least: p₀; evidences of fits are at times far too sure, which no temperature mends without blurring the others.
    """

    temperature: Float[ndarray, ""]
    bias: Float[ndarray, "kind"]
    least: Float[ndarray, ""] = field(default_factory=lambda: np.asarray(LEAST_PROBABILITY))

    def __call__(self, made: Reconstruction) -> Reconstruction:
        """Return a reconstruction with other probabilities."""
        if made.kind_probability is None:
            return made
        score = np.log(np.maximum(made.kind_probability, self.least)) / self.temperature + self.bias
        probability = np.exp(score - score.max(axis=1, keepdims=True))
        return replace(made, kind_probability=probability / probability.sum(axis=1, keepdims=True))


@dataclass(frozen=True, slots=True, eq=False)
class InelasticityRecalibration:
    """Sigmas of inelasticities are multiplied by a factor; inelasticities stay as they are."""

    factor: Float[ndarray, ""]

    def __call__(self, made: Reconstruction) -> Reconstruction:
        """Return a reconstruction with other sigmas."""
        sigma = made.inelasticity_sigma
        return made if sigma is None else replace(made, inelasticity_sigma=sigma * self.factor)


@dataclass(frozen=True, slots=True, eq=False)
class TargetRecalibration:
    """The recalibration of each target besides the direction; None for those that stay as they are."""

    energy: EnergyRecalibration | None = None
    vertex: VertexRecalibration | None = None
    kind: KindRecalibration | None = None
    inelasticity: InelasticityRecalibration | None = None

    def __call__(self, made: Reconstruction) -> Reconstruction:
        """Return a recalibrated reconstruction; NaN stays NaN, and what each event becomes does not depend on others."""
        for part in self.parts.values():
            made = part(made)
        return made

    def __bool__(self) -> bool:
        return bool(self.parts)

    @property
    def parts(self) -> dict[str, Any]:
        """Those that there are, by name."""
        parts = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: part for name, part in parts.items() if part is not None}


TARGET_RECALIBRATIONS = {
    "energy": EnergyRecalibration,
    "vertex": VertexRecalibration,
    "kind": KindRecalibration,
    "inelasticity": InelasticityRecalibration,
}
"""The classes of the parts of a `TargetRecalibration`, by name."""


def energy_widths(made: Reconstruction) -> Float[ndarray, "event 2"] | None:
    """Return the widths in decades below and above the energy: of its interval of 68 %, else sigma; None without either."""
    if made.energy_gev is None:
        return None
    if made.energy_interval_gev is not None:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.log10(made.energy_interval_gev / made.energy_gev[:, None]) * [-1.0, 1.0])
    sigma = made.energy_log10_sigma
    return None if sigma is None else np.stack([sigma, sigma], 1)
