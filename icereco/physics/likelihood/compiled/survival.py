"""How probable a photo-electron is to arrive later than a time; see `icereco.physics.likelihood.survival`."""

import math
from typing import NamedTuple

from jaxtyping import Float
from numpy import ndarray

from icereco.physics.likelihood.compiled.splines import cell_of, inverse_sinh, slopes_in, weights_in
from icereco.physics.likelihood.pandel import LARGEST_SHAPE, SMALLEST_SHAPE
from icereco.physics.likelihood.survival import (
    EARLIEST,
    LARGEST_RATIO,
    LOG_RATIO,
    PLACES,
    RATIO_NODES,
    SHAPE_NODES,
    SMALLEST_RATIO,
    U_NODES,
    U_RANGE,
)
from icereco.system.machine_code import compiled

__all__ = ["Survival", "survival_at"]

_SHAPE_STEP = (PLACES[1] - PLACES[0]) / (SHAPE_NODES - 1)
_U_STEP = (U_RANGE[1] - U_RANGE[0]) / (U_NODES - 1)
_RATIO_STEP = (LOG_RATIO[1] - LOG_RATIO[0]) / (RATIO_NODES - 1)
_U_STRIDE, _SHAPE_STRIDE = RATIO_NODES + 2, (RATIO_NODES + 2) * (U_NODES + 2)


class Survival(NamedTuple):
    """The logarithm of the probability, with its derivatives by the time, the shape and the scale."""

    value: float
    by_time: float
    by_shape: float
    by_scale: float


@compiled
def survival_at(
    table: Float[ndarray, "coefficient"], shape: float, scale_ns: float, time_ns: float, jitter_ns: float
) -> Survival:
    """Return the probability at a time after that of direct light."""
    shape_inside = SMALLEST_SHAPE < shape < LARGEST_SHAPE
    shape = min(max(shape, SMALLEST_SHAPE), LARGEST_SHAPE)
    ratio = jitter_ns / scale_ns
    log_ratio = math.log(min(max(ratio, SMALLEST_RATIO), LARGEST_RATIO))
    s = max(time_ns / jitter_ns, EARLIEST)
    u = inverse_sinh(s) + log_ratio
    root = math.sqrt(shape)
    within = min(max(u, U_RANGE[0]), U_RANGE[1])
    smooth, by_place, by_u, by_ratio = _blended(table, math.log(shape) + root, within, log_ratio)
    if not U_RANGE[0] < u < U_RANGE[1]:
        by_u = 0.0
    growth = math.exp(smooth)
    hazard = 0.5 * math.erfc(-math.sqrt(0.5) * s) * growth
    by_s = math.sqrt(0.5 / math.pi) * math.exp(-0.5 * s * s) * growth + hazard * by_u / math.sqrt(s * s + 1.0)
    by_shape = hazard * by_place * (1.0 / shape + 0.5 / root) if shape_inside else 0.0
    by_scale = -hazard * (by_u + by_ratio) / scale_ns if SMALLEST_RATIO < ratio < LARGEST_RATIO else 0.0
    return Survival(-hazard, -by_s / jitter_ns, -by_shape, -by_scale)


@compiled
def _blended(
    table: Float[ndarray, "coefficient"], place: float, u: float, log_ratio: float
) -> tuple[float, float, float, float]:
    """Return the spline of the table, and its derivatives by its three arguments."""
    x, y, z = (
        (place - PLACES[0]) * (1.0 / _SHAPE_STEP),
        (u - U_RANGE[0]) * (1.0 / _U_STEP),
        (log_ratio - LOG_RATIO[0]) * (1.0 / _RATIO_STEP),
    )
    row, column, layer = int(cell_of(x, SHAPE_NODES)), int(cell_of(y, U_NODES)), int(cell_of(z, RATIO_NODES))
    x_weights, x_slopes = weights_in(x - row), slopes_in(x - row)
    y_weights, y_slopes = weights_in(y - column), slopes_in(y - column)
    z_weights, z_slopes = weights_in(z - layer), slopes_in(z - layer)
    value = by_place = by_u = by_ratio = 0.0
    for i in range(4):
        for j in range(4):
            first = (row + i) * _SHAPE_STRIDE + (column + j) * _U_STRIDE + layer
            a, b, c, d = table[first], table[first + 1], table[first + 2], table[first + 3]
            part = z_weights[0] * a + z_weights[1] * b + z_weights[2] * c + z_weights[3] * d
            value += x_weights[i] * y_weights[j] * part
            by_place += x_slopes[i] * y_weights[j] * part
            by_u += x_weights[i] * y_slopes[j] * part
            slope = z_slopes[0] * a + z_slopes[1] * b + z_slopes[2] * c + z_slopes[3] * d
            by_ratio += x_weights[i] * y_weights[j] * slope
    return value, by_place / _SHAPE_STEP, by_u / _U_STEP, by_ratio / _RATIO_STEP
