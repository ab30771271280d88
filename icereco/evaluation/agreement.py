"""How far methods agree on the direction of the same events: all that can be said of them where there is no truth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, TypedDict

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from icereco.evaluation.resolution import groups
from icereco.evaluation.weighted import effective_events, mean, quantiles, weights_of
from icereco.events.posterior import Posterior
from icereco.physics.sphere import opening_angle
from icereco.tables.saved_reconstructions import SavedReconstructions

__all__ = ["Agreement", "AgreementOfGroup", "agreement", "as_json"]

_CONTENT = 0.9


class AgreementOfGroup(TypedDict):
    """Two methods on one group of events.

    Keys:
        events: with a direction from both.
        median_deg, containment90_deg: of the angle between the directions.
        second_inside: fraction of the events, of those with a posterior of the first method, whose direction by the second is inside its
            region of 90 %; None without posteriors.
        first_inside: the same the other way round.
    """

    events: int
    median_deg: float
    containment90_deg: float
    second_inside: float | None
    first_inside: float | None


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two methods by group of events: all, slices by the number of pulses; slices without events, or with all of them, are left out."""

    first: str
    second: str
    groups: Mapping[str, AgreementOfGroup]


@dataclass(frozen=True, slots=True, eq=False)
class _Said:
    """What a method says of each event."""

    direction: Float[ndarray, "event 3"]
    posterior: Posterior | None = None

    def holds(self, other: "_Said") -> Float[ndarray, "event"]:
        """Return 1 where the direction of another method is inside the region of 90 %, else 0; NaN where one of them is missing."""
        if self.posterior is None:
            return np.full(len(self.direction), np.nan)
        content = self.posterior.content(other.direction)
        return np.where(np.isfinite(content), content <= _CONTENT, np.nan)


def agreement(
    saved: SavedReconstructions, others: Mapping[str, Float[ndarray, "event 3"]] | None = None
) -> list[Agreement]:
    """Compare each pair of methods; none where there is only one.

    Args:
        saved: the file: its own method, and those to compare with that it has.
        others: directions of the same events by further methods, NaN where they have none.

    Raises:
        IcerecoError: a posterior does not integrate to 1.
    """
    saved.require_normalised()
    said = {saved.method: _Said(saved.reconstruction.direction, saved.reconstruction.posterior)}
    said |= {
        name: _Said(one.direction, one.posterior)
        for name, one in saved.comparisons.items()
        if name != saved.method
    }
    said |= {name: _Said(direction) for name, direction in (others or {}).items()}
    return [
        Agreement(first, second, _by_group(said[first], said[second], saved))
        for first, second in combinations(said, 2)
    ]


def _by_group(first: _Said, second: _Said, saved: SavedReconstructions) -> dict[str, AgreementOfGroup]:
    apart = np.degrees(opening_angle(first.direction, second.direction))
    inside = np.stack([first.holds(second), second.holds(first)])
    parts = {
        name: _of_group(apart, inside, saved.weight, chosen & np.isfinite(apart))
        for name, chosen in groups(saved.pulses_total)
    }
    whole = parts["all"]
    return {
        name: part
        for name, part in parts.items()
        if part is not None and whole is not None and (name == "all" or part["events"] < whole["events"])
    }


def _of_group(
    apart_deg: Float[ndarray, "event"],
    inside: Float[ndarray, "2 event"],
    weight: Float[ndarray, "event"] | None,
    chosen: Bool[ndarray, "event"],
) -> AgreementOfGroup | None:
    counted = weights_of(weight, chosen)
    if not effective_events(counted, int(chosen.sum())):
        return None
    median, most = quantiles(apart_deg[chosen], [0.5, 0.9], counted)
    second_inside, first_inside = (_fraction(one, weight, chosen) for one in inside)
    return AgreementOfGroup(
        events=int(chosen.sum()),
        median_deg=float(median),
        containment90_deg=float(most),
        second_inside=second_inside,
        first_inside=first_inside,
    )


def _fraction(
    inside: Float[ndarray, "event"], weight: Float[ndarray, "event"] | None, chosen: Bool[ndarray, "event"]
) -> float | None:
    known = chosen & np.isfinite(inside)
    counted = weights_of(weight, known)
    return float(mean(inside[known], counted)) if effective_events(counted, int(known.sum())) else None


def as_json(pairs: Sequence[Agreement]) -> list[dict[str, Any]]:
    """Return the pairs as JSON-able values."""
    return [{"first": one.first, "second": one.second, "groups": dict(one.groups)} for one in pairs]
