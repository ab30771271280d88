"""Calibration of posteriors: how often the truth lies inside their contours, and how large errors are beside those they expect."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import NotRequired, TypedDict

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from icereco.evaluation.weighted import effective_events, mean, quantiles, weights_of
from icereco.events.posterior import Posterior
from icereco.events.truth import Truth
from icereco.physics.sphere import opening_angle

__all__ = ["CONTOURS", "LEVELS", "Calibration", "Contents", "Contour", "calibration", "coverage", "interval"]

CONTOURS = (0.5, 0.9)
LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
"""Probabilities of the contours that are looked at."""

_BINS = 10
_SAMPLES = 16
"""Directions drawn from each posterior, for the errors it expects."""

_TWO_SIGMA = 1.96

_Slices = dict[str, tuple[float, float]]
_PULSES: _Slices = {
    "<60 pulses": (0, 60),
    "60-99 pulses": (60, 100),
    "100-199 pulses": (100, 200),
    "200-499 pulses": (200, 500),
    ">=500 pulses": (500, np.inf),
}
_ENERGY_GEV: _Slices = {
    "<100 GeV": (0, 100),
    "100-300 GeV": (100, 300),
    "0.3-1 TeV": (300, 1e3),
    "1-10 TeV": (1e3, 1e4),
    "10-100 TeV": (1e4, 1e5),
    ">=100 TeV": (1e5, np.inf),
}
_ZENITH_DEG: _Slices = {
    "zenith 0-60°": (0, 60),
    "zenith 60-90°": (60, 90),
    "zenith 90-120°": (90, 120),
    "zenith 120-180°": (120, np.inf),
}
"""Names and edges of slices; the first edge included, the last excluded."""


class Contour(TypedDict):
    """How many true directions lie inside a contour, as a fraction of the events, with its interval of 95 %."""

    inside: float
    least: float
    most: float


class Calibration(TypedDict):
    """The calibration of one group of events.

    Keys:
        events: with a posterior and a truth.
        contours: by probability, "10%" to "99%".
        histogram: how many events there are in each tenth of the content of the smallest region that includes the truth (the
            probability integral transform); flat where posteriors are right. Where events have weights: how many equal events they are
            worth.
        median_deg: of the error.
        expected_median_deg: of the error that the posteriors expect.
        width: the first over the second, as the width of a pull: 1 where posteriors are as wide as errors, more where they
            are too narrow.
        effective_events: where events have weights: how many equal ones they are worth.
    """

    events: int
    contours: dict[str, Contour]
    histogram: list[int] | list[float]
    median_deg: float
    expected_median_deg: float
    width: float
    effective_events: NotRequired[float]


def coverage(
    posterior: Posterior, truth: Float[ndarray, "event 3"], weight: Float[ndarray, "event"] | None = None
) -> dict[str, float]:
    """Return for each contour ("50%", "90%") the fraction of events whose true direction lies inside it.

    Events without a posterior or a truth (NaN) are left out; without any event that counts the result is empty.
    """
    content = posterior.content(truth)
    known = ~np.isnan(content)
    content, weight = content[known], weights_of(weight, known)
    if not effective_events(weight, len(content)):
        return {}
    return {f"{contour:.0%}": float(mean(content <= contour, weight)) for contour in CONTOURS}


@dataclass(frozen=True, slots=True, eq=False)
class Contents:
    """What calibration is computed from, of the events that have a posterior and a truth.

    Attributes:
        content: of the smallest region that includes the truth.
        error_rad: of the direction.
        expected_rad: errors that the posterior expects: a sample.
        weight: how much each event counts, or None where all count alike.
    """

    content: Float[ndarray, "event"]
    error_rad: Float[ndarray, "event"]
    expected_rad: Float[ndarray, "event sample"]
    weight: Float[ndarray, "event"] | None = None

    @classmethod
    def of(
        cls,
        posterior: Posterior,
        direction: Float[ndarray, "event 3"],
        truth: Float[ndarray, "event 3"],
        weight: Float[ndarray, "event"] | None = None,
    ) -> "Contents":
        """Compare posteriors with the truth; NaN for events that lack either."""
        return cls(
            posterior.content(truth),
            opening_angle(direction, truth),
            opening_angle(posterior.sample(_SAMPLES), direction[:, None]),
            weight,
        )

    @classmethod
    def joined(cls, parts: "Sequence[Contents]") -> "Contents":
        """Concatenate the events of several parts, which all have weights, or none."""
        columns = {field.name: [getattr(part, field.name) for part in parts] for field in fields(cls)}
        known = {name: column for name, column in columns.items() if column[0] is not None}
        return cls(**{name: np.concatenate(column) for name, column in known.items()})

    def take(self, chosen: Bool[ndarray, "event"]) -> "Contents":
        """Select those of the chosen events that have all."""
        rows = chosen & np.isfinite(self.content) & np.isfinite(self.error_rad)
        return Contents(
            self.content[rows], self.error_rad[rows], self.expected_rad[rows], weights_of(self.weight, rows)
        )

    @property
    def effective_events(self) -> float:
        """How many equal events they are worth."""
        return effective_events(self.weight, len(self.content))

    @property
    def medians_rad(self) -> tuple[float, float]:
        """The median of the errors, and of those that the posteriors expect, of events that count."""
        expected = self.expected_rad.ravel()
        weight = None if self.weight is None else np.repeat(self.weight, self.expected_rad.shape[1])
        return float(quantiles(self.error_rad, [0.5], self.weight)[0]), float(
            quantiles(expected, [0.5], weight)[0]
        )

    @property
    def width(self) -> float:
        """The median error over that which the posteriors expect; NaN without events that count."""
        if not self.effective_events:
            return float("nan")
        error, expected = self.medians_rad
        return error / max(expected, 1e-12)

    def inside(self, probability: float) -> float:
        """Return the fraction of the truths that lie inside contours of a probability; NaN without events that count."""
        return (
            float(mean(self.content <= probability, self.weight)) if self.effective_events else float("nan")
        )


def calibration(
    posterior: Posterior,
    direction: Float[ndarray, "event 3"],
    truth: Truth,
    pulses: Int[ndarray, "event"] | None,
    weight: Float[ndarray, "event"] | None = None,
) -> dict[str, Calibration]:
    """Return the calibration of all events, and of slices by pulses, true energy, zenith and kind, by display name.

    Args:
        posterior: of each event.
        direction: as it was reconstructed.
        truth: events without a known direction are left out, as are those without a posterior.
        pulses: of each event, if known.
        weight: how much each event counts, or None where all count alike. Intervals are those of so many events as they are worth.
    """
    whole = Contents.of(posterior, direction, truth.direction, weight)
    parts = {name: whole.take(chosen) for name, chosen in _groups(truth, pulses)}
    return {name: _of_group(part) for name, part in parts.items() if part.effective_events}


def _of_group(group: Contents) -> Calibration:
    median, expected = np.degrees(group.medians_rad)
    calibration = Calibration(
        events=len(group.content),
        contours={f"{level:.0%}": _contour(group, level) for level in LEVELS},
        histogram=_histogram(group),
        median_deg=float(median),
        expected_median_deg=float(expected),
        width=group.width,
    )
    return calibration if group.weight is None else calibration | {"effective_events": group.effective_events}


def _histogram(group: Contents) -> list[int] | list[float]:
    weight = None if group.weight is None else group.weight * (group.effective_events / group.weight.sum())
    counts: list[int] | list[float] = np.histogram(group.content, _BINS, (0.0, 1.0), weights=weight)[
        0
    ].tolist()
    return counts


def _contour(group: Contents, level: float) -> Contour:
    inside, events = group.inside(level), group.effective_events
    least, most = interval(inside * events, events)
    return Contour(inside=inside, least=least, most=most)


def interval(successes: float, trials: float) -> tuple[float, float]:
    """Return the interval of 95 % of a binomial probability (Wilson, J. Am. Stat. Assoc. 22 (1927) 209).

    Numbers of events need not be whole, as those that weighted events are worth.

    >>> [round(edge, 3) for edge in interval(50, 100)]
    [0.404, 0.596]
    """
    square = _TWO_SIGMA**2
    centre = (successes + 0.5 * square) / (trials + square)
    spread = successes * (trials - successes) / trials + 0.25 * square
    half = _TWO_SIGMA * float(np.sqrt(spread)) / (trials + square)
    return max(centre - half, 0.0), min(centre + half, 1.0)


def _groups(
    truth: Truth, pulses: Int[ndarray, "event"] | None
) -> Iterator[tuple[str, Bool[ndarray, "event"]]]:
    yield "all", np.ones(len(truth.direction), bool)
    zenith = np.degrees(np.arccos(np.clip(truth.direction[:, 2], -1.0, 1.0)))
    for values, slices in ((pulses, _PULSES), (truth.energy_gev, _ENERGY_GEV), (zenith, _ZENITH_DEG)):
        if values is not None:
            yield from ((name, (values >= first) & (values < last)) for name, (first, last) in slices.items())
    if truth.kind is not None:
        yield from ((kind, truth.kind == kind) for kind in sorted({str(one) for one in truth.kind if one}))
