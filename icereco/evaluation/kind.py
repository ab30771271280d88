"""How good the probabilities of kinds are: the most probable kind, how well each is told from the rest, and calibration."""

from collections.abc import Iterator
from typing import TypedDict

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from icereco.evaluation.measured import Measured, fraction, measured
from icereco.evaluation.roc import area_under_roc
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
    accuracy: Measured
    log_loss: Measured
    calibration_error: float | None
    kinds: dict[str, KindAgainstRest]
    without_estimate: int
    other_kinds: int


def kind_evaluation(probability: Float[ndarray, "event kind"], truth: Truth) -> KindEvaluation:
    """Compare probabilities of `EVENT_KINDS` with the true kinds; NaN where there are none."""
    assert truth.kind is not None
    evaluated, true = evaluated_kinds(probability, truth)
    kept, count = probability[evaluated], int(evaluated.sum())
    best = kept.argmax(axis=1)
    loss = -np.log(np.maximum(kept[np.arange(count), true], _LEAST_PROBABILITY))
    undefined = Measured(value=None, least=None, most=None)
    known = np.isin(truth.kind.astype(str), EVENT_KINDS)
    return KindEvaluation(
        events=count,
        confusion=_confusion(true, best),
        accuracy=fraction(int((best == true).sum()), count),
        log_loss=measured(_mean, loss[None])[0] if count else undefined,
        calibration_error=_calibration_error(kept.max(axis=1), best == true) if count else None,
        kinds={kind: _against_rest(kept[:, i], true == i) for i, kind in enumerate(EVENT_KINDS)},
        without_estimate=int((known & ~evaluated).sum()),
        other_kinds=int((~known).sum()),
    )


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


def _mean(values: Float[ndarray, "row resample event"]) -> Float[ndarray, "resample figure"]:
    return np.asarray(values.mean(axis=-1).T)


def _against_rest(score: Float[ndarray, "event"], positive: Bool[ndarray, "event"]) -> KindAgainstRest:
    return KindAgainstRest(
        events=int(positive.sum()),
        area=area_under_roc(score, positive),
        reliability=list(_reliability(score, positive)),
    )


def _reliability(
    probability: Float[ndarray, "event"], outcome: Bool[ndarray, "event"]
) -> Iterator[ReliabilityBin]:
    """Yield the ranges of a probability that have events, with how often it came true."""
    place = np.clip((probability * _BINS).astype(np.int64), 0, _BINS - 1)
    for number in np.unique(place).tolist():
        chosen = place == number
        count = int(chosen.sum())
        yield ReliabilityBin(
            low=number / _BINS,
            high=(number + 1) / _BINS,
            events=count,
            probability=float(probability[chosen].mean()),
            observed=fraction(int(outcome[chosen].sum()), count),
        )


def _calibration_error(confidence: Float[ndarray, "event"], right: Bool[ndarray, "event"]) -> float:
    apart = [
        one["events"] * abs(one["probability"] - (one["observed"]["value"] or 0.0))
        for one in _reliability(confidence, right)
    ]
    return sum(apart) / len(confidence)
