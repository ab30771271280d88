"""How far the errors of methods are from the bound, by kind and number of pulses."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from icereco.evaluation.bounds_of_file import truth_with_kinds
from icereco.evaluation.measured import quantile
from icereco.events.truth import EVENT_KINDS
from icereco.physics.sphere import opening_angle
from icereco.tables.saved_reconstructions import SavedReconstructions

__all__ = ["BoundGroup", "MethodOverBound", "OverBound", "over_bound"]

_PULSE_EDGES = (0, 60, 80, 120, 200, 1000)


@dataclass(frozen=True, slots=True)
class MethodOverBound:
    """One method on the events of a group for which it gives a direction; None without any.

    Attributes:
        events: of these.
        median_deg: its median error.
        ratio: median over events of error/bound; 1 for a method that reaches the bound.
        ratio_low, ratio_high: interval that holds the true median with 95 % probability; None for fewer than ten events.
    """

    events: int
    median_deg: float | None
    ratio: float | None
    ratio_low: float | None
    ratio_high: float | None


@dataclass(frozen=True, slots=True)
class BoundGroup:
    """Events of one kind and a range of pulses.

    Attributes:
        kind: of `EVENT_KINDS`.
        pulses: such as "80-119", or "all".
        events: with a bound.
        bound_deg: median over events of the bound of the median error.
        methods: by name, the file's own first.
    """

    kind: str
    pulses: str
    events: int
    bound_deg: float
    methods: Mapping[str, MethodOverBound]


@dataclass(frozen=True, slots=True)
class OverBound:
    """Groups with at least one event.

    Attributes:
        groups: by kind, each as a whole and by pulses.
        unknown_kind: events whose kind is unknown or not of `EVENT_KINDS`.
        without_bound: further events without a bound: those not in the data any more, without pulses or a direction, and
            starting tracks and cascades without a vertex.
    """

    groups: Sequence[BoundGroup]
    unknown_kind: int
    without_bound: int

    def to_json(self) -> dict[str, Any]:
        """Return the groups as JSON-able values."""
        return asdict(self)


def over_bound(saved: SavedReconstructions, bound_rad: Float[ndarray, "event"]) -> OverBound:
    """Compare the errors of all methods of a file with the bounds of its events.

    Raises:
        IcerecoError: the file has no truth or no kinds.
    """
    truth = truth_with_kinds(saved)
    assert truth.kind is not None
    others = {name: one for name, one in saved.comparisons.items() if name != saved.method}
    methods = {saved.method: saved.reconstruction, **others}
    errors = {name: opening_angle(one.direction, truth.direction) for name, one in methods.items()}
    bounded, kind = np.isfinite(bound_rad), np.isin(truth.kind.astype(str), EVENT_KINDS)
    groups = [
        _group(name, pulses, bound_rad[chosen], {method: error[chosen] for method, error in errors.items()})
        for name, pulses, chosen in _groups(truth.kind, saved.pulses_total, bounded)
    ]
    return OverBound(groups, int((~kind).sum()), int((kind & ~bounded).sum()))


def _groups(
    kind: ndarray, pulses: Int[ndarray, "event"], bounded: Bool[ndarray, "event"]
) -> Iterator[tuple[str, str, Bool[ndarray, "event"]]]:
    """Yield kind, pulses and events of the groups that are not empty."""
    for name in EVENT_KINDS:
        of_kind = bounded & (kind == name)
        slices = {"all": of_kind}
        for first, last in zip(_PULSE_EDGES, (*_PULSE_EDGES[1:], np.inf), strict=True):
            label = f">={first}" if last == np.inf else f"{first}-{last - 1}"
            slices[label] = of_kind & (pulses >= first) & (pulses < last)
        yield from ((name, label, chosen) for label, chosen in slices.items() if chosen.any())


def _group(
    kind: str, pulses: str, bound: Float[ndarray, "event"], errors: Mapping[str, Float[ndarray, "event"]]
) -> BoundGroup:
    methods = {name: _method(error, bound) for name, error in errors.items()}
    return BoundGroup(kind, pulses, len(bound), float(np.degrees(np.median(bound))), methods)


def _method(error: Float[ndarray, "event"], bound: Float[ndarray, "event"]) -> MethodOverBound:
    known = np.isfinite(error)
    count = int(known.sum())
    if not count:
        return MethodOverBound(0, None, None, None, None)
    ratio = quantile(error[known] / bound[known])
    median_deg = float(np.degrees(np.median(error[known])))
    return MethodOverBound(count, median_deg, ratio["value"], ratio["least"], ratio["most"])
