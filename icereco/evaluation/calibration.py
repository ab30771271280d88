"""Calibration of posteriors: how often the truth lies inside their contours, and how large errors are beside those they expect."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import TypedDict

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

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
            probability integral transform); flat where posteriors are right.
        median_deg: of the error.
        expected_median_deg: of the error that the posteriors expect.
        width: the first over the second, as the width of a pull: 1 where posteriors are as wide as errors, more where they
            are too narrow.
    """

    events: int
    contours: dict[str, Contour]
    histogram: list[int]
    median_deg: float
    expected_median_deg: float
    width: float


def coverage(posterior: Posterior, truth: Float[ndarray, "event 3"]) -> dict[str, float]:
    """Return for each contour ("50%", "90%") the fraction of events whose true direction lies inside it.

    Events without a posterior or a truth (NaN) are left out; without any event the result is empty.
    """
    content = posterior.content(truth)
    content = content[~np.isnan(content)]
    if not len(content):
        return {}
    return {f"{contour:.0%}": float(np.mean(content <= contour)) for contour in CONTOURS}


@dataclass(frozen=True, slots=True, eq=False)
class Contents:
    """What calibration is computed from, of the events that have a posterior and a truth.

    Attributes:
        content: of the smallest region that includes the truth.
        error_rad: of the direction.
        expected_rad: errors that the posterior expects: a sample.
    """

    content: Float[ndarray, "event"]
    error_rad: Float[ndarray, "event"]
    expected_rad: Float[ndarray, "event sample"]

    @classmethod
    def of(
        cls, posterior: Posterior, direction: Float[ndarray, "event 3"], truth: Float[ndarray, "event 3"]
    ) -> "Contents":
        """Compare posteriors with the truth; NaN for events that lack either."""
        return cls(
            posterior.content(truth),
            opening_angle(direction, truth),
            opening_angle(posterior.sample(_SAMPLES), direction[:, None]),
        )

    @classmethod
    def joined(cls, parts: "Sequence[Contents]") -> "Contents":
        """Concatenate the events of several parts."""
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))

    def take(self, chosen: Bool[ndarray, "event"]) -> "Contents":
        """Select those of the chosen events that have all."""
        rows = chosen & np.isfinite(self.content) & np.isfinite(self.error_rad)
        return Contents(self.content[rows], self.error_rad[rows], self.expected_rad[rows])

    @property
    def width(self) -> float:
        """The median error over that which the posteriors expect; NaN without events."""
        if not len(self.content):
            return float("nan")
        return float(np.median(self.error_rad) / max(np.median(self.expected_rad), 1e-12))

    def inside(self, probability: float) -> float:
        """Return the fraction of the truths that lie inside contours of a probability; NaN without events."""
        return float(np.mean(self.content <= probability)) if len(self.content) else float("nan")


def calibration(
    posterior: Posterior,
    direction: Float[ndarray, "event 3"],
    truth: Truth,
    pulses: Int[ndarray, "event"] | None,
) -> dict[str, Calibration]:
    """Return the calibration of all events, and of slices by pulses, true energy, zenith and kind, by display name.

    Args:
        posterior: of each event.
        direction: as it was reconstructed.
        truth: events without a known direction are left out, as are those without a posterior.
        pulses: of each event, if known.
    """
    whole = Contents.of(posterior, direction, truth.direction)
    parts = {name: whole.take(chosen) for name, chosen in _groups(truth, pulses)}
    return {name: _of_group(part) for name, part in parts.items() if len(part.content)}


def _of_group(group: Contents) -> Calibration:
    content = group.content
    median, expected = (
        float(np.degrees(np.median(angle))) for angle in (group.error_rad, group.expected_rad)
    )
    return Calibration(
        events=len(content),
        contours={f"{level:.0%}": _contour(int((content <= level).sum()), len(content)) for level in LEVELS},
        histogram=np.histogram(content, _BINS, (0.0, 1.0))[0].tolist(),
        median_deg=median,
        expected_median_deg=expected,
        width=group.width,
    )


def _contour(inside: int, events: int) -> Contour:
    least, most = interval(inside, events)
    return Contour(inside=inside / events, least=least, most=most)


def interval(successes: int, trials: int) -> tuple[float, float]:
    """Return the interval of 95 % of a binomial probability (Wilson, J. Am. Stat. Assoc. 22 (1927) 209).

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
