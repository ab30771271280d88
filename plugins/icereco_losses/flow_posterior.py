"""Normalizing flows on the sphere as a posterior."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from icereco.events.vmf_mixture import VmfMixture, unit
from icereco.physics.vmf import concentration
from icereco_losses.flow import Flow
from icereco_losses.vmf_fit import fitted

__all__ = ["FlowPosterior"]

_POINTS = 256
"""Points of the base, spread evenly, by which integrals over a density are computed."""

_AT_ONCE = 1 << 18
"""Points that are mapped at once, to bound memory."""

_STARTS, _FIRST_STEP, _SHORTER, _STEPS = 3, 0.15, 0.65, 12
"""The search of a mode: how many of the highest points it starts from, the length of its first steps in the base, how much
shorter the next are, and their number."""


@dataclass(frozen=True, eq=False)
class FlowPosterior:
    """A `Posterior`: what flows make of a uniform density, for each of `E` events.

    Attributes:
        outputs: `[E, output]` of the model, float64.
        flow: makes flows of outputs.
    """

    outputs: Float[Tensor, "event output"]
    flow: Callable[[Tensor], Flow]

    def __len__(self) -> int:
        return len(self.outputs)

    @property
    def base(self) -> Float[Tensor, "event point 3"]:
        """Points spread evenly over the base, the same for each event."""
        return self.outputs.new_tensor(_even_directions(_POINTS)).expand(len(self), -1, -1)

    @cached_property
    def mode_base(self) -> Float[Tensor, "event 1 3"]:
        """The point of the base that stands for the mode: from the highest of the even points, by ever shorter steps."""
        height = self.outputs.new_tensor(self._sampled[1])
        if not len(self):
            return self.base[:, :1]
        highest = height.topk(_STARTS, 1).indices
        place = torch.take_along_dim(self.base, highest[..., None], 1)
        for number in range(_STEPS):
            place, height = self._climbed(place, _FIRST_STEP * _SHORTER**number)
            if number == _STEPS // 2:
                place = torch.take_along_dim(place, height.argmax(1)[:, None, None], 1)
        return place

    def _climbed(
        self, place: Float[Tensor, "event start 3"], step: float
    ) -> tuple[Float[Tensor, "event start 3"], Float[Tensor, "event start"]]:
        """The highest of each point and those a step to six sides of it."""
        sides = torch.cat([torch.zeros(1, 3), torch.eye(3), -torch.eye(3)]).to(place)
        near = torch.nn.functional.normalize(place[:, :, None] + step * sides, dim=-1)
        height = self._mapped(near.flatten(1, 2))[1].unflatten(1, near.shape[1:3])
        best = height.argmax(2, keepdim=True)
        chosen = torch.take_along_dim(near, best[..., None], 2)[:, :, 0]
        return chosen, torch.take_along_dim(height, best, 2)[..., 0]

    @cached_property
    def mode(self) -> Float[ndarray, "event 3"]:
        """See `Posterior`."""
        return self._mapped(self.mode_base)[0].cpu().numpy()[:, 0]

    @property
    def centre(self) -> Float[ndarray, "event 3"]:
        """The direction of the mean unit vector of each density."""
        return unit(self._sampled[0].mean(1))

    @property
    def kappa(self) -> Float[ndarray, "event"]:
        """See `Posterior`."""
        return concentration((self._sampled[0].mean(1) * self.mode).sum(-1))

    def log_density(self, directions: Float[ndarray, "event point 3"]) -> Float[ndarray, "event point"]:
        """See `Posterior`."""
        points = self.outputs.new_tensor(np.ascontiguousarray(directions))
        parts = [
            self.flow(self.outputs[part]).log_density(points[part]) for part in self._parts(points.shape[1])
        ]
        return torch.cat(parts).cpu().numpy() if parts else np.empty(directions.shape[:2])

    def contour_level(self, probability: float) -> Float[ndarray, "event"]:
        """See `Posterior`."""
        return np.asarray(np.quantile(self._sampled[1], 1.0 - probability, axis=1))

    def content(self, direction: Float[ndarray, "event 3"]) -> Float[ndarray, "event"]:
        """See `Posterior`; to about 0.5 %."""
        here = self.log_density(direction[:, None])
        return np.where(np.isfinite(here[:, 0]), (self._sampled[1] > here).mean(1), np.nan)

    def sample(self, count: int, seed: int = 0) -> Float[ndarray, "event sample 3"]:
        """See `Posterior`."""
        normal = np.random.default_rng(seed).standard_normal((len(self), count, 3))
        return self._mapped(self.outputs.new_tensor(unit(normal)))[0].cpu().numpy()

    def as_mixture(self) -> VmfMixture:
        """Convert to the mixture of the highest likelihood for evenly spread samples."""
        return fitted(self._sampled[0], self.mode)

    @cached_property
    def _sampled(self) -> tuple[Float[ndarray, "event point 3"], Float[ndarray, "event point"]]:
        points, height = self._mapped(self.base)
        return points.cpu().numpy(), height.cpu().numpy()

    def _mapped(
        self, base: Float[Tensor, "event point 3"]
    ) -> tuple[Float[Tensor, "event point 3"], Float[Tensor, "event point"]]:
        """Directions that points of the base stand for, and log densities there, to the digits of float32."""
        parts = [self.flow(self.outputs[part]).from_base(base[part]) for part in self._parts(base.shape[1])]
        if not parts:
            return base, base[..., 0]
        points, height = zip(*parts, strict=True)
        return torch.nn.functional.normalize(torch.cat(points).double(), dim=-1), torch.cat(height).double()

    def _parts(self, points: int) -> list[slice]:
        """Events, as many at once as memory allows."""
        rows = max(_AT_ONCE // max(points, 1), 1)
        return [slice(start, start + rows) for start in range(0, len(self), rows)]


def _even_directions(count: int) -> Float[ndarray, "point 3"]:
    """A spiral of points with equal areas (González, Math. Geosci. 42 (2010) 49)."""
    height = 1 - (2 * np.arange(count) + 1) / count
    turn = np.arange(count) * np.pi * (3 - np.sqrt(5))
    sine = np.sqrt(1 - height**2)
    return np.stack([sine * np.cos(turn), sine * np.sin(turn), height], -1)
