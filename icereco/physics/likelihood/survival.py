"""How probable it is that a photo-electron arrives later than a time, with Pandel's delay and a Gaussian jitter.

With the density p of `icereco.physics.likelihood.pandel`, shape a, scale τ, jitter σ, s = t/σ and r = σ/τ,

    S(t) = ∫ₜ^∞ p = e^(−H),   H = Φ(s) e^R,   R = R(a, u, log r),   u = asinh s + log r

with the normal distribution Φ. The cumulative hazard H is accurate in both tails: long before direct light it is the
probability that the photo-electron came already, long after it −log S. R is smooth: Φ contains the jitter; late, R depends on
t/τ alone, and so on u; early it goes as a u. Hence a coarse table of it suffices, interpolated by tricubic splines.
"""

import math
from functools import cache
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor, nn

from icereco.physics.likelihood.pandel import LARGEST_SHAPE, SMALLEST_SHAPE, ConvolvedPandel, shapes
from icereco.physics.likelihood.splines import blended, coefficients, spline

__all__ = [
    "EARLIEST",
    "LARGEST_RATIO",
    "LOG_RATIO",
    "PLACES",
    "RATIO_NODES",
    "SHAPE_NODES",
    "SMALLEST_RATIO",
    "U_NODES",
    "U_RANGE",
    "PandelSurvival",
]

SMALLEST_RATIO, LARGEST_RATIO = 0.003, 3.0
"""Ratios of jitter to scale beyond these have the survival of the nearest at the same time in units of the jitter."""

SHAPE_NODES, U_NODES, RATIO_NODES = 72, 320, 32

EARLIEST = -12.0
"""Before this many standard deviations nothing has arrived: there H is below 1e-32."""

_BUILT_FROM = -8.0
"""Where, in standard deviations, sums of the density begin to give H to the accuracy of the table."""


class PandelSurvival(nn.Module):
    """log S(t; a, τ, σ), differentiable; −log S is exact to 1 % where it is between 1e-5 and 20, mostly to 0.1 %.

    The table is a buffer: float64 at first, and in float32 after `.float()`.
    """

    table: Float[Tensor, "coefficient"]

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("table", torch.from_numpy(_table().ravel()))

    def forward(
        self,
        time_ns: Float[Tensor, "*n"],
        shape: Float[Tensor, "*n"],
        scale_ns: Float[Tensor, "*n"],
        jitter_ns: float,
    ) -> Float[Tensor, "*n"]:
        """Return the logarithm of the probability, which can be differentiated once, by all arguments.

        Args:
            time_ns: after the arrival of direct light.
            shape: of the gamma distribution.
            scale_ns: of the gamma distribution.
            jitter_ns: standard deviation of the Gaussian.
        """
        result: Tensor = _LogSurvival.apply(  # type: ignore[no-untyped-call]  # torch's own lacks types
            time_ns, shape, scale_ns, jitter_ns, self.table
        )
        return result


class _LogSurvival(torch.autograd.Function):
    """−H with its derivatives, which are cheap beside the look-up and need no graph."""

    @staticmethod
    def forward(
        ctx: Any, time_ns: Tensor, shape: Tensor, scale_ns: Tensor, jitter_ns: float, table: Tensor
    ) -> Tensor:
        inside = (shape > SMALLEST_SHAPE) & (shape < LARGEST_SHAPE)
        shape = shape.clamp(SMALLEST_SHAPE, LARGEST_SHAPE)
        ratio = jitter_ns / scale_ns
        log_ratio = torch.log(ratio.clamp(SMALLEST_RATIO, LARGEST_RATIO))
        s = (time_ns / jitter_ns).clamp(min=EARLIEST)
        u = torch.asinh(s) + log_ratio
        root = torch.sqrt(shape)
        smooth, by_place, by_u, by_ratio = _interpolated(
            table, torch.log(shape) + root, u.clamp(*U_RANGE), log_ratio
        )
        by_u = torch.where((u > U_RANGE[0]) & (u < U_RANGE[1]), by_u, 0.0)
        growth = torch.exp(smooth)
        hazard = 0.5 * torch.erfc(-math.sqrt(0.5) * s) * growth
        normal_density = math.sqrt(0.5 / math.pi) * torch.exp(-0.5 * s * s)
        by_s = normal_density * growth + hazard * by_u * torch.rsqrt(s * s + 1.0)
        by_shape = hazard * by_place * (1.0 / shape + 0.5 / root)
        by_scale = hazard * (by_u + by_ratio) / -scale_ns
        by_shape = torch.where(inside, by_shape, 0.0)
        by_scale = torch.where((ratio > SMALLEST_RATIO) & (ratio < LARGEST_RATIO), by_scale, 0.0)
        ctx.save_for_backward(-by_s / jitter_ns, -by_shape, -by_scale)
        return -hazard

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        by_time, by_shape, by_scale = ctx.saved_tensors
        return gradients[0] * by_time, gradients[0] * by_shape, gradients[0] * by_scale, None, None


