"""Climbs of many jobs by machine code, from tensors to tensors."""

import numpy as np
import torch
from jaxtyping import Float, Int
from numba.core.event import Event, Listener, install_listener
from numpy import ndarray
from torch import Tensor

from icereco.physics.likelihood.compiled.ascent import Ascent, ascend
from icereco.physics.likelihood.compiled.optics import optics_of
from icereco.physics.likelihood.compiled.seen import seen_of
from icereco.physics.likelihood.compiled.terms import Problem
from icereco.physics.likelihood.likelihood import PRIOR_MEAN, PRIOR_SIGMA, Curvature, Likelihood
from icereco.physics.likelihood.marquardt import (
    FIRST_DAMPING,
    GAIN,
    LARGEST_MOVE,
    LEAST_DAMPING,
    MOST_DAMPING,
    RELAX,
    TIGHTEN,
    Maximum,
)
from icereco.physics.likelihood.observation import Observation
from icereco.physics.likelihood.sources import MOVES, Hypothesis, Sources
from icereco.system.log import get_logger

__all__ = ["climb"]

logger = get_logger(__name__)


def climb(
    likelihood: Likelihood,
    hypothesis: Hypothesis,
    start: Sources,
    seen: Observation,
    event: Int[Tensor, "job"],
    jitter_ns: float,
    steps: int,
) -> Maximum:
    """Climb from starting points to maxima of the likelihood; arguments as of `icereco.physics.likelihood.climb.climb`."""
    names = [MOVES[move] for move in hypothesis.moves]
    pandel = likelihood.pandel.table.double().numpy()
    problem = Problem(
        optics_of(likelihood.light),
        pandel,
        pandel[:0] if likelihood.survival is None else likelihood.survival.table.double().numpy(),
        likelihood.model_error**2,
        hypothesis.has_track,
        hypothesis.has_cascade,
        hypothesis.starts,
        np.array(hypothesis.moves),
        np.array(
            [
                (PRIOR_MEAN[name], PRIOR_SIGMA[name] ** -2) if name in PRIOR_MEAN else (0.0, 0.0)
                for name in names
            ]
        ),
        jitter_ns,
    )
    ascent = Ascent(
        steps,
        np.array([LARGEST_MOVE[name] for name in names]),
        FIRST_DAMPING,
        LEAST_DAMPING,
        MOST_DAMPING,
        RELAX,
        TIGHTEN,
        GAIN,
    )
    with install_listener("numba:compile", _Announcer()):
        reached = ascend(
            problem, ascent, seen_of(seen, likelihood.survival is not None), _parameters(start), event.numpy()
        )
    derivatives = torch.from_numpy(reached.derivatives)
    curvature = Curvature(torch.from_numpy(reached.value), derivatives[:, -1], derivatives[:, :-1])
    return Maximum(_sources(reached.parameters), curvature, torch.from_numpy(reached.converged))


def _parameters(sources: Sources) -> Float[ndarray, "job parameter"]:
    numbers = (sources.time_ns, sources.log_yield, sources.log_light, sources.end_m)
    columns = [sources.travel, sources.position_m, *(column[:, None] for column in numbers)]
    parameters: ndarray = torch.cat(columns, 1).numpy()
    return parameters


def _sources(parameters: Float[ndarray, "job parameter"]) -> Sources:
    columns = torch.from_numpy(parameters).split([3, 3, 1, 1, 1, 1], 1)
    travel, position, *numbers = (column.contiguous() for column in columns)
    return Sources(travel, position, *(number[:, 0] for number in numbers))


class _Announcer(Listener):
    """Says that a compilation has begun, as it takes a while."""

    def __init__(self) -> None:
        self._said = False

    def on_start(self, event: Event) -> None:  # noqa: ARG002  # numba passes it
        if not self._said:
            logger.info("compiling the likelihood fit for this processor, once: some 30 seconds")
            self._said = True

    def on_end(self, event: Event) -> None:
        """Nothing is said."""
