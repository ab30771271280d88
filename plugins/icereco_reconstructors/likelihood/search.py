"""The search for the maxima of an event's likelihood: from wide jitter to narrow, keeping the best distinct ones."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from icereco.physics.likelihood.climb import Maximum, climb
from icereco.physics.likelihood.likelihood import Likelihood
from icereco.physics.likelihood.observation import Observation
from icereco.physics.likelihood.sources import Hypothesis, Sources
from icereco_reconstructors.likelihood.seeds import starting_points

__all__ = ["STAGES", "Maxima", "Stage", "search"]


@dataclass(frozen=True, slots=True)
class Stage:
    """One round of climbs.

    Attributes:
        jitter_ns: width of the time of direct light; a wide one makes the likelihood smooth, and its maxima few.
        steps: of each climb, at most.
        kept: how many maxima of each event go on to the next stage.
    """

    jitter_ns: float
    steps: int
    kept: int


STAGES = (Stage(40.0, 2, 12), Stage(40.0, 4, 6), Stage(15.0, 6, 4), Stage(6.0, 6, 4), Stage(2.0, 30, 4))
"""The last jitter is the transit time spread of a photomultiplier (Abbasi et al., NIM A 618 (2010) 139)."""

_DISTINCT_RAD = math.radians(4.0)
_SAME_RAD = math.radians(1.0)


@dataclass(frozen=True, slots=True)
class Maxima:
    """The maxima of each event, best first.

    Attributes:
        maximum: with rows `event × kept`.
        distinct: whether a maximum differs from all better ones of its event.
        kept: how many each event has.
    """

    maximum: Maximum
    distinct: Bool[Tensor, "event kept"]
    kept: int


def search(
    likelihood: Likelihood,
    hypothesis: Hypothesis,
    travel: Float[Tensor, "event seed 3"],
    centre_m: Float[Tensor, "event 3"],
    seen: Observation,
) -> Maxima:
    """Find the best maxima that climbs from all seeds reach.

    Args:
        likelihood: of the detector.
        hypothesis: of all events.
        travel: directions of travel to start from, float64.
        centre_m: centre of the light of each event, float64.
        seen: observation of each event.
    """
    count, seeds = travel.shape[:2]
    event = _rows(count, seeds, centre_m.device)
    start = starting_points(likelihood, hypothesis, travel.flatten(0, 1), centre_m[event], seen.take(event))
    for stage in STAGES:
        maximum = climb(likelihood, hypothesis, start, seen, event, stage.jitter_ns, stage.steps)
        chosen = _best(maximum, count, min(stage.kept, seeds))
        maximum, seeds = maximum.take(chosen.flatten()), chosen.shape[1]
        event, start = _rows(count, seeds, event.device), maximum.sources
    return Maxima(maximum, _distinct(maximum.sources, count), seeds)


def _rows(events: int, each_one: int, device: torch.device) -> Int[Tensor, "job"]:
    return torch.arange(events, device=device).repeat_interleave(each_one)


def _best(maximum: Maximum, events: int, kept: int) -> Int[Tensor, "event kept"]:
    """Return the rows of the best maxima of each event, in descending order; those of new directions go first."""
    value = torch.nan_to_num(maximum.curvature.value, nan=-math.inf).view(events, -1)
    travel = maximum.sources.travel.view(events, -1, 3)
    left, chosen = value.clone(), []
    row = torch.arange(events, device=value.device)
    for _ in range(kept):
        best = left.argmax(1)
        chosen.append(best)
        near = (travel * travel[row, best][:, None]).sum(2) > math.cos(_DISTINCT_RAD)
        left = torch.where(near, left - 1e9, left)
        left[row, best] = -math.inf
    picked = torch.stack(chosen, 1)
    order = value.gather(1, picked).argsort(dim=1, descending=True, stable=True)
    return picked.gather(1, order) + row[:, None] * value.shape[1]


def _distinct(sources: Sources, events: int) -> Bool[Tensor, "event kept"]:
    travel = sources.travel.view(events, -1, 3)
    same = travel @ travel.transpose(1, 2) > math.cos(_SAME_RAD)
    better = torch.ones_like(same).tril(-1)
    return ~(same & better).any(2)
