"""Normalizing flows of the sphere onto itself: smooth invertible maps, each with the logarithm of its factor of area.

Flows on spheres by splines of heights and azimuths: Rezende et al., arXiv:2002.02428. Here each map is continuous with its
factor of area at the poles of its axis too, so that densities are continuous all over the sphere.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from icereco_losses.sphere import safe_norm, unit
from icereco_losses.spline import Image, Spline, circular

__all__ = ["Boost", "Flow", "Layer", "Stretch", "Turn", "Twist"]

Mapped = tuple[Float[Tensor, "event point 3"], Float[Tensor, "event point"]]
"""Points, and the logarithm of the factor by which areas around them grew."""

_SLOW = 0.1
"""Below this |u| a boost is computed without its direction, which has no gradient at zero."""


@runtime_checkable
class Layer(Protocol):
    """An invertible map of the sphere, one for each event."""

    def forward(self, points: Float[Tensor, "event point 3"]) -> Mapped:
        """Map points towards the base, where the density is uniform."""
        ...

    def inverse(self, points: Float[Tensor, "event point 3"]) -> Mapped:
        """Map points back; the factor of area is that of the map back."""
        ...


@dataclass(frozen=True, slots=True)
class Flow:
    """Densities: what a uniform one becomes through layers, the first of which is nearest to the data."""

    layers: Sequence[Layer]

    def log_density(self, points: Float[Tensor, "event point 3"]) -> Float[Tensor, "event point"]:
        """Log density per steradian at directions."""
        total = points.new_full(points.shape[:2], -math.log(4 * math.pi))
        for layer in self.layers:
            points, grown = layer.forward(points)
            total = total + grown
        return total

    def from_base(self, points: Float[Tensor, "event point 3"]) -> Mapped:
        """Directions that points of the base stand for, and their log densities: of uniform points, samples."""
        total = points.new_full(points.shape[:2], -math.log(4 * math.pi))
        for layer in reversed(self.layers):
            points, grown = layer.inverse(points)
            total = total - grown
        return points, total


@dataclass(frozen=True, slots=True)
class Boost:
    """The aberration of light: the sky as seen by who moves with the four-velocity (γ, u), γ² = 1 + |u|².

    It is the conformal map that widens the surroundings of u/|u| by γ + |u| and shrinks those of the antipode as much; a
    uniform density becomes the spherical Cauchy density (Kato and McCullagh 2020) 1/(4π (γ − u·x)²), whose peaks
    may be as sharp as one likes and whose tails are not those of a Gaussian.
    """

    velocity: Float[Tensor, "event 3"]

    def forward(self, points: Float[Tensor, "event point 3"]) -> Mapped:
        """See `Layer`."""
        return self._seen(points, 1.0)

    def inverse(self, points: Float[Tensor, "event point 3"]) -> Mapped:
        """See `Layer`."""
        return self._seen(points, -1.0)

    def _seen(self, points: Float[Tensor, "event point 3"], sign: float) -> Mapped:
        """As seen with the velocity or with its opposite."""
        speed = safe_norm(self.velocity)[:, None]
        gamma = (1 + speed.square()).sqrt()
        slow = speed < _SLOW
        pulse = torch.where(
            slow[..., None], self._slow(points, gamma, sign), self._fast(points, speed, gamma, sign)
        )
        energy = safe_norm(pulse)
        return pulse / energy[..., None], -2 * energy.log()

    def _slow(
        self, points: Float[Tensor, "event point 3"], gamma: Float[Tensor, "event 1"], sign: float
    ) -> Float[Tensor, "event point 3"]:
        """The momentum of light that was of unit energy, x − u (1 − u·x/(γ + 1)) for a positive sign."""
        velocity = sign * self.velocity[:, None]
        along = (velocity * points).sum(-1)
        return points - velocity * (1 - along / (gamma + 1))[..., None]

    def _fast(
        self,
        points: Float[Tensor, "event point 3"],
        speed: Float[Tensor, "event 1"],
        gamma: Float[Tensor, "event 1"],
        sign: float,
    ) -> Float[Tensor, "event point 3"]:
        """The same by differences from the direction of the velocity, which keep their digits near a sharp peak."""
        mean = unit(torch.where(speed < _SLOW, 0.0, self.velocity))[:, None]
        away = points - mean
        drop = away.square().sum(-1) / 2
        return away + ((gamma + speed) ** -sign - (gamma - 1) * drop)[..., None] * mean


@dataclass(frozen=True, slots=True)
class Turn:
    """The rotation by the quaternion (1, a), after the axes have changed places: smooth in a, which is zero for no rotation."""

    axis: Float[Tensor, "event 3"]

    def forward(self, points: Float[Tensor, "event point 3"]) -> Mapped:
        """See `Layer`."""
        return self._rotated(points.roll(1, -1), self.axis), points.new_zeros(points.shape[:2])

    def inverse(self, points: Float[Tensor, "event point 3"]) -> Mapped:
        """See `Layer`."""
        return self._rotated(points, -self.axis).roll(-1, -1), points.new_zeros(points.shape[:2])

    @staticmethod
    def _rotated(
        points: Float[Tensor, "event point 3"], axis: Float[Tensor, "event 3"]
    ) -> Float[Tensor, "event point 3"]:
        axis = axis[:, None].expand_as(points)
        across = torch.linalg.cross(axis, points, dim=-1)
        twice = across + torch.linalg.cross(axis, across, dim=-1)
        turned: Tensor = points + 2 * twice / (1 + axis.square().sum(-1, keepdim=True))
        return turned


@dataclass(frozen=True, slots=True)
class Stretch:
    """A spline of the height z along an axis, of (1 − z)/2, at equal azimuth; areas grow as the spline is steep."""

    axis: Float[Tensor, "event 3"]
    spline: Spline

    def forward(self, points: Float[Tensor, "event point 3"]) -> Mapped:
        """See `Layer`."""
        low, high = self._heights(points)
        image = self.spline.image(low, high)
        moved = self._moved(points, low, high, image.low, image.high)
        return moved, image.log_slope

    def inverse(self, points: Float[Tensor, "event point 3"]) -> Mapped:
        """See `Layer`."""
        low, high = self._heights(points)
        image = self.spline.inverse(low, high)
        return self._moved(points, low, high, 1 / image.low, 1 / image.high), -image.log_slope

    def _heights(
        self, points: Float[Tensor, "event point 3"]
    ) -> tuple[Float[Tensor, "event point"], Float[Tensor, "event point"]]:
        """(1 − z)/2 and (1 + z)/2, as squares of the distances from the poles."""
        axis = self.axis[:, None]
        return (points - axis).square().sum(-1) / 4, (points + axis).square().sum(-1) / 4

    def _moved(
        self,
        points: Float[Tensor, "event point 3"],
        low: Float[Tensor, "event point"],
        high: Float[Tensor, "event point"],
        by_low: Float[Tensor, "event point"],
        by_high: Float[Tensor, "event point"],
    ) -> Float[Tensor, "event point 3"]:
        """Points whose (1 − z)/2 and (1 + z)/2 are multiplied by factors."""
        axis = self.axis[:, None]
        upper = (low < high)[..., None]
        nearer = torch.where(upper, points - axis, points + axis)
        across = nearer + torch.where(upper, 2 * low[..., None], -2 * high[..., None]) * axis
        height = high * by_high - low * by_low
        return height[..., None] * axis + (by_low * by_high).sqrt()[..., None] * across


@dataclass(frozen=True, slots=True)
class Twist:
    """A circular spline of the azimuth around the third axis, another at each height, and none at the poles.

    Attributes:
        numbers: `[E, 2, 3 K]`, of the splines at the equator, and how they change with z.
        steepest: see `icereco_losses.spline.spline`.
    """

    numbers: Float[Tensor, "event 2 number"]
    steepest: float

    def forward(self, points: Float[Tensor, "event point 3"]) -> Mapped:
        """See `Layer`."""
        turn = self._turn(points)
        image = self._spline(points).image(turn, 1 - turn)
        return self._moved(points, (image.low - 1) * turn), image.log_slope

    def inverse(self, points: Float[Tensor, "event point 3"]) -> Mapped:
        """See `Layer`."""
        turn = self._turn(points)
        image: Image = self._spline(points).inverse(turn, 1 - turn)
        return self._moved(points, (1 / image.low - 1) * turn), -image.log_slope

    def _spline(self, points: Float[Tensor, "event point 3"]) -> Spline:
        height = points[..., 2:]
        strength = points[..., :2].square().sum(-1, keepdim=True)
        return circular(
            strength * (self.numbers[:, None, 0] + height * self.numbers[:, None, 1]), self.steepest
        )

    @staticmethod
    def _turn(points: Float[Tensor, "event point 3"]) -> Float[Tensor, "event point"]:
        """The azimuth in turns, from 0 to 1; 0 at the poles."""
        x, y = points[..., 0], points[..., 1]
        pole = x.square() + y.square() < torch.finfo(points.dtype).tiny
        azimuth = torch.atan2(torch.where(pole, 0.0, y), torch.where(pole, 1.0, x)) / (2 * math.pi)
        return torch.where(azimuth < 0, azimuth + 1, azimuth)

    @staticmethod
    def _moved(
        points: Float[Tensor, "event point 3"], turn: Float[Tensor, "event point"]
    ) -> Float[Tensor, "event point 3"]:
        """Points turned around the third axis."""
        cosine, sine = (2 * math.pi * turn).cos(), (2 * math.pi * turn).sin()
        x, y, z = points.unbind(-1)
        return torch.stack([cosine * x - sine * y, sine * x + cosine * y, z], -1)
