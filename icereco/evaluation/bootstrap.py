"""The bootstrap over events (Efron and Tibshirani, An Introduction to the Bootstrap, 1993): they are drawn with replacement."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco.evaluation.weighted import weights_of

__all__ = ["FEWEST", "LEVEL", "Statistic", "resamples"]

LEVEL = 0.95
"""How many of the resamples an interval holds."""

FEWEST = 10
"""Intervals from fewer events are not meaningful."""

_MOST_RESAMPLES, _LEAST_RESAMPLES = 2_000, 200
_AT_ONCE = 1_000_000
"""Events drawn at once, to bound memory."""

Statistic = Callable[
    [Float[ndarray, "row resample event"], Float[ndarray, "resample event"] | None],
    Float[ndarray, "resample figure"],
]
"""Figures of each resample, from the rows of numbers that each event has, and their weights, or None where all count alike."""


def resamples(
    statistic: Statistic,
    values: Float[ndarray, "row event"],
    draws: int,
    seed: int = 0,
    weight: Float[ndarray, "event"] | None = None,
) -> Float[ndarray, "resample figure"]:
    """Compute figures of events for each resample.

    Args:
        statistic: the figures.
        values: numbers of each event.
        draws: events drawn in all resamples: more events need fewer resamples for an equally good interval.
        seed: of the resampling.
        weight: of each event; events are drawn alike, and keep theirs.
    """
    random, events = np.random.default_rng(seed), values.shape[1]
    count = int(np.clip(draws // events, _LEAST_RESAMPLES, _MOST_RESAMPLES))
    at_once = max(_AT_ONCE // events, 1)
    drawn = (
        random.integers(0, events, (min(at_once, count - start), events))
        for start in range(0, count, at_once)
    )
    return np.concatenate([statistic(values[:, rows], weights_of(weight, rows)) for rows in drawn])
