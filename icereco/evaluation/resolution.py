"""Angular resolution: mean, median and 68 % containment of the angular error, overall and by slice."""

from collections.abc import Iterator
from typing import NotRequired, TypedDict

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from icereco.evaluation.weighted import effective_events, mean, quantiles, weights_of

__all__ = ["PULSE_SLICES", "Resolution", "Summary", "by_label", "groups", "resolution", "summarize"]

PULSE_SLICES: dict[str, tuple[float, float]] = {
    "<200": (0, 200),
    "200-999": (200, 1000),
    ">=1000": (1000, float("inf")),
}
"""Slices by the number of pulses of an event: first included, last excluded."""

_CONTAINED = 0.68


class Resolution(TypedDict):
    """Angular errors of one group of events; the figures are None if no event has a direction.

    Keys:
        events: in the group.
        without_direction: of these, events for which the method gave none; they are in no other figure.
        mean_deg: mean angular error.
        median_deg: median angular error.
        containment68_deg: 68 % of the events have a smaller error.
        effective_events: where events have weights: how many equal ones those with a direction are worth.
    """

    events: int
    without_direction: int
    mean_deg: float | None
    median_deg: float | None
    containment68_deg: float | None
    effective_events: NotRequired[float]


class Summary(Resolution):
    """The resolution of all events, and of each slice.

    Keys:
        pulses: by the names of `PULSE_SLICES`, only where the numbers of pulses are known.
        kind: by kind, only where kinds are known.
    """

    pulses: dict[str, Resolution]
    kind: dict[str, Resolution]


def summarize(
    error_rad: Float[ndarray, "event"],
    pulses: Int[ndarray, "event"] | None,
    kind: ndarray | None = None,
    weight: Float[ndarray, "event"] | None = None,
) -> Summary:
    """Compute the resolution overall, by number of pulses and by kind.

    Args:
        error_rad: opening angle of each event against the truth, rad; NaN where there is no direction.
        pulses: number of pulses of each event, or None.
        kind: `[E]` str, with None where it is not known; or None.
        weight: how much each event counts, or None where all count alike.
    """

    def part(chosen: Bool[ndarray, "event"]) -> Resolution:
        return resolution(error_rad[chosen], weights_of(weight, chosen))

    return Summary(
        **resolution(error_rad, weight),
        pulses={name: part(chosen) for name, chosen in _by_pulses(pulses)},
        kind={name: part(chosen) for name, chosen in _by_kind(kind)},
    )


def resolution(
    error_rad: Float[ndarray, "event"], weight: Float[ndarray, "event"] | None = None
) -> Resolution:
    """Compute the resolution of one group of events; arguments as in `summarize`."""
    has_direction = ~np.isnan(error_rad)
    known, weight = np.degrees(error_rad[has_direction]), weights_of(weight, has_direction)
    effective = effective_events(weight, len(known))
    figures: list[float] | list[None] = [None] * 3
    if effective:
        median, contained = quantiles(known, [0.5, _CONTAINED], weight)
        figures = [float(mean(known, weight)), float(median), float(contained)]
    group = Resolution(
        events=len(error_rad),
        without_direction=len(error_rad) - len(known),
        mean_deg=figures[0],
        median_deg=figures[1],
        containment68_deg=figures[2],
    )
    return group if weight is None else group | {"effective_events": effective}


def groups(
    pulses: Int[ndarray, "event"], kind: ndarray | None = None
) -> Iterator[tuple[str, Bool[ndarray, "event"]]]:
    """Yield the groups that are evaluated separately, each with its events: all, slices by pulses, kinds."""
    yield "all", np.ones(len(pulses), bool)
    for name, chosen in _by_pulses(pulses):
        yield f"{name} pulses", chosen
    yield from _by_kind(kind)


def by_label(summary: Summary) -> dict[str, Resolution]:
    """Return the groups of a summary by display name: all, slices by pulses, kinds."""
    by_pulses = {f"{name} pulses": part for name, part in summary["pulses"].items()}
    return {"all": summary, **by_pulses, **summary["kind"]}


def _by_pulses(pulses: Int[ndarray, "event"] | None) -> Iterator[tuple[str, Bool[ndarray, "event"]]]:
    if pulses is None:
        return
    for name, (first, last) in PULSE_SLICES.items():
        yield name, (pulses >= first) & (pulses < last)


def _by_kind(kind: ndarray | None) -> Iterator[tuple[str, Bool[ndarray, "event"]]]:
    if kind is None:
        return
    for name in sorted({str(one) for one in kind if one is not None}):
        yield name, kind == name
