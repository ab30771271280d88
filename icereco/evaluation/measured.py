"""Figures of events with their statistical intervals of 95 %."""

from typing import TypedDict

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from icereco.evaluation.bootstrap import FEWEST, LEVEL, Statistic, resamples
from icereco.evaluation.calibration import interval
from icereco.evaluation.weighted import effective_events, mean, quantiles

__all__ = ["Measured", "bias_and_spread", "fraction", "measured", "quantile"]

_CENTRAL = (0.16, 0.5, 0.84)
_DRAWS = 2_000_000
_TWO_SIGMA = 1.96


class Measured(TypedDict):
    """A figure, and the interval that holds it with 95 % probability; None where it is not defined, or there are too few events."""

    value: float | None
    least: float | None
    most: float | None


def fraction(happened: Bool[ndarray, "event"], weight: Float[ndarray, "event"] | None = None) -> Measured:
    """Return the fraction of events of which something is true, with Wilson's interval of so many events as they are worth.

    Without events, or with weights of zero alone, it is not defined.
    """
    trials = effective_events(weight, len(happened))
    if not trials:
        return Measured(value=None, least=None, most=None)
    value = float(mean(happened, weight))
    least, most = interval(value * trials, trials)
    return Measured(value=value, least=least, most=most)


def measured(
    statistic: Statistic, values: Float[ndarray, "row event"], weight: Float[ndarray, "event"] | None = None
) -> list[Measured]:
    """Return figures of at least one event, with bootstrap intervals where there are at least ten."""
    with np.errstate(invalid="ignore", divide="ignore"):
        (figures,) = statistic(values[:, None], None if weight is None else weight[None])
        if effective_events(weight, values.shape[1]) < FEWEST:
            return [Measured(value=_known(figure), least=None, most=None) for figure in figures]
        resampled = resamples(statistic, values, _DRAWS, weight=weight)
    return [_bounded(figure, column) for figure, column in zip(figures, resampled.T, strict=True)]


def _bounded(figure: float, resampled: Float[ndarray, "resample"]) -> Measured:
    defined = resampled[np.isfinite(resampled)]
    if not len(defined) or not np.isfinite(figure):
        return Measured(value=_known(figure), least=None, most=None)
    least, most = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Measured(value=float(figure), least=float(least), most=float(most))


def _known(figure: float) -> float | None:
    return float(figure) if np.isfinite(figure) else None


def bias_and_spread(
    residual: Float[ndarray, "row resample event"], weight: Float[ndarray, "resample event"] | None = None
) -> Float[ndarray, "resample figure"]:
    """Return the median of each row, then half the distance of its 16 % and 84 % quantiles: one sigma of a normal distribution."""
    wide = None if weight is None else np.broadcast_to(weight, residual.shape)
    low, middle, high = quantiles(residual, _CENTRAL, wide)
    return np.concatenate([middle, 0.5 * (high - low)]).T


def quantile(
    values: Float[ndarray, "event"], part: float = 0.5, weight: Float[ndarray, "event"] | None = None
) -> Measured:
    """Return a quantile of at least one event, and an interval where there are at least ten, or they are worth ten.

    Its ends are order statistics, whose ranks are binomially distributed (Conover, Practical Nonparametric Statistics (1999), section 3.2,
    with the normal approximation of the binomial); with weights the quantiles at these ranks over the number that the events are worth.
    """
    value = float(quantiles(values, [part], weight)[0])
    if weight is not None:
        return _weighted_quantile(value, values, part, weight)
    count = len(values)
    if count < FEWEST:
        return Measured(value=value, least=None, most=None)
    reach = _TWO_SIGMA * np.sqrt(count * part * (1.0 - part))
    low, high = int(np.floor(part * count - reach)), int(np.ceil(part * count + reach))
    ordered = np.sort(values)
    least, most = ordered[max(low - 1, 0)], ordered[min(high, count - 1)]
    return Measured(value=value, least=float(least), most=float(most))


def _weighted_quantile(
    value: float, values: Float[ndarray, "event"], part: float, weight: Float[ndarray, "event"]
) -> Measured:
    count = effective_events(weight, len(values))
    if count < FEWEST:
        return Measured(value=_known(value), least=None, most=None)
    reach = _TWO_SIGMA * np.sqrt(part * (1.0 - part) / count)
    least, most = quantiles(values, [max(part - reach, 0.0), min(part + reach, 1.0)], weight)
    return Measured(value=value, least=float(least), most=float(most))
