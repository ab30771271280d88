"""Cubic B-splines on uniform nodes; see `icereco.physics.likelihood.splines`."""

import math

from icereco.physics.likelihood.compiled.elementary import logarithm
from icereco.physics.likelihood.compiled.lanes import chosen, floored
from icereco.system.machine_code import compiled

__all__ = ["Four", "cell_of", "inverse_sinh", "limited", "slopes_in", "weights_in"]

Four = tuple[float, float, float, float]


@compiled
def limited(number: float, least: float, most: float) -> float:
    """The nearest number in a range; its lower end for what is not a number."""
    number = chosen(number > least, number, least)
    return chosen(number < most, number, most)


@compiled
def cell_of(place: float, nodes: int) -> float:
    """The cell of a place in steps from the first node."""
    return floored(limited(place, 0.0, nodes - 2.0))


@compiled
def weights_in(part: float) -> Four:
    """The weights of the four coefficients at a part of a cell."""
    rest = 1.0 - part
    square, rest_square = part * part, rest * rest
    return (
        rest_square * rest * (1.0 / 6.0),
        2.0 / 3.0 - square * (1.0 - 0.5 * part),
        2.0 / 3.0 - rest_square * (1.0 - 0.5 * rest),
        square * part * (1.0 / 6.0),
    )


@compiled
def slopes_in(part: float) -> Four:
    """The derivatives of the weights, per step of the nodes."""
    rest = 1.0 - part
    return -0.5 * rest * rest, part * (1.5 * part - 2.0), rest * (2.0 - 1.5 * rest), 0.5 * part * part


@compiled
def inverse_sinh(x: float) -> float:
    """asinh, to an absolute precision of 1e-15."""
    size = abs(x)
    above = logarithm(size + math.sqrt(size * size + 1.0))
    return chosen(x < 0.0, -above, above)
