"""The times of photo-electrons: Pandel's gamma distribution of the delay, convolved with a Gaussian jitter.

With shape a, scale τ, jitter σ, r = σ/τ and z = t/σ − r, the density of the time t after that of direct light is

    p(t) = (1/σ) r^a exp(r²/2 − t/τ) F(a, z),   F(a, z) = ∫₀^∞ u^(a−1)/Γ(a) φ(z − u) du

with φ the normal density (van Eijndhoven, Fadiran & Japaridze, Astropart. Phys. 28 (2007) 456, arXiv:0704.1706). Their
closed form of F, exp(−z²/4) D₋ₐ(−z)/√(2π) with a parabolic cylinder function, overflows; here the logarithm of F, without
its growth with z, is tabulated and interpolated by bicubic splines.
"""

import math
from functools import cache

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor, nn

__all__ = ["LARGEST_SHAPE", "SMALLEST_SHAPE", "ConvolvedPandel"]

SMALLEST_SHAPE, LARGEST_SHAPE = 0.03, 150.0
"""Shapes beyond these have the density of the nearest."""

_LEAST_Z, _MOST_Z = -9.0, 4000.0
_SHAPE_NODES, _Z_NODES = 280, 900
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
    ) -> Float[Tensor, "*n"]:
        """Return the logarithm of the density, 1/ns.

        Args:
            time_ns: after the arrival of direct light.
            shape: of the gamma distribution.
            scale_ns: of the gamma distribution.
            jitter_ns: standard deviation of the Gaussian.
        """
        shape = shape.clamp(SMALLEST_SHAPE, LARGEST_SHAPE)
        ratio = jitter_ns / scale_ns
        z = time_ns / jitter_ns - ratio
        log_growth = _log_growth(z)
        smooth = self._interpolate(torch.log(shape) + torch.sqrt(shape), z)
        return (
            shape * torch.log(ratio)
            + 0.5 * ratio.square()
            - time_ns / scale_ns
            + smooth
            - torch.lgamma(shape)
            + (shape - 1.0) * log_growth
            - math.log(jitter_ns)
        )

    def _interpolate(
        self, shape_place: Float[Tensor, "*n"], z: Float[Tensor, "*n"]
    ) -> Float[Tensor, "*n"]:
        """Interpolate log F + log Γ(a) − (a − 1) log h(z), continued below the table by that of a Gaussian.

        Args:
            shape_place: log a + √a, in which the function is smooth for small and for large shapes.
            z: see above.
        """
        inside = z.clamp(_LEAST_Z, _MOST_Z)
        shape_node, shape_weights = _spline((shape_place - _SHAPE_PLACES[0]) / _SHAPE_STEP, _SHAPE_NODES)
        z_node, z_weights = _spline((torch.asinh(inside) - _ASINH_Z[0]) / _ASINH_STEP, _Z_NODES)
        corner = shape_node * (_Z_NODES + 2) + z_node
        rows = [
            sum(
                weight * self.table.take(corner + (row * (_Z_NODES + 2) + column))
                for column, weight in enumerate(z_weights)
            )
            for row in range(4)
        ]
        value: Tensor = sum(weight * row for weight, row in zip(shape_weights, rows, strict=True))
        below = (z - inside).clamp(max=0.0)
        return value - below * (0.5 * below + _LEAST_Z)


_SHAPE_PLACES = tuple(math.log(shape) + math.sqrt(shape) for shape in (SMALLEST_SHAPE, LARGEST_SHAPE))
_SHAPE_STEP = (_SHAPE_PLACES[1] - _SHAPE_PLACES[0]) / (_SHAPE_NODES - 1)
_ASINH_Z = (math.asinh(_LEAST_Z), math.asinh(_MOST_Z))
_ASINH_STEP = (_ASINH_Z[1] - _ASINH_Z[0]) / (_Z_NODES - 1)


def _log_growth(z: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """log h with h = (z + √(z² + 4))/2, which is z far above zero and 1/|z| far below: asinh(z/2)."""
    return torch.asinh(0.5 * z)


def _spline(
    place: Float[Tensor, "*n"], nodes: int
) -> tuple[Int[Tensor, "*n"], tuple[Float[Tensor, "*n"], ...]]:
    """Return the first of the four coefficients of a uniform cubic B-spline, and their weights."""
    cell = place.detach().floor().clamp(0, nodes - 2)
    part = place - cell
    rest = 1.0 - part
    square, rest_square = part * part, rest * rest
    weights = (
        rest_square * rest / 6.0,
        2.0 / 3.0 - square * (1.0 - 0.5 * part),
        2.0 / 3.0 - rest_square * (1.0 - 0.5 * rest),
        square * part / 6.0,
    )
    return cell.long(), weights


@cache
def _table() -> Float[ndarray, "shape_node z_node"]:
    """Return the coefficients of the bicubic spline, two more than nodes along each axis."""
    shape = _shapes(np.linspace(*_SHAPE_PLACES, _SHAPE_NODES))
    z = np.sinh(np.linspace(*_ASINH_Z, _Z_NODES))
    growth = np.arcsinh(0.5 * z)
    values = _log_integral(shape, z) - (shape[:, None] - 1.0) * growth
    return _coefficients(_coefficients(values).T).T.copy()


def _shapes(place: Float[ndarray, "shape"]) -> Float[ndarray, "shape"]:
    """Return the shapes a with log a + √a at some values, by Newton's method in the logarithm."""
    log_shape = np.minimum(place, 2.0 * np.log(np.maximum(place, 1.0)))
    for _ in range(20):
        root = np.exp(0.5 * log_shape)
        log_shape -= (log_shape + root - place) / (1.0 + 0.5 * root)
    return np.asarray(np.exp(log_shape))


def _log_integral(
    shape: Float[ndarray, "shape"], z: Float[ndarray, "z"]
) -> Float[ndarray, "shape z"]:
    """log ∫₀^∞ u^(a−1) φ(z − u) du, by the trapezoidal rule around the peak of the integrand in the logarithm of u.

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


def _coefficients(values: Float[ndarray, "node *more"]) -> Float[ndarray, "coefficient *more"]:
    """Return the coefficients of the cubic spline through values at uniform nodes, with not-a-knot ends."""
    count = len(values)
    matrix = np.zeros((count + 2, count + 2))
    node = np.arange(count)
    for offset, weight in enumerate((1.0 / 6.0, 4.0 / 6.0, 1.0 / 6.0)):
        matrix[node + 1, node + offset] = weight
    fifth = np.array([1.0, -4.0, 6.0, -4.0, 1.0])  # no jump of the third derivative at the second node
    matrix[0, :5] = fifth
    matrix[-1, -5:] = fifth
    right = np.concatenate([np.zeros_like(values[:1]), values, np.zeros_like(values[:1])])
    return np.linalg.solve(matrix, right)
