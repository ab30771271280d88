"""The times of photo-electrons: Pandel's gamma distribution of the delay, convolved with a Gaussian jitter.

With shape a, scale τ, jitter σ, r = σ/τ and z = t/σ − r, the density of the time t after that of direct light is

    p(t) = (1/σ) r^a exp(r²/2 − t/τ) F(a, z),   F(a, z) = ∫₀^∞ u^(a−1)/Γ(a) φ(z − u) du

with φ the normal density (van Eijndhoven, Fadiran & Japaridze, Astropart. Phys. 28 (2007) 456, arXiv:0704.1706). Their
closed form of F, exp(−z²/4) D₋ₐ(−z)/√(2π) with a parabolic cylinder function, overflows; here the logarithm of F, without
its growth with z, is tabulated and interpolated by bicubic splines.
"""

import math
from functools import cache
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor, nn

from icereco.physics.likelihood.splines import blended, coefficients, spline

__all__ = [
    "ASINH_Z",
    "LARGEST_SHAPE",
    "LEAST_Z",
    "MOST_Z",
    "SHAPE_NODES",
    "SHAPE_PLACES",
    "SMALLEST_SHAPE",
    "Z_NODES",
    "ConvolvedPandel",
    "shapes",
]

SMALLEST_SHAPE, LARGEST_SHAPE = 0.03, 150.0
"""Shapes beyond these have the density of the nearest."""

LEAST_Z, MOST_Z = -9.0, 4000.0
SHAPE_NODES, Z_NODES = 280, 900
_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


class ConvolvedPandel(nn.Module):
    """log p(t; a, τ, σ), differentiable; exact to 1e-6 for a between the limits above and t from −9 σ on.

    Further before the direct light the density continues as a Gaussian; beyond z = 4000 it is that without jitter. The table is a
    buffer: float64 at first, and in float32 after `.float()`.
    """

    table: Float[Tensor, "shape_node_z_node"]

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("table", torch.from_numpy(_table().ravel()))

    def forward(
        self,
        time_ns: Float[Tensor, "*n"],
        shape: Float[Tensor, "*n"],
        scale_ns: Float[Tensor, "*n"],
        jitter_ns: float,
    ) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n"], Float[Tensor, "*n"]]:
        """Return the logarithm of the density in 1/ns, and its first and second derivative by the time.

        The logarithm can be differentiated once, by all arguments; its derivatives cannot.

        Args:
            time_ns: after the arrival of direct light.
            shape: of the gamma distribution.
            scale_ns: of the gamma distribution.
            jitter_ns: standard deviation of the Gaussian.
        """
        results: tuple[Tensor, Tensor, Tensor] = _LogDensity.apply(  # type: ignore[no-untyped-call]  # torch's own lacks types
            time_ns, shape, scale_ns, jitter_ns, self.table
        )
        return results


