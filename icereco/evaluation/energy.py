"""How good estimates of the energy are: bias, spread, and whether their intervals and sigma are right."""

from typing import TypedDict

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from icereco.evaluation.measured import Measured, bias_and_spread, fraction, measured
from icereco.evaluation.target_groups import target_groups
from icereco.evaluation.weighted import weights_of
from icereco.events.reconstruction import Reconstruction
from icereco.events.target_recalibration import energy_widths
from icereco.events.truth import Truth

__all__ = ["EnergyEvaluation", "EnergyResolution", "energy_evaluation", "energy_residual"]


class EnergyResolution(TypedDict):
    """Energies of one group of events.

    Keys:
        events: with an estimated and a true energy.
        bias: median of log₁₀(E/E_true).
        spread: half the distance of its 16 % and 84 % quantiles.
        coverage: fraction of the events with an interval of 68 %, or else a sigma, whose true energy is within it: 68 % where it is right.
        below, above: fraction of them whose true energy is below or above it: 16 % where it is right.
        pull_width: half the distance of the 16 % and 84 % quantiles of log₁₀(E/E_true) over sigma: 1 where it is right, more where it is
            too small.
    """

    events: int
    bias: Measured
    spread: Measured
    coverage: Measured | None
    below: Measured | None
    above: Measured | None
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
    made: Reconstruction, truth: Truth, weight: Float[ndarray, "event"] | None = None
) -> EnergyEvaluation:
    """Compare energies with the truth.

    Args:
        made: with energies, NaN or not positive where there is none; intervals and sigmas are None, or NaN, where the method gives none.
        truth: with energies.
        weight: how much each event counts, or None where all count alike.
    """
    assert made.energy_gev is not None
    assert truth.energy_gev is not None
    residual = energy_residual(made.energy_gev, truth.energy_gev)
    evaluated, nothing = np.isfinite(residual), np.full(len(residual), np.nan)
    sigma = nothing if made.energy_log10_sigma is None else made.energy_log10_sigma
    side = _side(made, residual)
    return EnergyEvaluation(
        groups={
            name: _resolution(residual[chosen], sigma[chosen], side[chosen], weights_of(weight, chosen))
            for name, chosen in target_groups(truth, evaluated)
        },
        without_estimate=int((_positive(truth.energy_gev) & ~evaluated).sum()),
    )


def _side(made: Reconstruction, residual: Float[ndarray, "event"]) -> Float[ndarray, "event"]:
    """Return −1 where the true energy is below the interval, 0 where it is in it, 1 where it is above; NaN without an interval."""
    widths = energy_widths(made)
    if widths is None:
        return np.full(len(residual), np.nan)
    known = np.isfinite(residual) & (np.isfinite(widths) & (widths > 0)).all(axis=1)
    side = np.where(residual > widths[:, 0], -1.0, np.where(residual < -widths[:, 1], 1.0, 0.0))
    return np.where(known, side, np.nan)


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


def _resolution(
    residual: Float[ndarray, "event"],
    sigma: Float[ndarray, "event"],
    side: Float[ndarray, "event"],
    weight: Float[ndarray, "event"] | None,
) -> EnergyResolution:
    bias, spread = measured(bias_and_spread, residual[None], weight)
    known, sided = _positive(sigma), np.isfinite(side)
    pull = residual[known] / sigma[known]
    below, coverage, above = (
        fraction(side[sided] == place, weights_of(weight, sided)) if sided.any() else None
        for place in (-1, 0, 1)
    )
    return EnergyResolution(
        events=len(residual),
        bias=bias,
        spread=spread,
        coverage=coverage,
        below=below,
        above=above,
        pull_width=measured(bias_and_spread, pull[None], weights_of(weight, known))[1] if len(pull) else None,
    )
