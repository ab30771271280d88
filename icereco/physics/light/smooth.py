"""Elementary functions without the corners and poles at which gradients end."""

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["dot", "logistic_step", "softened_root", "tanh"]


def dot(first: Float[Tensor, "n 3"], second: Float[Tensor, "n 3"]) -> Float[Tensor, "n"]:
    """Return scalar products, several times faster than a sum over an axis of three."""
    products = (a * b for a, b in zip(first.unbind(1), second.unbind(1), strict=True))
    return next(products) + next(products) + next(products)


def logistic_step(value: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """1 / (1 + e^−x); torch's own depends in the last digits on the other elements of the tensor."""
    return 1.0 / (1.0 + torch.exp(-value.clamp(min=-80.0)))


def softened_root(square: Float[Tensor, "*n"], least: float) -> Float[Tensor, "*n"]:
    """The square root above `least`, and below it the parabola that continues it, down to half of `least`."""
    root = square.clamp(min=least**2).sqrt()
    return torch.where(square < least**2, square * (0.5 / least) + 0.5 * least, root)


def tanh(value: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """Return the hyperbolic tangent of non-negative values, twice as fast as torch's own."""
    fall = torch.expm1(-2.0 * value)
    return -fall / (2.0 + fall)
