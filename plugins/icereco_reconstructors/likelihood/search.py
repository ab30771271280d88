"""The search for the maxima of an event's likelihoods: from wide jitter to narrow, then by random steps from the best one."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from icereco.physics.likelihood.climb import climb
from icereco.physics.likelihood.columns import each
from icereco.physics.likelihood.evidence import laplace
from icereco.physics.likelihood.likelihood import Likelihood
from icereco.physics.likelihood.marquardt import LARGEST_MOVE, Maximum
from icereco.physics.likelihood.observation import Observation
from icereco.physics.likelihood.sources import MOVES, Hypothesis, Sources
from icereco_reconstructors.likelihood.seeds import starting_points

__all__ = ["NEAR", "WHOLE_SKY", "Maxima", "Schedule", "Stage", "search", "settled"]


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


@dataclass(frozen=True, slots=True)
class Schedule:
    """The rounds of a search.

    Attributes:
        approach: from the seeds on.
        last: of what is left then; its jitter is the transit time spread of a photomultiplier (Abbasi et al., NIM A 618 (2010) 139).
        after_hop: from a random step on.
        hops: how many times random steps are tried, where nothing else is said.
    """

    approach: tuple[Stage, ...]
    last: Stage
    after_hop: tuple[Stage, ...]
    hops: int


WHOLE_SKY = Schedule(
    (Stage(40.0, 3, 12), Stage(40.0, 8, 8), Stage(15.0, 8, 6), Stage(6.0, 8, 5)),
    Stage(2.0, 30, 5),
    (Stage(15.0, 5, 6), Stage(6.0, 5, 3), Stage(2.0, 8, 2), Stage(2.0, 25, 2)),
    hops=1,
)
"""From a grid of directions."""

NEAR = Schedule(
    (Stage(40.0, 6, 3), Stage(15.0, 8, 3), Stage(6.0, 8, 2)),
    Stage(2.0, 30, 2),
    (Stage(6.0, 5, 2), Stage(2.0, 25, 2)),
    hops=0,
)
"""From few directions that are near the maxima, such as those that a trained model gives."""

_HOPS, _HOP_SIGMAS, _HOP_LIMIT = 6, 6.0, 2.0
"""How many random steps there are at once, and how long: in standard deviations of the fitted parameters, and at most, in
longest steps of a climb."""

_HOPELESS = 30.0
"""A hypothesis whose log L is so far below that of another one after the approach is not followed any further."""

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
    hypotheses: Sequence[Hypothesis],
    travel: Float[Tensor, "event seed 3"],
    centre_m: Float[Tensor, "event 3"],
    seen: Observation,
    schedule: Schedule,
    hops: int,
) -> list[Maxima]:
    """Find the best maxima that can be reached from all seeds, of each hypothesis.

    Args:
        likelihood: of the detector.
        hypotheses: what may have shone.
        travel: directions of travel to start from, float64.
        centre_m: centre of the light of each event, float64.
        seen: observation of each event.
        schedule: of the climbs.
        hops: how many times random steps from the best maximum are tried.
    """
    events = len(seen)
    near = [_approach(likelihood, hypothesis, travel, centre_m, seen, schedule) for hypothesis in hypotheses]
    highest = torch.stack([_values(maximum, events).amax(1) for maximum in near], 1)
    hopeful = highest > highest.amax(1, keepdim=True) - _HOPELESS
    finished = []
    for index, (hypothesis, maximum) in enumerate(zip(hypotheses, near, strict=True)):
        event = hopeful[:, index].nonzero()[:, 0]
        done = _settle(likelihood, hypothesis, maximum, events, event, seen, schedule, hops)
        finished.append(Maxima(done, _distinct(done.sources, events), len(done.sources) // events))
    return finished


def settled(
    likelihood: Likelihood,
    hypothesis: Hypothesis,
    start: Sources,
    seen: Observation,
    event: Int[Tensor, "job"],
) -> Maximum:
    """Climb from places close to a maximum, as a search ends; `event` is each job's row of `seen`."""
    last = WHOLE_SKY.last
    return climb(likelihood, hypothesis, start, seen, event, last.jitter_ns, last.steps)


