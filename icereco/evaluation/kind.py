"""How good the probabilities of kinds are: the most probable kind, how well each is told from the rest, and calibration."""

from collections.abc import Iterator
from typing import NotRequired, TypedDict

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from icereco.evaluation.measured import Measured, fraction, measured
from icereco.evaluation.roc import area_under_roc
from icereco.evaluation.weighted import effective_events, mean, weights_of
from icereco.events.truth import EVENT_KINDS, Truth

__all__ = ["KindAgainstRest", "KindEvaluation", "ReliabilityBin", "evaluated_kinds", "kind_evaluation"]

_BINS = 10
_LEAST_PROBABILITY = 1e-12
"""Smaller probabilities of the true kind count as this one in the log loss, which could be infinite otherwise."""


class ReliabilityBin(TypedDict):
    """Events for which the probability of a kind is in a range.

    Keys:
        low, high: of the range; the last includes its upper edge.
        events: in it.
        probability: mean of the events.
        observed: fraction of the events that are of this kind, with Wilson's interval.
    """

    low: float
    high: float
    events: int
    probability: float
    observed: Measured


class KindAgainstRest(TypedDict):
    """One kind against all others.

    Keys:
        events: that are of this kind.
        area: under the ROC curve of its probability: 1 where it separates them, 0.5 where it says nothing. Without a value where there are
            no such events, or no others.
        reliability: in ten ranges of its probability, without those that are empty.
    """

    events: int
    area: Measured
    reliability: list[ReliabilityBin]


class KindEvaluation(TypedDict):
    """Probabilities of kinds; figures have no value without events.

    Keys:
        events: with probabilities, and a true kind of `EVENT_KINDS`.
        confusion: how many events of a true kind (first key) have which most probable kind (second key).
        shares: where events have weights: the same as fractions of the weight of the true kind; none for a kind without weight.
        accuracy: fraction of the events whose most probable kind is the true one.
        log_loss: mean of −log probability of the true kind.
        calibration_error: the expected calibration error of the most probable kind (Guo et al., Proc. ICML 2017, eq. 3): the mean, over
            events in ten ranges of its probability, of the absolute difference of probability and accuracy.
        kinds: each against the rest.
        without_estimate: events with such a true kind, and no probabilities.
        other_kinds: events whose true kind is unknown, or none of `EVENT_KINDS`.
    """

    events: int
    confusion: dict[str, dict[str, int]]
    shares: NotRequired[dict[str, dict[str, float]]]
    accuracy: Measured
    log_loss: Measured
    calibration_error: float | None
    kinds: dict[str, KindAgainstRest]
    without_estimate: int
    other_kinds: int


def kind_evaluation(
    probability: Float[ndarray, "event kind"], truth: Truth, weight: Float[ndarray, "event"] | None = None
) -> KindEvaluation:
    """Compare probabilities of `EVENT_KINDS` with the true kinds; NaN where there are none. Weights as in `energy_evaluation`."""
    assert truth.kind is not None
    evaluated, true = evaluated_kinds(probability, truth)
    kept, count, weight = probability[evaluated], int(evaluated.sum()), weights_of(weight, evaluated)
    best = kept.argmax(axis=1)
    loss = -np.log(np.maximum(kept[np.arange(count), true], _LEAST_PROBABILITY))
    undefined = Measured(value=None, least=None, most=None)
    known = np.isin(truth.kind.astype(str), EVENT_KINDS)
    counts = bool(effective_events(weight, count))
    evaluation = KindEvaluation(
        events=count,
        confusion=_confusion(true, best),
        accuracy=fraction(best == true, weight),
        log_loss=measured(_mean, loss[None], weight)[0] if counts else undefined,
        calibration_error=_calibration_error(kept.max(axis=1), best == true, weight) if counts else None,
        kinds={kind: _against_rest(kept[:, i], true == i, weight) for i, kind in enumerate(EVENT_KINDS)},
        without_estimate=int((known & ~evaluated).sum()),
        other_kinds=int((~known).sum()),
    )
    return evaluation if weight is None else evaluation | {"shares": _shares(true, best, weight)}


def evaluated_kinds(
    probability: Float[ndarray, "event kind"], truth: Truth
) -> tuple[Bool[ndarray, "event"], Int[ndarray, "known"]]:
    """Return which events have probabilities and a true kind, and the numbers of these in `EVENT_KINDS`."""
    assert truth.kind is not None
    kind = truth.kind.astype(str)
    evaluated = np.isin(kind, EVENT_KINDS) & np.isfinite(probability).all(axis=1)
    return evaluated, np.array([EVENT_KINDS.index(one) for one in kind[evaluated]], np.int64)


def _confusion(true: Int[ndarray, "event"], best: Int[ndarray, "event"]) -> dict[str, dict[str, int]]:
    return {
        kind: {name: int(((true == i) & (best == j)).sum()) for j, name in enumerate(EVENT_KINDS)}
        for i, kind in enumerate(EVENT_KINDS)
    }


def _shares(
    true: Int[ndarray, "event"], best: Int[ndarray, "event"], weight: Float[ndarray, "event"]
) -> dict[str, dict[str, float]]:
    of_kind = {kind: weight * (true == i) for i, kind in enumerate(EVENT_KINDS)}
    return {
        kind: {name: float(mean(best == j, counted)) for j, name in enumerate(EVENT_KINDS)}
        for kind, counted in of_kind.items()
        if counted.any()
    }


def _mean(
    values: Float[ndarray, "row resample event"], weight: Float[ndarray, "resample event"] | None
) -> Float[ndarray, "resample figure"]:
    return mean(values, None if weight is None else np.broadcast_to(weight, values.shape)).T


def _against_rest(
    score: Float[ndarray, "event"],
    positive: Bool[ndarray, "event"],
    weight: Float[ndarray, "event"] | None,
) -> KindAgainstRest:
    return KindAgainstRest(
        events=int(positive.sum()),
        area=area_under_roc(score, positive, weight),
        reliability=list(_reliability(score, positive, weight)),
    )


def _reliability(
    probability: Float[ndarray, "event"],
    outcome: Bool[ndarray, "event"],
    weight: Float[ndarray, "event"] | None,
) -> Iterator[ReliabilityBin]:
    """Yield the ranges of a probability that have events that count, with how often it came true."""
    place = np.clip((probability * _BINS).astype(np.int64), 0, _BINS - 1)
    for number in np.unique(place).tolist():
        chosen = place == number
        counted = weights_of(weight, chosen)
        if not effective_events(counted, int(chosen.sum())):
            continue
        yield ReliabilityBin(
            low=number / _BINS,
            high=(number + 1) / _BINS,
            events=int(chosen.sum()),
            probability=float(mean(probability[chosen], counted)),
            observed=fraction(outcome[chosen], counted),
        )


def _calibration_error(
    confidence: Float[ndarray, "event"],
    right: Bool[ndarray, "event"],
    weight: Float[ndarray, "event"] | None,
) -> float:
    counted = np.ones(len(confidence)) if weight is None else weight
    place = np.clip((confidence * _BINS).astype(np.int64), 0, _BINS - 1)
    apart = np.bincount(place, counted * (confidence - right))
    return float(np.abs(apart).sum() / counted.sum())
