"""How good estimates of the energy are: bias, spread, and whether their sigma is right."""

from typing import TypedDict

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from icereco.evaluation.measured import Measured, bias_and_spread, fraction, measured
from icereco.evaluation.target_groups import target_groups
from icereco.events.truth import Truth

__all__ = ["EnergyEvaluation", "EnergyResolution", "energy_evaluation", "energy_residual"]


class EnergyResolution(TypedDict):
    """Energies of one group of events.

    Keys:
        events: with an estimated and a true energy.
        bias: median of log₁₀(E/E_true).
        spread: half the distance of its 16 % and 84 % quantiles.
        coverage: fraction of the events with a sigma whose true energy is within it: 68.3 % where it is right.
        pull_width: half the distance of the 16 % and 84 % quantiles of log₁₀(E/E_true) over sigma: 1 where it is right, more where it is
            too small.
    """

    events: int
    bias: Measured
    spread: Measured
    coverage: Measured | None
    pull_width: Measured | None


class EnergyEvaluation(TypedDict):
    """Energies of all groups of events that have some.

    Keys:
        groups: by display name: all, kinds, half decades of true energy.
        without_estimate: events with a true energy, and no estimate.
    """

    groups: dict[str, EnergyResolution]
    without_estimate: int


def energy_evaluation(
    energy_gev: Float[ndarray, "event"], log10_sigma: Float[ndarray, "event"] | None, truth: Truth
) -> EnergyEvaluation:
    """Compare energies with the truth.

    Args:
        energy_gev: as estimated; NaN, or not positive, where there is none.
        log10_sigma: one sigma of its decimal logarithm; None, or NaN, where the method gives none.
        truth: with energies.
    """
    assert truth.energy_gev is not None
    residual = energy_residual(energy_gev, truth.energy_gev)
    evaluated = np.isfinite(residual)
    sigma = np.full(len(residual), np.nan) if log10_sigma is None else log10_sigma
    return EnergyEvaluation(
        groups={
            name: _resolution(residual[chosen], sigma[chosen])
            for name, chosen in target_groups(truth, evaluated)
        },
        without_estimate=int((_positive(truth.energy_gev) & ~evaluated).sum()),
    )


def energy_residual(
    energy_gev: Float[ndarray, "event"], true_gev: Float[ndarray, "event"]
) -> Float[ndarray, "event"]:
    """Return log₁₀(E/E_true); NaN where one of them is unknown or not positive."""
    residual = np.full(len(true_gev), np.nan)
    both = _positive(energy_gev) & _positive(true_gev)
    residual[both] = np.log10(energy_gev[both] / true_gev[both])
    return residual


def _positive(energy_gev: Float[ndarray, "event"]) -> Bool[ndarray, "event"]:
    return np.asarray(np.isfinite(energy_gev) & (energy_gev > 0))


def _resolution(residual: Float[ndarray, "event"], sigma: Float[ndarray, "event"]) -> EnergyResolution:
    bias, spread = measured(bias_and_spread, residual[None])
    known = _positive(sigma)
    pull = residual[known] / sigma[known]
    return EnergyResolution(
        events=len(residual),
        bias=bias,
        spread=spread,
        coverage=fraction(int((np.abs(pull) <= 1.0).sum()), len(pull)) if len(pull) else None,
        pull_width=measured(bias_and_spread, pull[None])[1] if len(pull) else None,
    )
