"""Maxima of the likelihood: the method of Levenberg and Marquardt (Marquardt, J. SIAM 11 (1963) 431), for many jobs at once."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from icereco.physics.likelihood.columns import each
from icereco.physics.likelihood.likelihood import Curvature, Likelihood
from icereco.physics.likelihood.observation import Observation
from icereco.physics.likelihood.sources import MOVES, Hypothesis, Sources

__all__ = [
    "FIRST_DAMPING",
    "GAIN",
    "LARGEST_MOVE",
    "LEAST_DAMPING",
    "MOST_DAMPING",
    "RELAX",
    "TIGHTEN",
    "Maximum",
    "climb_by_tensors",
]

LARGEST_MOVE = {
    "turn_first": 0.5, "turn_second": 0.5, "shift_first_m": 60.0, "shift_second_m": 60.0, "shift_along_m": 60.0,
    "delay_ns": 200.0, "log_yield": 1.5, "log_light": 1.5, "end_m": 200.0,
}  # fmt: skip
"""Of one step; longer steps are shortened."""

FIRST_DAMPING, LEAST_DAMPING, MOST_DAMPING = 1e-2, 1e-7, 1e6
RELAX, TIGHTEN = 0.2, 6.0
"""Factors on the damping after a step that raises log L, and after one that does not and is taken back."""

GAIN = 0.01
"""Expected gain of log L below which a maximum is reached."""

_PAIRS_PER_CALL = 400_000


@dataclass(frozen=True, slots=True)
class Maximum:
    """Where the climb from each starting point ended.

    Attributes:
        sources: the parameters.
        curvature: log L there, with its derivatives.
        converged: whether no further gain is expected, or no step however small has one.
    """

    sources: Sources
    curvature: Curvature
    converged: Bool[Tensor, "job"]

    def take(self, job: Int[Tensor, "chosen"]) -> "Maximum":
        """Select jobs, with repetitions."""
        return each(lambda column: column.index_select(0, job), self)


def climb_by_tensors(
    likelihood: Likelihood,
    hypothesis: Hypothesis,
    start: Sources,
    seen: Observation,
    event: Int[Tensor, "job"],
    jitter_ns: float,
    steps: int,
) -> Maximum:
    """Climb on any device, many jobs at once; arguments as of `icereco.physics.likelihood.climb.climb`."""
    pairs = seen.count.shape[1] + seen.time_ns.shape[1]
    jobs = max(_PAIRS_PER_CALL // pairs, 1)
    parts = [
        _climb(likelihood, hypothesis, start.take(part), seen.take(event[part]), jitter_ns, steps)
        for part in torch.arange(len(start), device=event.device).split(jobs)
    ]
    return each(lambda *columns: torch.cat(columns), *parts)


def _climb(
    likelihood: Likelihood,
    hypothesis: Hypothesis,
    start: Sources,
    seen: Observation,
    jitter_ns: float,
    steps: int,
) -> Maximum:
    curvature = likelihood.curvature(hypothesis, start, seen, jitter_ns)
    damping = torch.full_like(start.time_ns, FIRST_DAMPING)
    here = Maximum(start, curvature, damping > MOST_DAMPING)
    reached, active = here, torch.arange(len(start), device=damping.device)
    for _ in range(steps):
        here, damping = _stepped(likelihood, hypothesis, here, damping, seen, jitter_ns)
        reached = each(lambda old, new, rows=active: old.index_copy(0, rows, new), reached, here)
        going = (~here.converged).nonzero()[:, 0]
        if not len(going):
            break
        if len(going) < 0.8 * len(active):
            active, here, damping, seen = active[going], here.take(going), damping[going], seen.take(going)
    return reached


def _stepped(
    likelihood: Likelihood,
    hypothesis: Hypothesis,
    here: Maximum,
    damping: Float[Tensor, "job"],
    seen: Observation,
    jitter_ns: float,
) -> tuple[Maximum, Float[Tensor, "job"]]:
    """Try one step for each job, and take it where log L increases."""
    step = _step(hypothesis, here.curvature, damping)
    gain = 0.5 * (step * here.curvature.gradient).sum(1)
    sources = here.sources.moved(_all_moves(hypothesis, step))
    there = likelihood.curvature(hypothesis, sources, seen, jitter_ns)
    better = (there.value > here.curvature.value) & ~here.converged
    damping = (damping * torch.where(better, RELAX, TIGHTEN)).clamp(LEAST_DAMPING, 2 * MOST_DAMPING)
    converged = here.converged | (gain < GAIN) | (damping > MOST_DAMPING)
    trial = Maximum(sources, there, converged)
    taken = each(
        lambda new, old: torch.where(better.view(-1, *[1] * (new.dim() - 1)), new, old),
        trial,
        replace(here, converged=converged),
    )
    return taken, damping


def _step(
    hypothesis: Hypothesis, curvature: Curvature, damping: Float[Tensor, "job"]
) -> Float[Tensor, "job free"]:
    diagonal = torch.diagonal(curvature.information, dim1=1, dim2=2)
    largest = curvature.information.new_tensor([LARGEST_MOVE[MOVES[move]] for move in hypothesis.moves])
    # What an event does not measure has no curvature; a little keeps the matrix from being singular.
    matrix = curvature.information + torch.diag_embed(diagonal * damping[:, None] + 0.01 / largest.square())
    step = torch.linalg.solve_ex(matrix, curvature.gradient[..., None])[0][..., 0]
    too_long = (step.abs() / largest).amax(1, keepdim=True).clamp(min=1.0)
    return torch.nan_to_num(step / too_long)


def _all_moves(hypothesis: Hypothesis, step: Float[Tensor, "job free"]) -> Float[Tensor, "job move"]:
    moves = step.new_zeros(len(step), len(MOVES))
    moves[:, list(hypothesis.moves)] = step
    return moves
