"""How far estimated vertices are from the true ones, and in which direction.

The true vertex of a through-going track is where it enters the simulated volume, which its light says little of: where kinds are
known, only events of the kinds in `CONTAINED` are evaluated.
"""

from typing import TypedDict

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from icereco.evaluation.measured import Measured, quantile
from icereco.evaluation.target_groups import target_groups
from icereco.events.truth import Truth

__all__ = [
    "CONTAINED",
    "VertexEvaluation",
    "VertexResolution",
    "along_and_across",
    "vertex_evaluation",
    "with_vertices",
]

CONTAINED = ("starting_track", "cascade")
"""The kinds whose vertex is a place of light in the detector."""

_CONTENT = 0.68


class VertexResolution(TypedDict):
    """Vertices of one group of events; lengths in m.

    Keys:
        events: with an estimated and a true vertex.
        median_m: of the distance between them.
        containment68_m: 68 % of the events have a smaller distance.
        bias_m: medians of estimate minus truth along x, y and z.
        along_m: median of the same along the direction of flight, positive where the estimate is ahead of the truth; None where true
            directions are not known.
        across_m: median of the distance from the true track.
    """

    events: int
    median_m: Measured
    containment68_m: Measured
    bias_m: dict[str, Measured]
    along_m: Measured | None
    across_m: Measured | None


class VertexEvaluation(TypedDict):
    """Vertices of all groups of events that have some.

    Keys:
        groups: by display name: all, kinds, half decades of true energy.
        without_estimate: events of the evaluated kinds with a true vertex, and no estimate.
        other_kinds: events with a true vertex that are left out, as they are of no kind in `CONTAINED`.
    """

    groups: dict[str, VertexResolution]
    without_estimate: int
    other_kinds: int


def vertex_evaluation(vertex_m: Float[ndarray, "event 3"], truth: Truth) -> VertexEvaluation:
    """Compare vertices with the truth, which has some; NaN where there is no estimate."""
    assert truth.vertex_m is not None
    contained = with_vertices(truth)
    evaluated = contained & np.isfinite(vertex_m).all(axis=1)
    residual = vertex_m - truth.vertex_m
    along, across = along_and_across(residual, truth.direction)
    return VertexEvaluation(
        groups={
            name: _resolution(residual[chosen], np.stack([along[chosen], across[chosen]]))
            for name, chosen in target_groups(truth, evaluated)
        },
        without_estimate=int((contained & ~evaluated).sum()),
        other_kinds=int((truth.known("vertex_m") & ~contained).sum()),
    )


def with_vertices(truth: Truth) -> Bool[ndarray, "event"]:
    """Return which events have a true vertex that can be compared with: of all kinds where no kind is known."""
    known = truth.known("vertex_m")
    if truth.kind is None or not truth.known("kind").any():
        return known
    return known & np.isin(truth.kind.astype(str), CONTAINED)


def along_and_across(
    residual_m: Float[ndarray, "event 3"], direction: Float[ndarray, "event 3"]
) -> tuple[Float[ndarray, "event"], Float[ndarray, "event"]]:
    """Return the parts of residuals along the direction of flight, with sign, and across it, without; directions are of the origin."""
    along = -np.sum(residual_m * direction, axis=1)
    return along, np.linalg.norm(residual_m + along[:, None] * direction, axis=1)


def _resolution(residual: Float[ndarray, "event 3"], directed: Float[ndarray, "2 event"]) -> VertexResolution:
    distance = np.linalg.norm(residual, axis=1)
    directed = directed[:, np.isfinite(directed).all(axis=0)]
    along, across = map(quantile, directed) if directed.size else (None, None)
    return VertexResolution(
        events=len(residual),
        median_m=quantile(distance),
        containment68_m=quantile(distance, _CONTENT),
        bias_m={axis: quantile(residual[:, place]) for place, axis in enumerate("xyz")},
        along_m=along,
        across_m=across,
    )