PLACES = (
    math.log(SMALLEST_SHAPE) + math.sqrt(SMALLEST_SHAPE),
    math.log(LARGEST_SHAPE) + math.sqrt(LARGEST_SHAPE),
)
LOG_RATIO = (math.log(SMALLEST_RATIO), math.log(LARGEST_RATIO))
U_RANGE = (math.asinh(EARLIEST) + LOG_RATIO[0], math.log(2.0 * 400.0))
"""Up to 400 scales after direct light, where S is e⁻⁴⁰⁰ or, of the largest shapes, not much more."""

_SHAPE_STEP, _U_STEP, _RATIO_STEP = (
    (last - first) / (nodes - 1)
    for (first, last), nodes in ((PLACES, SHAPE_NODES), (U_RANGE, U_NODES), (LOG_RATIO, RATIO_NODES))
)


def _interpolated(
    table: Float[Tensor, "coefficient"],
    place: Float[Tensor, "*n"],
    u: Float[Tensor, "*n"],
    log_ratio: Float[Tensor, "*n"],
) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n"], Float[Tensor, "*n"], Float[Tensor, "*n"]]:
    """Return R and its derivatives by log a + √a, u and log r."""
    row = RATIO_NODES + 2
    axes = (
        spline((place - PLACES[0]) * (1.0 / _SHAPE_STEP), SHAPE_NODES, (U_NODES + 2) * row),
        spline((u - U_RANGE[0]) * (1.0 / _U_STEP), U_NODES, row),
        spline((log_ratio - LOG_RATIO[0]) * (1.0 / _RATIO_STEP), RATIO_NODES, 1),
    )
    corner = axes[0][0] + axes[1][0] + axes[2][0]
    value, by_place, by_u, by_ratio = blended(table, corner, [along for _, along in axes])
    return value, by_place / _SHAPE_STEP, by_u / _U_STEP, by_ratio / _RATIO_STEP


@cache
def _table() -> Float[ndarray, "shape_node u_node ratio_node"]:
    """Return the coefficients of the tricubic spline, two more than nodes along each axis."""
    shape = torch.from_numpy(shapes(np.linspace(*PLACES, SHAPE_NODES)))
    pandel = ConvolvedPandel()
    values = np.stack(
        [_logarithm(pandel, shape, float(ratio)) for ratio in np.exp(np.linspace(*LOG_RATIO, RATIO_NODES))],
        axis=2,
    )
    for axis in range(3):
        values = np.moveaxis(coefficients(np.moveaxis(values, axis, 0)), 0, axis)
    return np.ascontiguousarray(values)


def _logarithm(
    pandel: ConvolvedPandel, shape: Float[Tensor, "shape"], ratio: float
) -> Float[ndarray, "shape u"]:
    """Return R for one ratio of jitter to scale, from sums of the density by Simpson's rule from either end."""
    s = torch.sinh(torch.linspace(*U_RANGE, 2 * U_NODES - 1, dtype=torch.float64) - math.log(ratio))
    like = torch.ones(len(shape), len(s), dtype=torch.float64)
    log_density, slope, _ = pandel(s * like, shape[:, None] * like, like / ratio, 1.0)
    log_rate = log_density + 0.5 * torch.log1p(s * s)
    weight = torch.tensor([[1.0], [4.0], [1.0]], dtype=torch.float64).log() + math.log(_U_STEP / 6.0)
    part = torch.logsumexp(weight + torch.stack([log_rate[:, k : k - 2 or None : 2] for k in range(3)], 1), 1)
    arrived = torch.logcumsumexp(part, 1)
    tail = log_density[:, -1:] - torch.log(-slope[:, -1:])
    left = torch.logcumsumexp(torch.cat([tail, part.flip(1)[:, :-1]], 1), 1).flip(1)
    log_hazard = torch.where(arrived < -0.7, _log_of_hazard(arrived.clamp(max=-0.7)), torch.log(-left))
    node = s[2::2]
    value = log_hazard - torch.special.log_ndtr(node)
    first = int((node < _BUILT_FROM).sum())
    # Earlier, the sums are too coarse; there H goes as Φ(s) (r / (r − s))^a.
    early = shape[:, None] * torch.log((ratio - node[first]) / (ratio - torch.cat([s[:1], node[:first]])))
    return torch.cat([value[:, first : first + 1] + early, value[:, first:]], 1).numpy()


def _log_of_hazard(log_arrived: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """Return log(−log(1 − C)) of the logarithm of C, however small."""
    return torch.where(
        log_arrived < -30.0, log_arrived, torch.log(-torch.log1p(-torch.exp(log_arrived.clamp(min=-30.0))))
    )
