"""Monotone rational-quadratic splines of [0, 1] onto itself (Gregory and Delbourgo 1982; Durkan et al., arXiv:1906.04032).

In the bin between the knots (x₀, y₀) and (x₁, y₁) with the slopes δ₀ and δ₁ there, h = y₁ − y₀, s = h/(x₁ − x₀) and
ξ = (x − x₀)/(x₁ − x₀) from 0 to 1,

    y = y₀ + h (s ξ² + δ₀ ξ (1 − ξ)) / d,      dy/dx = s² (δ₁ ξ² + 2 s ξ (1 − ξ) + δ₀ (1 − ξ)²) / d²
    d = s + (δ₀ + δ₁ − 2 s) ξ (1 − ξ)
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from icereco_losses.sphere import limited

__all__ = ["Image", "Spline", "circular", "count", "spline"]


@dataclass(frozen=True, slots=True)
class Image:
    """Where a spline takes points: the factors of x and of 1 − x, which keep their digits at both ends, and log dy/dx."""

    low: Float[Tensor, "event point"]
    high: Float[Tensor, "event point"]
    log_slope: Float[Tensor, "event point"]


@dataclass(frozen=True, slots=True)
class Spline:
    """Knots of splines, one for each event, or for each of its points.

    Attributes:
        x, y, slope: `[E, 1, K + 1]` or `[E, N, K + 1]`; x and y from 0 to 1.
    """

    x: Float[Tensor, "event #point knot"]
    y: Float[Tensor, "event #point knot"]
    slope: Float[Tensor, "event #point knot"]

    def image(self, low: Float[Tensor, "event point"], high: Float[Tensor, "event point"]) -> Image:
        """Where points go, given x and 1 − x of each."""
        index = (low[..., None] >= self.x[..., 1:-1]).sum(-1)
        return self._image(low, high, index)

    def inverse(self, low: Float[Tensor, "event point"], high: Float[Tensor, "event point"]) -> Image:
        """The image of the points that a spline takes to given ones, of which y and 1 − y are given."""
        index = (low[..., None] >= self.y[..., 1:-1]).sum(-1)
        x0, x1, y0, y1, first, last = self._bin(index)
        # From the upper end in the last bin, as `_image`.
        above = index == self.x.shape[-1] - 2
        rise, near, far = (torch.where(above, high - (1 - y1), low - y0), *_exchanged(above, first, last))
        secant = (y1 - y0) / (x1 - x0)
        bend = near + far - 2 * secant
        a = (y1 - y0) * (secant - near) + rise * bend
        b = (y1 - y0) * near - rise * bend
        root = (b.square() + 4 * a * secant * rise).clamp(min=0).sqrt()
        step = (2 * secant * rise / (b + root)).clamp(0, 1) * (x1 - x0)
        x = torch.where(above, x1 - step, x0 + step)
        return self._image(x, torch.where(above, 1 - x1 + step, 1 - x), index)

    def _bin(self, index: Int[Tensor, "event point"]) -> tuple[Float[Tensor, "event point"], ...]:
        """The knots on both sides, x, y and slope."""
        sides = (index[..., None], index[..., None] + 1)
        return tuple(
            torch.take_along_dim(knots, side, -1)[..., 0]
            for knots in (self.x, self.y, self.slope)
            for side in sides
        )

    def _image(
        self,
        low: Float[Tensor, "event point"],
        high: Float[Tensor, "event point"],
        index: Int[Tensor, "event point"],
    ) -> Image:
        x0, x1, y0, y1, first, last = self._bin(index)
        width, height = x1 - x0, y1 - y0
        in_first, in_last = index == 0, index == self.x.shape[-1] - 2
        # Measured from the nearer end of [0, 1], where the differences of points near it would lose their digits.
        after = torch.where(in_last, (1 - high - x0) / width, (low - x0) / width)
        before = torch.where(in_last, high / width, (x1 - low) / width)
        secant = height / width
        both = after * before
        scale = secant + (first + last - 2 * secant) * both
        up, down = (secant * after + first * before) / scale, (secant * before + last * after) / scale
        return Image(
            torch.where(in_first, secant * up, (y0 + height * after * up) / torch.where(in_first, 1.0, low)),
            torch.where(
                in_last, secant * down, (1 - y1 + height * before * down) / torch.where(in_last, 1.0, high)
            ),
            2 * (secant / scale).log()
            + (last * after.square() + 2 * secant * both + first * before.square()).log(),
        )


def _exchanged(
    where: Bool[Tensor, "event point"],
    first: Float[Tensor, "event point"],
    second: Float[Tensor, "event point"],
) -> tuple[Float[Tensor, "event point"], Float[Tensor, "event point"]]:
    return torch.where(where, second, first), torch.where(where, first, second)


def count(bins: int) -> int:
    """How many numbers give a spline of [0, 1]; one fewer give a circular one."""
    return 3 * bins + 1


def spline(numbers: Float[Tensor, "event #point number"], steepest: float) -> Spline:
    """Make splines of logarithms of widths, heights and slopes; all zero is the identity.

    Args:
        numbers: `3 K + 1` of each spline.
        steepest: bound on the norms of the three vectors of logarithms.
    """
    bins = numbers.shape[-1] // 3
    widths, heights, slopes = numbers.split([bins, bins, numbers.shape[-1] - 2 * bins], -1)
    return Spline(_edges(widths, steepest), _edges(heights, steepest), limited(slopes, steepest).exp())


def circular(numbers: Float[Tensor, "event #point number"], steepest: float) -> Spline:
    """Make splines whose ends meet with the same slope, of `3 K` numbers each."""
    bins = numbers.shape[-1] // 3
    return spline(torch.cat([numbers, numbers[..., 2 * bins : 2 * bins + 1]], -1), steepest)


def _edges(
    logarithms: Float[Tensor, "event #point bin"], steepest: float
) -> Float[Tensor, "event #point knot"]:
    """Knots from 0 to 1, exactly at both ends."""
    inner = torch.softmax(limited(logarithms, steepest), -1).cumsum(-1)[..., :-1]
    return torch.nn.functional.pad(torch.nn.functional.pad(inner, (1, 0)), (0, 1), value=1.0)
