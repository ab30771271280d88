"""Cubic B-splines on uniform nodes, of one or more variables, with their derivatives."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor

__all__ = ["Axis", "blended", "coefficients", "spline"]

Axis = tuple[int, tuple[Float[Tensor, "*n"], ...], tuple[Float[Tensor, "*n"], ...]]
"""Of one variable of a table: how far apart its coefficients are in memory, their weights, and these weights' slopes."""


def spline(place: Float[Tensor, "*n"], nodes: int, stride: int) -> tuple[Int[Tensor, "*n"], Axis]:
    """Return where the first of the four coefficients of a uniform cubic B-spline lies, and how the four are blended.

    Args:
        place: in steps from the first node.
        nodes: how many there are.
        stride: how far apart the coefficients are in memory.
    """
    cell = place.floor().clamp(0, nodes - 2)
    part = place - cell
    rest = 1.0 - part
    square, rest_square = part * part, rest * rest
    weights = (
        rest_square * rest / 6.0,
        2.0 / 3.0 - square * (1.0 - 0.5 * part),
        2.0 / 3.0 - rest_square * (1.0 - 0.5 * rest),
        square * part / 6.0,
    )
    slopes = (
        -0.5 * rest_square,
        part * (1.5 * part - 2.0),
        rest * (2.0 - 1.5 * rest),
        0.5 * square,
    )
    return cell.long() * stride, (stride, weights, slopes)


def blended(
    table: Float[Tensor, "coefficient"], corner: Int[Tensor, "*n"], axes: Sequence[Axis]
) -> list[Float[Tensor, "*n"]]:
    """Return the value of a product of splines, and its derivative by each variable, per step of the nodes.

    Args:
        table: coefficients, flat.
        corner: index of the first coefficient of each place: the sum of those of the variables.
        axes: of each variable.
    """
    if not axes:
        return [table.take(corner)]
    (stride, weights, slopes), *inner = axes
    slope = torch.zeros_like(weights[0])
    total = [slope] * len(axes)
    for step, (weight, by_place) in enumerate(zip(weights, slopes, strict=True)):
        parts = blended(table, corner + step * stride, inner)
        total = [torch.addcmul(old, weight, part) for old, part in zip(total, parts, strict=True)]
        slope = torch.addcmul(slope, by_place, parts[0])
    return [total[0], slope, *total[1:]]


def coefficients(values: Float[ndarray, "node *more"]) -> Float[ndarray, "coefficient *more"]:
    """Return the coefficients of the cubic spline through values at uniform nodes, with not-a-knot ends: two more than nodes."""
    count = len(values)
    matrix = np.zeros((count + 2, count + 2))
    node = np.arange(count)
    for offset, weight in enumerate((1.0 / 6.0, 4.0 / 6.0, 1.0 / 6.0)):
        matrix[node + 1, node + offset] = weight
    fifth = np.array([1.0, -4.0, 6.0, -4.0, 1.0])  # no jump of the third derivative at the second node
    matrix[0, :5] = fifth
    matrix[-1, -5:] = fifth
    right = np.concatenate([np.zeros_like(values[:1]), values, np.zeros_like(values[:1])])
    return np.linalg.solve(matrix, right.reshape(count + 2, -1)).reshape(right.shape)
