"""How far estimated vertices are from the true ones, and in which direction.

The true vertex of a through-going track is where it enters the simulated volume, which its light says little of: where kinds are
known, only events of the kinds in `CONTAINED` are evaluated.
"""

from typing import TypedDict

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from icereco.evaluation.measured import Measured, fraction, quantile
from icereco.evaluation.target_groups import target_groups
from icereco.evaluation.weighted import weights_of
from icereco.events.truth import Truth

__all__ = [
    "CONTAINED",
    "ELLIPSOIDS",
    "VertexEvaluation",
    "VertexResolution",
    "along_and_across",
    "squared_pull",
    "vertex_evaluation",
    "with_vertices",
]

CONTAINED = ("starting_track", "cascade")
"""The kinds whose vertex is a place of light in the detector."""

ELLIPSOIDS = {"50%": 2.365974, "68%": 3.505882, "90%": 6.251389}
"""Of a normal distribution in three dimensions: the squared pull on the surface of the ellipsoid with this content (χ² of 3 degrees of freedom)."""

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
        inside: fraction of the true vertices inside the ellipsoids of `ELLIPSOIDS` that the covariances of the events have; empty without any.
        pull_width: square root of the median squared pull over that of a normal distribution: 1 where covariances are right, more where they
            are too small; None without any.
    """

    events: int
    median_m: Measured
    containment68_m: Measured
    bias_m: dict[str, Measured]
    along_m: Measured | None
    across_m: Measured | None
    inside: dict[str, Measured]
    pull_width: Measured | None


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


def vertex_evaluation(
    vertex_m: Float[ndarray, "event 3"],
    covariance_m2: Float[ndarray, "event 3 3"] | None,
    truth: Truth,
    weight: Float[ndarray, "event"] | None = None,
) -> VertexEvaluation:
    """Compare vertices with the truth, which has some.

    Args:
        vertex_m: as estimated; NaN where there is none.
        covariance_m2: of its coordinates; None, or NaN, where the method gives none.
        truth: with vertices.
        weight: how much each event counts, or None where all count alike.
    """
    assert truth.vertex_m is not None
    contained = with_vertices(truth)
    evaluated = contained & np.isfinite(vertex_m).all(axis=1)
    residual = vertex_m - truth.vertex_m
    along, across = along_and_across(residual, truth.direction)
    nothing = np.full(len(residual), np.nan)
    squared = nothing if covariance_m2 is None else squared_pull(residual, covariance_m2)
    return VertexEvaluation(
        groups={
            name: _resolution(
                residual[chosen],
                np.stack([along[chosen], across[chosen]]),
                squared[chosen],
                weights_of(weight, chosen),
            )
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


def squared_pull(
    residual_m: Float[ndarray, "event 3"], covariance_m2: Float[ndarray, "event 3 3"]
) -> Float[ndarray, "event"]:
    """Return rᵀ C⁻¹ r; NaN for events without residual, or with a covariance that is unknown or not positive definite."""
    squared = np.full(len(residual_m), np.nan)
    known = np.isfinite(residual_m).all(axis=1) & np.isfinite(covariance_m2).all(axis=(1, 2))
    known[known] = np.linalg.eigvalsh(covariance_m2[known])[:, 0] > 0
    scaled = np.linalg.solve(covariance_m2[known], residual_m[known, :, None])[..., 0]
    squared[known] = np.sum(residual_m[known] * scaled, axis=1)
    return squared


def _resolution(
    residual: Float[ndarray, "event 3"],
    directed: Float[ndarray, "2 event"],
    squared: Float[ndarray, "event"],
    weight: Float[ndarray, "event"] | None,
) -> VertexResolution:
    has_covariance, has_direction = np.isfinite(squared), np.isfinite(directed).all(axis=0)
    squared, counted = squared[has_covariance], weights_of(weight, has_covariance)
    distance = np.linalg.norm(residual, axis=1)
    along, across = (
        (quantile(one[has_direction], weight=weights_of(weight, has_direction)) for one in directed)
        if has_direction.any()
        else (None, None)
    )
    return VertexResolution(
        events=len(residual),
        median_m=quantile(distance, weight=weight),
        containment68_m=quantile(distance, _CONTENT, weight),
        bias_m={axis: quantile(residual[:, place], weight=weight) for place, axis in enumerate("xyz")},
        along_m=along,
        across_m=across,
        inside={content: fraction(squared <= surface, counted) for content, surface in ELLIPSOIDS.items()}
        if len(squared)
        else {},
        pull_width=quantile(np.sqrt(squared / ELLIPSOIDS["50%"]), weight=counted) if len(squared) else None,
    )