class _LogDensity(torch.autograd.Function):
    """The density with its derivatives, which are cheap beside the look-up and need no graph."""

    @staticmethod
    def forward(
        ctx: Any, time_ns: Tensor, shape: Tensor, scale_ns: Tensor, jitter_ns: float, table: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        inside = (shape > SMALLEST_SHAPE) & (shape < LARGEST_SHAPE)
        shape = shape.clamp(SMALLEST_SHAPE, LARGEST_SHAPE)
        log_shape, root = torch.log(shape), torch.sqrt(shape)
        per_scale = 1.0 / scale_ns
        ratio = jitter_ns * per_scale
        z = time_ns / jitter_ns - ratio
        log_growth = torch.asinh(0.5 * z)
        smooth, by_place, by_z = _interpolated(table, log_shape + root, z)
        log_ratio = torch.log(ratio)
        value = (
            shape * (log_ratio + log_growth)
            + ratio * (0.5 * ratio)
            - time_ns * per_scale
            + smooth
            - log_growth
            - math.log(jitter_ns)
        )
        # d log F / dz, and from Weber's equation F″ = (a − 1) F − z F′ the second derivative.
        growing = by_z + (shape - 1.0) * torch.rsqrt(z * z + 4.0)
        bending = (shape - 1.0) - growing * (z + growing)
        slope = growing / jitter_ns - per_scale
        by_shape = log_ratio + log_growth + by_place * (1.0 / shape + 0.5 / root)
        by_ratio = shape / ratio + ratio - growing - time_ns / jitter_ns
        ctx.save_for_backward(slope, torch.where(inside, by_shape, 0.0), -by_ratio * ratio * per_scale)
        curvature = bending / jitter_ns**2
        ctx.mark_non_differentiable(slope, curvature)
        return value, slope, curvature

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        by_time, by_shape, by_scale = ctx.saved_tensors
        return gradients[0] * by_time, gradients[0] * by_shape, gradients[0] * by_scale, None, None


def _interpolated(
    table: Float[Tensor, "coefficient"], shape_place: Float[Tensor, "*n"], z: Float[Tensor, "*n"]
) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n"], Float[Tensor, "*n"]]:
    """Interpolate log F − (a − 1) log h(z), continued below the table by that of a Gaussian.

    Args:
        table: coefficients of the spline.
        shape_place: log a + √a, in which the function is smooth for small and for large shapes.
        z: see above.

    Returns:
        The function, and its derivatives by both arguments.
    """
    within = z.clamp(LEAST_Z, MOST_Z)
    row, along_shape = spline((shape_place - SHAPE_PLACES[0]) * (1.0 / _SHAPE_STEP), SHAPE_NODES, Z_NODES + 2)
    column, along_z = spline((torch.asinh(within) - ASINH_Z[0]) * (1.0 / _ASINH_STEP), Z_NODES, 1)
    value, by_place, by_asinh = blended(table, row + column, [along_shape, along_z])
    below = (z - within).clamp(max=0.0)
    by_z = by_asinh * (torch.rsqrt(within * within + 1.0) / _ASINH_STEP)
    # log F is that of a Gaussian below the table, and the function lacks (a − 1) log h of it.
    return value + below * by_z - 0.5 * below * below, by_place / _SHAPE_STEP, by_z - below


SHAPE_PLACES = tuple(math.log(shape) + math.sqrt(shape) for shape in (SMALLEST_SHAPE, LARGEST_SHAPE))
_SHAPE_STEP = (SHAPE_PLACES[1] - SHAPE_PLACES[0]) / (SHAPE_NODES - 1)
ASINH_Z = (math.asinh(LEAST_Z), math.asinh(MOST_Z))
_ASINH_STEP = (ASINH_Z[1] - ASINH_Z[0]) / (Z_NODES - 1)


@cache
def _table() -> Float[ndarray, "shape_node z_node"]:
    """Return the coefficients of the bicubic spline, two more than nodes along each axis."""
    shape = shapes(np.linspace(SHAPE_PLACES[0], SHAPE_PLACES[1], SHAPE_NODES))
    z = np.sinh(np.linspace(ASINH_Z[0], ASINH_Z[1], Z_NODES))
    growth = np.arcsinh(0.5 * z)
    log_gamma = torch.lgamma(torch.from_numpy(shape)).numpy()[:, None]
    values = _log_integral(shape, z) - log_gamma - (shape[:, None] - 1.0) * growth
    return coefficients(coefficients(values).T).T.copy()


def shapes(place: Float[ndarray, "shape"]) -> Float[ndarray, "shape"]:
    """Return the shapes a with log a + √a at some values, by Newton's method in the logarithm."""
    log_shape = np.minimum(place, 2.0 * np.log(np.maximum(place, 1.0)))
    for _ in range(20):
        root = np.exp(0.5 * log_shape)
        log_shape -= (log_shape + root - place) / (1.0 + 0.5 * root)
    return np.asarray(np.exp(log_shape))


def _log_integral(shape: Float[ndarray, "shape"], z: Float[ndarray, "z"]) -> Float[ndarray, "shape z"]:
    """Log ∫₀^∞ u^(a−1) φ(z − u) du, by the trapezoidal rule around the peak of the integrand in the logarithm of u.

    There the integrand a s − (z − e^s)²/2 falls like a Gaussian above its peak, and no slower than e^(a s) below it; the
    nodes step out exponentially on that side.
    """
    a, z = shape[:, None], z[None, :]
    root = np.sqrt(z * z + 4.0 * a)
    # The root of u² − z u − a = 0, without a difference of large numbers.
    peak = np.where(z > 0, 0.5 * (z + root), 2.0 * a / (root - z))
    width = 1.0 / np.sqrt(peak * peak + a)
    highest = a * np.log(peak) - 0.5 * (z - peak) ** 2
    total = np.zeros_like(peak)
    for x in np.arange(*_NODES):
        away, speed = _stepping_out(x)
        step = np.minimum(width * away, 700.0)
        point = peak * np.exp(step)
        term = a * step - 0.5 * (point - peak) * (point + peak - 2.0 * z)
        total += np.exp(term) * speed
    return np.asarray(highest + np.log(total * width * _STEP) - _HALF_LOG_2PI)


_STEP = 0.06
_NODES = (-9.5, 5.0, _STEP)


def _stepping_out(x: float) -> tuple[float, float]:
    """Map of the nodes to distances in widths, and its derivative: exponential on the lower side."""
    return x - math.exp(-x) + 1.0, 1.0 + math.exp(-x)
