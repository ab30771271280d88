"""Figures of events with their statistical intervals of 95 %."""

from typing import TypedDict

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco.evaluation.bootstrap import FEWEST, LEVEL, Statistic, resamples
from icereco.evaluation.calibration import interval

__all__ = ["Measured", "bias_and_spread", "fraction", "measured", "quantile"]

_CENTRAL = (0.16, 0.5, 0.84)
_DRAWS = 2_000_000
_TWO_SIGMA = 1.96


class Measured(TypedDict):
    """A figure, and the interval that holds it with 95 % probability; None where it is not defined, or there are too few events."""

    value: float | None
    least: float | None
    most: float | None


def fraction(successes: int, trials: int) -> Measured:
    """Return a fraction of events with Wilson's interval; without events it is not defined."""
    if not trials:
        return Measured(value=None, least=None, most=None)
    least, most = interval(successes, trials)
    return Measured(value=successes / trials, least=least, most=most)


def measured(statistic: Statistic, values: Float[ndarray, "row event"]) -> list[Measured]:
    """Return figures of at least one event, with bootstrap intervals where there are at least ten."""
    with np.errstate(invalid="ignore", divide="ignore"):
        (figures,) = statistic(values[:, None])
        if values.shape[1] < FEWEST:
            return [Measured(value=_known(figure), least=None, most=None) for figure in figures]
        resampled = resamples(statistic, values, _DRAWS)
    return [_bounded(figure, column) for figure, column in zip(figures, resampled.T, strict=True)]


def _bounded(figure: float, resampled: Float[ndarray, "resample"]) -> Measured:
    defined = resampled[np.isfinite(resampled)]
    if not len(defined) or not np.isfinite(figure):
        return Measured(value=_known(figure), least=None, most=None)
    least, most = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Measured(value=float(figure), least=float(least), most=float(most))


def _known(figure: float) -> float | None:
    return float(figure) if np.isfinite(figure) else None


def bias_and_spread(residual: Float[ndarray, "row resample event"]) -> Float[ndarray, "resample figure"]:
    """Return the median of each row, then half the distance of its 16 % and 84 % quantiles: one sigma of a normal distribution."""
    low, middle, high = np.quantile(residual, _CENTRAL, axis=-1)
    return np.concatenate([middle, 0.5 * (high - low)]).T


def quantile(values: Float[ndarray, "event"], part: float = 0.5) -> Measured:
    """Return a quantile of at least one event, and an interval where there are at least ten.

    Its ends are order statistics, whose ranks are binomially distributed (Conover, Practical Nonparametric Statistics (1999), section 3.2,
    with the normal approximation of the binomial).
    """
    count, value = len(values), float(np.quantile(values, part))
    if count < FEWEST:
        return Measured(value=value, least=None, most=None)
    reach = _TWO_SIGMA * np.sqrt(count * part * (1.0 - part))
    low, high = int(np.floor(part * count - reach)), int(np.ceil(part * count + reach))
    ordered = np.sort(values)
    least, most = ordered[max(low - 1, 0)], ordered[min(high, count - 1)]
    return Measured(value=value, least=float(least), most=float(most))
