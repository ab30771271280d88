"""Whether one method is better than another: paired on the same events, with bootstrap intervals.

Angular errors scatter far more between events than between methods. Differences are therefore taken event by event, and
their scatter is estimated by the bootstrap over events (`icereco.evaluation.bootstrap`): the same are drawn for both methods, and
the figures computed again.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco.errors import IcerecoError
from icereco.evaluation.bootstrap import FEWEST, LEVEL, resamples
from icereco.evaluation.evaluated_events import EvaluatedEvents
from icereco.evaluation.resolution import groups
from icereco.evaluation.weighted import effective_events, mean, quantiles, weights_of

__all__ = ["Comparison", "Difference", "GroupComparison", "as_json", "compare"]

_DRAWS = 20_000_000
"""Events drawn in all resamples of a group."""

_SAME_DIRECTION_RAD = 1e-3


@dataclass(frozen=True, slots=True)
class Difference:
    """Second minus first in degrees, and the interval that holds 95 % of its resamples."""

    value_deg: float
    low_deg: float
    high_deg: float

    @property
    def significant(self) -> bool:
        """Return whether the interval excludes zero."""
        return self.low_deg > 0 or self.high_deg < 0


@dataclass(frozen=True, slots=True)
class GroupComparison:
    """Two methods on the same events of one group.

    Attributes:
        events: with a direction from both; `left_out` have none from one of them.
        first_median_deg: of the first method; and so on.
        median: difference of the medians.
        mean: difference of the means.
    """

    events: int
    left_out: int
    first_median_deg: float
    second_median_deg: float
    first_mean_deg: float
    second_mean_deg: float
    median: Difference
    mean: Difference


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two methods by group: "all", slices by the number of pulses, kinds; a group of fewer than ten events is left out.

    Attributes:
        alone: events that only one of the two has, which are not compared.
    """

    first: str
    second: str
    groups: Mapping[str, GroupComparison]
    alone: int

    @property
    def verdict(self) -> str:
        """Summarise the comparison over all events in a sentence."""
        overall = self.groups["all"]
        parts = []
        for name, difference in (("median", overall.median), ("mean", overall.mean)):
            if difference.significant:
                word = "smaller" if difference.value_deg < 0 else "larger"
                ends = sorted((abs(difference.low_deg), abs(difference.high_deg)))
                size = f"{abs(difference.value_deg):.2f}° ({ends[0]:.2f}° to {ends[1]:.2f}°)"
                parts.append(f"its {name} error is {size} {word}")
        if not parts:
            return f"no significant difference between {self.first} and {self.second}"
        return f"{self.second} against {self.first}: {' and '.join(parts)}"


def compare(first: EvaluatedEvents, second: EvaluatedEvents, seed: int = 0) -> Comparison:
    """Compare two methods on the events that both have.

    Args:
        first: what is compared with.
        second: what is compared; differences are second minus first. Where the first has weights, they are those of both.
        seed: of the resampling; the same for every group.

    Raises:
        IcerecoError: they have too few events in common, or the same ids belong to different events.
    """
    _, first_rows, second_rows = np.intersect1d(
        first.event_id, second.event_id, assume_unique=True, return_indices=True
    )
    if len(first_rows) < FEWEST:
        raise IcerecoError(
            f"{first.name} and {second.name} have {len(first_rows)} events in common, too few (under {FEWEST}) to compare them on; "
            "reconstruct one file with both: icereco compare … --data EVENTS"
        )
    first_here, second_here = first.take(first_rows), second.take(second_rows)
    _require_same_events(first_here, second_here)
    errors = np.degrees(np.stack([first_here.error_rad, second_here.error_rad]))
    chosen = groups(first_here.pulses, first_here.kind)
    compared = {
        name: compared_group
        for name, rows in chosen
        if (compared_group := _group(errors[:, rows], weights_of(first_here.weight, rows), seed)) is not None
    }
    if "all" not in compared:
        raise IcerecoError(
            f"{first.name} and {second.name}: fewer than {FEWEST} events have a direction from both"
        )
    alone = len(first.event_id) + len(second.event_id) - 2 * len(first_rows)
    return Comparison(first.name, second.name, compared, alone)


def _require_same_events(first: EvaluatedEvents, second: EvaluatedEvents) -> None:
    apart = np.linalg.norm(first.truth - second.truth, axis=1) > _SAME_DIRECTION_RAD
    if apart.any():
        event = int(first.event_id[np.argmax(apart)])
        raise IcerecoError(
            f"event_id {event} has different true directions in {first.name} and {second.name}: they are of different "
            "data; reconstruct one file with both: icereco compare … --data EVENTS"
        )


def _group(
    errors: Float[ndarray, "2 event"], weight: Float[ndarray, "event"] | None, seed: int
) -> GroupComparison | None:
    known = ~np.isnan(errors).any(axis=0)
    pairs, weight = errors[:, known], weights_of(weight, known)
    if effective_events(weight, pairs.shape[1]) < FEWEST:
        return None
    medians, means = _medians_and_means(pairs, None if weight is None else np.stack([weight, weight]))
    resampled = resamples(_differences, pairs, _DRAWS, seed, weight)
    resampled = resampled[np.isfinite(resampled).all(axis=1)]  # where only events of weight 0 were drawn
    return GroupComparison(
        events=int(known.sum()),
        left_out=int((~known).sum()),
        first_median_deg=float(medians[0]),
        second_median_deg=float(medians[1]),
        first_mean_deg=float(means[0]),
        second_mean_deg=float(means[1]),
        median=_difference(float(medians[1] - medians[0]), resampled[:, 0]),
        mean=_difference(float(means[1] - means[0]), resampled[:, 1]),
    )


def _differences(
    pairs: Float[ndarray, "2 resample event"], weight: Float[ndarray, "resample event"] | None
) -> Float[ndarray, "resample 2"]:
    """Compute the differences of median and mean in each resample."""
    medians, means = _medians_and_means(pairs, None if weight is None else np.stack([weight, weight]))
    return np.stack([medians[1] - medians[0], means[1] - means[0]], axis=1)


def _medians_and_means(
    values: Float[ndarray, "*rows event"], weight: Float[ndarray, "*rows event"] | None
) -> tuple[Float[ndarray, "*rows"], Float[ndarray, "*rows"]]:
    if weight is None:
        return np.asarray(np.median(values, axis=-1)), mean(values)
    return quantiles(values, [0.5], weight)[0], mean(values, weight)


def _difference(value: float, resampled: Float[ndarray, "resample"]) -> Difference:
    low, high = np.quantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Difference(value, float(low), float(high))


def as_json(comparison: Comparison) -> dict[str, Any]:
    """Return the comparison as JSON-able values."""
    document = asdict(comparison)
    for group, group_comparison in comparison.groups.items():
        for figure in ("median", "mean"):
            document["groups"][group][figure]["significant"] = getattr(group_comparison, figure).significant
    return document | {"level": LEVEL, "verdict": comparison.verdict}
