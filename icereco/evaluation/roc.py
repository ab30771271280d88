"""Receiver operating characteristics: how well a number tells events of one class from all others."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from icereco.evaluation.bootstrap import FEWEST
from icereco.evaluation.measured import Measured
from icereco.evaluation.weighted import effective_events, mean, weights_of

__all__ = ["Roc", "area_under_roc", "roc"]

_TWO_SIGMA = 1.96


@dataclass(frozen=True, slots=True, eq=False)
class Roc:
    """The curve, from (0, 0) to (1, 1): of events of the class, and of all others, the fractions with at least some score."""

    others: Float[ndarray, "point"]
    of_class: Float[ndarray, "point"]


def roc(
    score: Float[ndarray, "event"],
    positive: Bool[ndarray, "event"],
    weight: Float[ndarray, "event"] | None = None,
) -> Roc | None:
    """Return the curve with a point for each score that occurs; None where there are no events of the class, or no others, that count."""
    counted = np.ones(len(score)) if weight is None else weight
    ours, others = counted * positive, counted * ~positive
    if not (ours.any() and others.any()):
        return None
    order = np.argsort(-score, kind="stable")
    last = np.append(np.flatnonzero(np.diff(score[order])), len(order) - 1)  # the last event of each score
    return Roc(
        others=np.append(0.0, np.cumsum(others[order])[last] / others.sum()),
        of_class=np.append(0.0, np.cumsum(ours[order])[last] / ours.sum()),
    )


def area_under_roc(
    score: Float[ndarray, "event"],
    positive: Bool[ndarray, "event"],
    weight: Float[ndarray, "event"] | None = None,
) -> Measured:
    """Return the probability that an event of the class has the higher score than another event; ties count one half.

    The interval is that of DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988) 837: two sigma of the mean, over events of the class, of
    the fraction of the others with lower scores, and of the same the other way round. It says nothing where no scores overlap.
    With weights pairs count by their product, and the numbers of events are those that they are worth.
    """
    ours, others = (_Scores(score[rows], weights_of(weight, rows)) for rows in (positive, ~positive))
    if not ours.events or not others.events:
        return Measured(value=None, least=None, most=None)
    below, above = others.fraction_below(ours.score), 1.0 - ours.fraction_below(others.score)
    area = float(mean(below, ours.weight))
    if min(ours.events, others.events) < FEWEST or area in (0.0, 1.0):
        return Measured(value=area, least=None, most=None)
    half = _TWO_SIGMA * float(np.sqrt(ours.squared_error(below) + others.squared_error(above)))
    return Measured(value=area, least=max(area - half, 0.0), most=min(area + half, 1.0))


@dataclass(frozen=True, slots=True, eq=False)
class _Scores:
    """Scores of one side, and how much each counts, or None."""

    score: Float[ndarray, "event"]
    weight: Float[ndarray, "event"] | None

    @property
    def events(self) -> float:
        return effective_events(self.weight, len(self.score))

    def fraction_below(self, values: Float[ndarray, "value"]) -> Float[ndarray, "value"]:
        """Return for each value the fraction of these scores that are lower; equal ones count one half."""
        order = np.argsort(self.score)
        counted = np.ones(len(order)) if self.weight is None else self.weight[order]
        held = np.append(0.0, np.cumsum(counted))
        places = [np.searchsorted(self.score[order], values, side) for side in ("left", "right")]
        return np.asarray((held[places[0]] + held[places[1]]) / (2.0 * held[-1]))

    def squared_error(self, values: Float[ndarray, "event"]) -> float:
        """Return the squared statistical error of the mean of a value of each."""
        return float(mean((values - mean(values, self.weight)) ** 2, self.weight) / (self.events - 1.0))