def _approach(
    likelihood: Likelihood,
    hypothesis: Hypothesis,
    travel: Float[Tensor, "event seed 3"],
    centre_m: Float[Tensor, "event 3"],
    seen: Observation,
    schedule: Schedule,
) -> Maximum:
    """Climb from all seeds, with jitter that narrows down."""
    event = _rows(travel.shape[0], travel.shape[1], centre_m.device)
    start = starting_points(likelihood, hypothesis, travel.flatten(0, 1), centre_m[event], seen.take(event))
    return _climbs(likelihood, hypothesis, start, seen, schedule.approach)


def _settle(
    likelihood: Likelihood,
    hypothesis: Hypothesis,
    maximum: Maximum,
    events: int,
    event: Int[Tensor, "chosen"],
    seen: Observation,
    schedule: Schedule,
    hops: int,
) -> Maximum:
    """Finish the climbs of the chosen events, and hop."""
    if not len(event):
        return maximum
    kept = len(maximum.sources) // events
    job = (event[:, None] * kept + torch.arange(kept, device=event.device)).flatten()
    of_event = seen.take(event)
    done = _climbs(likelihood, hypothesis, maximum.sources.take(job), of_event, (schedule.last,))
    for hop in range(hops):
        done = _hop(likelihood, hypothesis, done, of_event, hop, schedule.after_hop)
    return each(lambda whole, part: whole.index_copy(0, job, part), maximum, done)


def _hop(
    likelihood: Likelihood,
    hypothesis: Hypothesis,
    maximum: Maximum,
    seen: Observation,
    seed: int,
    stages: Sequence[Stage],
) -> Maximum:
    """Climb from places around the best maximum, and keep what is better (Wales and Doye, J. Phys. Chem. A 101 (1997) 5111)."""
    events = len(seen)
    kept = len(maximum.sources) // events
    best = maximum.take(_best(maximum, events, 1)[:, 0])
    _, covariance = laplace(hypothesis, best.curvature)
    root = _HOP_SIGMAS * torch.linalg.cholesky_ex(covariance)[0]
    longest = _HOP_LIMIT * root.new_tensor([LARGEST_MOVE[MOVES[move]] for move in hypothesis.moves])
    step = (root @ _normal(len(hypothesis.moves), seed).to(root)).transpose(1, 2)
    move = step.new_zeros(events, _HOPS, len(MOVES))
    move[..., list(hypothesis.moves)] = torch.nan_to_num(step).clamp(-longest, longest)
    start = best.sources.take(_rows(events, _HOPS, step.device)).moved(move.flatten(0, 1))
    found = _climbs(likelihood, hypothesis, start, seen, stages)
    both = each(lambda *parts: _side_by_side(parts, events), maximum, found)
    return both.take(_best(both, events, kept).flatten())


def _climbs(
    likelihood: Likelihood,
    hypothesis: Hypothesis,
    start: Sources,
    seen: Observation,
    stages: Sequence[Stage],
) -> Maximum:
    """Climb stage by stage from some places of each event, and keep the best distinct maxima."""
    events = len(seen)
    for stage in stages:
        each_one = len(start) // events
        event = _rows(events, each_one, start.time_ns.device)
        climbed = climb(likelihood, hypothesis, start, seen, event, stage.jitter_ns, stage.steps)
        maximum = climbed.take(_best(climbed, events, min(stage.kept, each_one)).flatten())
        start = maximum.sources
    return maximum


def _normal(parameters: int, seed: int) -> Float[Tensor, "parameter hop"]:
    """Return random numbers that are the same for every event, so that a fit does not depend on others."""
    return torch.randn(parameters, _HOPS, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _side_by_side(parts: Sequence[Tensor], events: int) -> Tensor:
    """Join the rows that two sets of maxima have of each event."""
    return torch.cat([part.unflatten(0, (events, -1)) for part in parts], 1).flatten(0, 1)


def _rows(events: int, each_one: int, device: torch.device) -> Int[Tensor, "job"]:
    return torch.arange(events, device=device).repeat_interleave(each_one)


def _values(maximum: Maximum, events: int) -> Float[Tensor, "event each"]:
    return torch.nan_to_num(maximum.curvature.value, nan=-math.inf).view(events, -1)


def _best(maximum: Maximum, events: int, kept: int) -> Int[Tensor, "event kept"]:
    """Return the rows of the best maxima of each event, in descending order; those of new directions go first."""
    value = _values(maximum, events)
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
