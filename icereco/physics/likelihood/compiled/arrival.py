"""The density of the times of photo-electrons of one gamma distribution; see `icereco.physics.likelihood.pandel`."""

import math
from typing import NamedTuple

from jaxtyping import Float
from numpy import ndarray

from icereco.physics.likelihood.compiled.access import look_four
from icereco.physics.likelihood.compiled.elementary import logarithm
from icereco.physics.likelihood.compiled.lanes import chosen
from icereco.physics.likelihood.compiled.splines import (
    Four,
    cell_of,
    inverse_sinh,
    limited,
    slopes_in,
    weights_in,
)
from icereco.physics.likelihood.pandel import (
    ASINH_Z,
    LARGEST_SHAPE,
    LEAST_Z,
    MOST_Z,
    SHAPE_NODES,
    SHAPE_PLACES,
    SMALLEST_SHAPE,
    Z_NODES,
)
from icereco.system.machine_code import compiled

__all__ = ["Arrival", "Density", "arrival_of", "density_at"]

_SHAPE_STEP = (SHAPE_PLACES[1] - SHAPE_PLACES[0]) / (SHAPE_NODES - 1)
_ASINH_STEP = (ASINH_Z[1] - ASINH_Z[0]) / (Z_NODES - 1)
_ROW = Z_NODES + 2


class Arrival(NamedTuple):
    """What the densities of all pulses of a module have in common.

    Attributes:
        shape, scale_ns: of the gamma distribution.
        inside: 1 where the shape is within the table, else 0.
        row: index of the first coefficient of the shape.
        weights, slopes: of the rows of coefficients, and their derivatives by the shape.
        offset: the part of the log density that does not depend on the time.
        by_shape: the same of its derivative by the shape.
    """

    shape: float
    scale_ns: float
    inside: float
    row: float
    weights: Four
    slopes: Four
    offset: float
    by_shape: float


class Density(NamedTuple):
    """The logarithm of a density in 1/ns, with its derivatives.

    Attributes:
        value: the logarithm.
        slope, bend: its first and second derivative by the time.
        by_shape, by_scale: its derivatives by the parameters of the gamma distribution.
    """

    value: float
    slope: float
    bend: float
    by_shape: float
    by_scale: float


@compiled
def arrival_of(shape: float, scale_ns: float, jitter_ns: float) -> Arrival:
    """Prepare the density of delays of a shape and a scale, with a jitter."""
    within = limited(shape, SMALLEST_SHAPE, LARGEST_SHAPE)
    inside = chosen(abs(shape - within) > 0.0, 0.0, 1.0)
    shape = within
    log_shape, root = logarithm(shape), math.sqrt(shape)
    place = (log_shape + root - SHAPE_PLACES[0]) * (1.0 / _SHAPE_STEP)
    cell = cell_of(place, SHAPE_NODES)
    slopes = slopes_in(place - cell)
    factor = (1.0 / shape + 0.5 / root) / _SHAPE_STEP
    ratio = jitter_ns / scale_ns
    log_ratio = logarithm(ratio)
    return Arrival(
        shape,
        scale_ns,
        inside,
        cell * _ROW,
        weights_in(place - cell),
        (slopes[0] * factor, slopes[1] * factor, slopes[2] * factor, slopes[3] * factor),
        shape * log_ratio + 0.5 * ratio * ratio - logarithm(jitter_ns),
        log_ratio,
    )


@compiled
def density_at(
    table: Float[ndarray, "coefficient"], arrival: Arrival, time_ns: float, jitter_ns: float
) -> Density:
    """Return the density at a time after that of direct light."""
    shape, per_scale = arrival.shape, 1.0 / arrival.scale_ns
    ratio = jitter_ns * per_scale
    z = time_ns / jitter_ns - ratio
    within = limited(z, LEAST_Z, MOST_Z)
    root = math.sqrt(within * within + 1.0)
    place = (inverse_sinh(within) - ASINH_Z[0]) * (1.0 / _ASINH_STEP)
    smooth, by_shape, by_place = _blended(table, arrival, place)
    below = chosen(z < LEAST_Z, z - LEAST_Z, 0.0)
    by_z = by_place / (root * _ASINH_STEP) - below
    growth = inverse_sinh(0.5 * z)
    value = (
        arrival.offset
        + (shape - 1.0) * growth
        - time_ns * per_scale
        + smooth
        + below * (by_place / (root * _ASINH_STEP))
        - 0.5 * below * below
    )
    growing = by_z + (shape - 1.0) / math.sqrt(z * z + 4.0)
    bending = (shape - 1.0) - growing * (z + growing)
    by_ratio = shape / ratio + ratio - growing - time_ns / jitter_ns
    return Density(
        value,
        growing / jitter_ns - per_scale,
        bending / (jitter_ns * jitter_ns),
        arrival.inside * (arrival.by_shape + growth + by_shape),
        -by_ratio * ratio * per_scale,
    )


@compiled
def _blended(
    table: Float[ndarray, "coefficient"], arrival: Arrival, place: float
) -> tuple[float, float, float]:
    """Return the spline of the table, its derivative by the shape, and by the place in steps."""
    column = cell_of(place, Z_NODES)
    weights, slopes = weights_in(place - column), slopes_in(place - column)
    at = arrival.row + column
    first, first_slope = _row_at(table, at, weights, slopes)
    second, second_slope = _row_at(table, at + _ROW, weights, slopes)
    third, third_slope = _row_at(table, at + 2.0 * _ROW, weights, slopes)
    fourth, fourth_slope = _row_at(table, at + 3.0 * _ROW, weights, slopes)
    return (
        _weighted(arrival.weights, first, second, third, fourth),
        _weighted(arrival.slopes, first, second, third, fourth),
        _weighted(arrival.weights, first_slope, second_slope, third_slope, fourth_slope),
    )


@compiled
def _row_at(
    table: Float[ndarray, "coefficient"], at: float, weights: Four, slopes: Four
) -> tuple[float, float]:
    """Return the spline along a row of the table, and its derivative."""
    a, b, c, d = look_four(table, at)
    return _weighted(weights, a, b, c, d), _weighted(slopes, a, b, c, d)


@compiled
def _weighted(weights: Four, a: float, b: float, c: float, d: float) -> float:
    return weights[0] * a + weights[1] * b + weights[2] * c + weights[3] * d
