"""How much a maximum of the likelihood weighs, and how well it is determined: Laplace's approximation."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from icereco.physics.likelihood.likelihood import PRIOR_SIGMA, Curvature
from icereco.physics.likelihood.sources import MOVES, Hypothesis

__all__ = ["laplace"]

_PRIOR_WIDTH = {
    **dict.fromkeys(("turn_first", "turn_second"), math.sqrt(4 * math.pi)),
    **dict.fromkeys(("shift_first_m", "shift_second_m", "shift_along_m"), 1000.0),
    "delay_ns": 5000.0,
    **{name: sigma * math.sqrt(2 * math.pi) for name, sigma in PRIOR_SIGMA.items()},
}
"""Ranges that parameters have before the event is seen, which make hypotheses of different numbers of them comparable:
all directions, a cubic kilometre, 5 μs; √(2π) σ of the priors that are Gaussian."""


def laplace(
    hypothesis: Hypothesis, curvature: Curvature
) -> tuple[Float[Tensor, "job"], Float[Tensor, "job free free"]]:
    """Return the log evidence and the covariance of the parameters, in Laplace's approximation.

    Args:
        hypothesis: of all jobs.
        curvature: at maxima of the likelihood.
    """
    width = curvature.information.new_tensor([_PRIOR_WIDTH[MOVES[move]] for move in hypothesis.moves])
    # In units of the ranges, which bound what an event does not measure; Gaussian priors are in the curvature already.
    bounded = width.new_tensor([MOVES[move] not in PRIOR_SIGMA for move in hypothesis.moves]) * (2 * math.pi)
    precision = curvature.information * width[:, None] * width
    precision = precision + torch.diag(bounded)
    root = torch.linalg.cholesky_ex(precision)[0]
    half_log_determinant = torch.diagonal(root, dim1=1, dim2=2).clamp(min=1e-30).log().sum(1)
    evidence = curvature.value + 0.5 * len(width) * math.log(2 * math.pi) - half_log_determinant
    return evidence, torch.cholesky_inverse(root) * width[:, None] * width
