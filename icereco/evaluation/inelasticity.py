"""How good estimates of the inelasticity are."""

from typing import TypedDict

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco.evaluation.measured import Measured, bias_and_spread, fraction, measured
from icereco.evaluation.target_groups import target_groups
from icereco.evaluation.weighted import mean, weights_of
from icereco.events.truth import Truth

__all__ = ["InelasticityEvaluation", "InelasticityResolution", "inelasticity_evaluation"]


class InelasticityResolution(TypedDict):
    """Inelasticities y of one group of events.

    Keys:
        events: with an estimate and a truth.
        bias: median of y − y_true.
        spread: half the distance of its 16 % and 84 % quantiles.
        correlation: Pearson's, of y and y_true; without a value where one of them is the same for all events.
        coverage: fraction of the events with a sigma whose true inelasticity is within it: 68 % where it is right.
        pull_width: half the distance of the 16 % and 84 % quantiles of y − y_true over sigma: 1 where it is right, more where it is too small.
    """

    events: int
    bias: Measured
    spread: Measured
    correlation: Measured
    coverage: Measured | None
    pull_width: Measured | None


class InelasticityEvaluation(TypedDict):
    """Inelasticities of all groups of events that have some.

    Keys:
        groups: by display name: all, kinds, half decades of true energy.
        without_estimate: events with a true inelasticity, and no estimate.
    """

    groups: dict[str, InelasticityResolution]
    without_estimate: int


def inelasticity_evaluation(
    inelasticity: Float[ndarray, "event"],
    sigma: Float[ndarray, "event"] | None,
    truth: Truth,
    weight: Float[ndarray, "event"] | None = None,
) -> InelasticityEvaluation:
    """Compare inelasticities with the truth, which has some.

    Args:
        inelasticity: as estimated; NaN where there is none.
        sigma: one sigma of it; None, NaN, or not positive, where the method gives none.
        truth: with inelasticities.
        weight: how much each event counts, or None where all count alike.
    """
    assert truth.inelasticity is not None
    known = truth.known("inelasticity")
    evaluated = known & np.isfinite(inelasticity)
    pairs = np.stack([inelasticity, truth.inelasticity])
    sigma = np.full(len(known), np.nan) if sigma is None else sigma
    return InelasticityEvaluation(
        groups={
            name: _resolution(pairs[:, chosen], sigma[chosen], weights_of(weight, chosen))
            for name, chosen in target_groups(truth, evaluated)
        },
        without_estimate=int((known & ~evaluated).sum()),
    )


def _resolution(
    pairs: Float[ndarray, "2 event"], sigma: Float[ndarray, "event"], weight: Float[ndarray, "event"] | None
) -> InelasticityResolution:
    bias, spread, correlation = measured(_figures, pairs, weight)
    known = np.isfinite(sigma) & (sigma > 0)
    pull, counted = (pairs[0] - pairs[1])[known] / sigma[known], weights_of(weight, known)
    return InelasticityResolution(
        events=pairs.shape[1],
        bias=bias,
        spread=spread,
        correlation=correlation,
        coverage=fraction(np.abs(pull) <= 1.0, counted) if len(pull) else None,
        pull_width=measured(bias_and_spread, pull[None], counted)[1] if len(pull) else None,
    )


def _figures(
    pairs: Float[ndarray, "2 resample event"], weight: Float[ndarray, "resample event"] | None
) -> Float[ndarray, "resample 3"]:
    estimated, true = pairs
    wide = None if weight is None else np.stack([weight, weight])
    from_mean = pairs - mean(pairs, wide)[..., None]
    covariance = mean(from_mean[0] * from_mean[1], weight)
    correlation = covariance / np.sqrt(np.prod(mean(from_mean**2, wide), axis=0))
    return np.column_stack([bias_and_spread((estimated - true)[None], weight), correlation])
