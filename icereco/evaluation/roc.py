"""Receiver operating characteristics: how well a number tells events of one class from all others."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from icereco.evaluation.bootstrap import FEWEST
from icereco.evaluation.measured import Measured

__all__ = ["Roc", "area_under_roc", "roc"]

_TWO_SIGMA = 1.96


@dataclass(frozen=True, slots=True, eq=False)
class Roc:
    """The curve, from (0, 0) to (1, 1): of events of the class, and of all others, the fractions with at least some score."""

    others: Float[ndarray, "point"]
    of_class: Float[ndarray, "point"]


def roc(score: Float[ndarray, "event"], positive: Bool[ndarray, "event"]) -> Roc | None:
    """Return the curve with a point for each score that occurs; None where there are no events of the class, or no others."""
    if positive.all() or not positive.any():
        return None
    order = np.argsort(-score, kind="stable")
    last = np.append(np.flatnonzero(np.diff(score[order])), len(order) - 1)  # the last event of each score
    hits = np.cumsum(positive[order])[last]
    return Roc(
        others=np.append(0.0, (last + 1 - hits) / (~positive).sum()),
        of_class=np.append(0.0, hits / positive.sum()),
    )


def area_under_roc(score: Float[ndarray, "event"], positive: Bool[ndarray, "event"]) -> Measured:
    """Return the probability that an event of the class has the higher score than another event; ties count one half.

    The interval is that of DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988) 837: two sigma of the mean, over events of the class, of
    the fraction of the others with lower scores, and of the same the other way round. It says nothing where no scores overlap.
    """
    ours, others = np.sort(score[positive]), np.sort(score[~positive])
    if not len(ours) or not len(others):
        return Measured(value=None, least=None, most=None)
    below, above = _fraction_below(others, ours), 1.0 - _fraction_below(ours, others)
    area = float(below.mean())
    if min(len(ours), len(others)) < FEWEST or area in (0.0, 1.0):
        return Measured(value=area, least=None, most=None)
    half = _TWO_SIGMA * float(np.sqrt(below.var(ddof=1) / len(ours) + above.var(ddof=1) / len(others)))
    return Measured(value=area, least=max(area - half, 0.0), most=min(area + half, 1.0))


def _fraction_below(
    ordered: Float[ndarray, "other"], values: Float[ndarray, "event"]
) -> Float[ndarray, "event"]:
    """Return for each value the fraction of others that are lower; equal ones count one half."""
    places = [np.searchsorted(ordered, values, side) for side in ("left", "right")]
    return np.asarray(np.mean(places, axis=0) / len(ordered))
