"""Mixtures of von Mises-Fisher densities: the posterior of most methods, and the form in which files store every posterior."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from icereco.physics.sphere import opening_angle, tangents
from icereco.physics.vmf import (
    SMALLEST_KAPPA,
    concentration,
    log_peak,
    mean_cosine,
    probability_inside,
    vmf_cosine_drop,
)

__all__ = ["VmfMixture", "unit"]

_CLIMBS = 30
_CONVERGED = 1e-6
_LIKELY, _STARTS = 32, 4
"""Components with the highest peaks, near which a mode may lie, and how many of them start a search for it."""

_POINTS = 1024
"""Points that sample a mixture where an integral over it has no closed form: probabilities to about 0.2 %."""

_NO_WEIGHT = 1e-300
"""Replaces a weight of 0 before its logarithm is taken."""

_HALVINGS = 50
"""Of the interval in which the radius of a round density lies: to the last digits."""

_MOST_TERMS = 1 << 22
"""Densities (events × points × components) evaluated at once, to bound memory."""

_MOST_CLIMBING = 1 << 17
"""Likewise while modes are sought, which takes many steps over the same numbers: they stay within caches."""


@dataclass(frozen=True, eq=False)
class VmfMixture:
    """A `Posterior`: Σ w C(κ) e^(κ μ·x) for each of `E` events, with `K` components, some of which may have weight 0.

    Attributes:
        weight: `[E, K]`, normalised to a sum of one.
        mean: `[E, K, 3]` unit vectors; NaN for an event without a density.
        concentration: `[E, K]` κ of each component; NaN for an event without a density.

    Components that all events share (cells of the sphere) are best given as views of one row (`numpy.broadcast_to`).
    """

    weight: Float[ndarray, "event component"]
    mean: Float[ndarray, "event component 3"]
    concentration: Float[ndarray, "event component"]

    @classmethod
    def single(cls, direction: Float[ndarray, "event 3"], kappa: Float[ndarray, "event"]) -> "VmfMixture":
        """Make a mixture with a single density for each event.

        >>> float(VmfMixture.single(np.array([[0.0, 0.0, 1.0]]), np.array([100.0])).kappa[0])
        100.0
        """
        return cls(np.ones((len(kappa), 1)), direction[:, None], kappa[:, None])

    @classmethod
    def joined(cls, parts: Sequence["VmfMixture"]) -> "VmfMixture":
        """Concatenate the events of several mixtures."""
        count = max(part.weight.shape[1] for part in parts)
        wide = [part.widened(count) for part in parts]
        return cls(
            np.concatenate([part.weight for part in wide]),
            np.concatenate([part.mean for part in wide]),
            np.concatenate([part.concentration for part in wide]),
        )

    @classmethod
    def of_common(
        cls,
        weight: Float[ndarray, "event component"],
        mean: Float[ndarray, "component 3"],
        concentration: Float[ndarray, "component"],
    ) -> "VmfMixture":
        """Make a mixture of components that all events share."""
        return cls(
            weight, np.broadcast_to(mean, (*weight.shape, 3)), np.broadcast_to(concentration, weight.shape)
        )

    def __len__(self) -> int:
        return len(self.weight)

    @property
    def common(self) -> tuple[Float[ndarray, "component 3"], Float[ndarray, "component"]] | None:
        """Means and concentrations that all events share, where they are views of one row; else None."""
        if len(self) and self.mean.strides[0] == self.concentration.strides[0] == 0:
            return self.mean[0], self.concentration[0]
        return None

    def take(self, rows: Int[ndarray, "row"]) -> "VmfMixture":
        """Select events by row, in the given order; −1 gives an event without a density."""
        if not len(self):
            nothing = np.full((len(rows), max(self.weight.shape[1], 1)), np.nan)
            return VmfMixture(np.ones_like(nothing), np.repeat(nothing[..., None], 3, -1), nothing)
        absent = (rows < 0)[:, None]
        if self.common is not None and not absent.any():
            return VmfMixture.of_common(self.weight[rows], *self.common)
        return VmfMixture(
            self.weight[rows],
            np.where(absent[..., None], np.nan, self.mean[rows]),
            np.where(absent, np.nan, self.concentration[rows]),
        )

    @cached_property
    def mode(self) -> Float[ndarray, "event 3"]:
        """The maximum of each density; see `Posterior`.

        Found by climbing from several starting points. A step goes to the direction of Σ w p(x) κ μ, of which a mode is a
        fixed point (mean shift on the sphere, Kobayashi and Otsu 2010); the density never decreases.
        """
        return self._by_shape(lambda part: part.mean[:, 0], lambda part: part._highest())

    def _highest(self) -> Float[ndarray, "event 3"]:
        """Climb to the mode."""
        places = self._starts()
        rows = max(_MOST_CLIMBING // places.shape[1] // self.weight.shape[1], 1)
        for start in range(0, len(self), rows):
            self._part(start, rows)._climb_from(places[start : start + rows])
        best = np.argmax(self.log_density(places), axis=1)
        return np.asarray(places[np.arange(len(self)), best])

    def _climb_from(self, places: Float[ndarray, "event start 3"]) -> None:
        """Climb in place; each event until it has arrived."""
        moving = np.arange(len(self))
        for _ in range(_CLIMBS):
            before = places[moving]
            places[moving] = self.take(moving)._climb(before)
            moving = moving[(np.abs(places[moving] - before) > _CONVERGED).any(axis=(1, 2))]
            if not len(moving):
                break

    def _starts(self) -> Float[ndarray, "event start 3"]:
        """Return the starting points of climbs: means of components where the whole density is highest, and the overall mean."""
        row = np.arange(len(self))[:, None]
        if self.common is not None:
            likely, height = self.mean, self.weight @ self._densities_at_means().T
        else:
            likely = self.mean[row, np.argsort(-self._peaks(), axis=1)[:, :_LIKELY]]
            height = self.log_density(likely)
        chosen = likely[row, np.argsort(-height, axis=1)[:, :_STARTS]]
        return np.concatenate([chosen, unit(self._resultant())[:, None]], 1)

    def _densities_at_means(self) -> Float[ndarray, "place component"]:
        """Return the density of each component at the mean of each, one table for events that share their components."""
        mean, kappa = self.mean[0], self.concentration[0]
        return np.asarray(np.exp(log_peak(kappa) + kappa * (mean @ mean.T - 1.0)))

    @property
    def kappa(self) -> Float[ndarray, "event"]:
        """κ of the single density with the same mean cosine to the mode; see `Posterior`."""
        if self.weight.shape[1] == 1:
            return self.concentration[:, 0]
        return concentration((self._resultant() * self.mode).sum(-1))

    def log_density(self, directions: Float[ndarray, "event point 3"]) -> Float[ndarray, "event point"]:
        """See `Posterior`."""
        rows = max(_MOST_TERMS // max(directions.shape[1] * self.weight.shape[1], 1), 1)
        parts = [
            self._part(start, rows)._log_density(directions[start : start + rows])
            for start in range(0, len(self), rows)
        ]
        return np.concatenate(parts) if parts else np.empty(directions.shape[:2])

    def contour_level(self, probability: float) -> Float[ndarray, "event"]:
        """See `Posterior`."""
        return self._by_shape(
            lambda part: part._log_density_away(part.drop_holding(probability)),
            lambda part: np.quantile(part._point_densities(), 1.0 - probability, axis=1),
        )

    def content(self, direction: Float[ndarray, "event 3"]) -> Float[ndarray, "event"]:
        """See `Posterior`; exact for a density that is round, to about 0.2 % for others."""
        return self._by_shape(
            lambda part, to: part._within(opening_angle(part.mean[:, 0], to)),
            lambda part, to: part._content_by_points(to),
            direction,
        )

    def _content_by_points(self, direction: Float[ndarray, "event 3"]) -> Float[ndarray, "event"]:
        here = self.log_density(direction[:, None])
        above = (self._point_densities() > here).mean(1)
        return np.where(np.isfinite(here[:, 0]), above, np.nan)

    @cached_property
    def is_round(self) -> Bool[ndarray, "event"]:
        """Which densities depend on the angle to one direction alone, as all their components are around it."""
        mean = self.mean[:1] if self.mean.strides[0] == 0 else self.mean
        same = (mean == mean[:, :1]).all((1, 2)) | ~np.isfinite(mean).all((1, 2))
        return np.broadcast_to(same, (len(self),))

    def _by_shape(
        self,
        of_round: Callable[..., ndarray],
        of_others: Callable[..., ndarray],
        *columns: Float[ndarray, "event *more"],
    ) -> ndarray:
        """Compute something of each event in one way for round densities, and in another for all others."""
        if self.is_round.all():
            return of_round(self, *columns)
        if not self.is_round.any():
            return of_others(self, *columns)
        rows = [np.flatnonzero(self.is_round), np.flatnonzero(~self.is_round)]
        parts = [
            of(self.take(chosen), *(column[chosen] for column in columns))
            for of, chosen in zip((of_round, of_others), rows, strict=True)
        ]
        joined: ndarray = np.concatenate(parts)[np.argsort(np.concatenate(rows))]
        return joined

    def _within(self, angle_rad: Float[ndarray, "event"]) -> Float[ndarray, "event"]:
        """Return the probability within an angle of the mean direction of round densities."""
        angles = np.broadcast_to(angle_rad[:, None], self.concentration.shape)
        inside = probability_inside(angles, self.concentration)
        return np.asarray((self.weight * inside).sum(1))

    def drop_holding(self, probability: float) -> Float[ndarray, "event"]:
        """Return 1 − cos a of the angle a around the mean that holds a probability, of densities that are all round."""
        drops = vmf_cosine_drop(np.float64(probability), self.concentration)
        if self.weight.shape[1] == 1:
            return drops[:, 0]
        log_drop = np.log(np.maximum(drops, _NO_WEIGHT))
        low, high = log_drop.min(1), log_drop.max(1)
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            inside = -np.expm1(-self.concentration * np.exp(middle)[:, None])
            inside /= -np.expm1(-2.0 * np.maximum(self.concentration, SMALLEST_KAPPA))
            enough = (self.weight * inside).sum(1) > probability
            low, high = np.where(enough, low, middle), np.where(enough, middle, high)
        alone = (self.weight > 0).sum(1) == 1
        of_one = drops[np.arange(len(self)), self.weight.argmax(1)]
        return np.asarray(np.where(alone, of_one, np.exp(0.5 * (low + high))))

    def _log_density_away(self, drop: Float[ndarray, "event"]) -> Float[ndarray, "event"]:
        """Return the log density of round densities at 1 − cos a from their mean direction."""
        return np.asarray(np.logaddexp.reduce(self._peaks() - self.concentration * drop[:, None], axis=1))

    def sample(self, count: int, seed: int = 0) -> Float[ndarray, "event sample 3"]:
        """See `Posterior`."""
        uniform = np.random.default_rng(seed).random((len(self), count, 3))
        return self._points(uniform)

    def as_mixture(self) -> "VmfMixture":
        """Itself."""
        return self

    def widened(self, count: int) -> "VmfMixture":
        """Pad with components of weight 0 up to `count`."""
        more = count - self.weight.shape[1]
        if not more:
            return self
        first_mean, first_kappa = self.mean[:, :1], self.concentration[:, :1]
        return VmfMixture(
            np.concatenate([self.weight, np.zeros((len(self), more))], 1),
            np.concatenate([self.mean, np.repeat(first_mean, more, 1)], 1),
            np.concatenate([self.concentration, np.repeat(first_kappa, more, 1)], 1),
        )

    def mixed(self, other: "VmfMixture", share: float) -> "VmfMixture":
        """Mix with another mixture of the same events, which has a share between 0 and 1.

        >>> up, down = np.array([[0.0, 0.0, 1.0]]), np.array([[0.0, 0.0, -1.0]])
        >>> one, other = VmfMixture.single(up, np.array([9.0])), VmfMixture.single(down, np.array([9.0]))
        >>> one.mixed(other, 0.25).weight
        array([[0.75, 0.25]])
        """
        return VmfMixture(
            np.concatenate([(1.0 - share) * self.weight, share * other.weight], 1),
            np.concatenate([self.mean, other.mean], 1),
            np.concatenate([self.concentration, other.concentration], 1),
        )

    def pruned(self, kept: float = 0.999) -> "VmfMixture":
        """Drop the lightest components: keep the fewest that hold a fraction `kept` of the weight of every event.

        Components that events share stay in their order, the dropped ones with weight 0; others come the heaviest first.
        """
        order = np.argsort(-self.weight, axis=1, kind="stable")
        weight = np.take_along_axis(self.weight, order, 1)
        before = np.cumsum(weight, axis=1) - weight
        weight = np.where(before < kept, weight, 0.0)
        if self.common is not None and self.weight.shape[1] > 1:
            whole = np.empty_like(weight)
            np.put_along_axis(whole, order, weight / weight.sum(1, keepdims=True), 1)
            return VmfMixture.of_common(whole, *self.common)
        count = max(int((weight > 0).sum(1).max(initial=1)), 1)
        order = order[:, :count]
        return VmfMixture(
            weight[:, :count] / weight.sum(1, keepdims=True),
            np.take_along_axis(self.mean, order[..., None], 1),
            np.take_along_axis(self.concentration, order, 1),
        )

    def _resultant(self) -> Float[ndarray, "event 3"]:
        """The mean of the unit vectors of each density."""
        length = self.weight * mean_cosine(self.concentration)
        return np.asarray((length[..., None] * self.mean).sum(1))

    def _climb(self, directions: Float[ndarray, "event start 3"]) -> Float[ndarray, "event start 3"]:
        mean = self.mean if self.common is None else self.mean[0]  # one product instead of one for each event
        terms = directions @ mean.swapaxes(-1, -2) - 1.0
        terms *= self.concentration[:, None]
        terms += self._peaks()[:, None]
        terms -= terms.max(-1, keepdims=True)
        share = np.exp(terms, out=terms)
        share *= self.concentration[:, None]
        return unit(share @ mean)

    def _part(self, start: int, rows: int) -> "VmfMixture":
        """Return `rows` events from `start` on."""
        part = slice(start, start + rows)
        return VmfMixture(self.weight[part], self.mean[part], self.concentration[part])

    def _peaks(self) -> Float[ndarray, "event component"]:
        """Return the log of each weighted component at its own mean."""
        return np.asarray(np.log(np.maximum(self.weight, _NO_WEIGHT)) + log_peak(self.concentration))

    def _log_density(self, directions: Float[ndarray, "event point 3"]) -> Float[ndarray, "event point"]:
        terms = directions @ self.mean.transpose(0, 2, 1)
        terms -= 1.0
        terms *= self.concentration[:, None]
        terms += self._peaks()[:, None]
        highest = terms.max(-1)
        return np.asarray(highest + np.log(np.exp(terms - highest[..., None]).sum(-1)))

    def _point_densities(self) -> Float[ndarray, "event point"]:
        """Return log densities at points that sample each mixture; independent of the other events."""
        rows = max(_MOST_TERMS // (_POINTS * self.weight.shape[1]), 1)
        even = _even_points(_POINTS)[None]
        parts = [self._part(start, rows) for start in range(0, len(self), rows)]
        densities = [part._log_density(part._points(even.repeat(len(part), 0))) for part in parts]
        return np.concatenate(densities) if densities else np.empty((0, _POINTS))

    def _points(self, uniform: Float[ndarray, "event point 3"]) -> Float[ndarray, "event point 3"]:
        """Map numbers uniform in [0, 1) to directions: the component, the distance from its mean, the azimuth around it."""
        edges = np.cumsum(self.weight, 1)[:, None, :-1]
        component = (uniform[..., :1] >= edges).sum(-1)
        row = np.arange(len(self))[:, None]
        mean, kappa = self.mean[row, component], self.concentration[row, component]
        drop = vmf_cosine_drop(uniform[..., 1], kappa)
        sine = np.sqrt(np.maximum(drop * (2.0 - drop), 0.0))
        turn = 2 * np.pi * uniform[..., 2]
        first, second = tangents(mean)
        around = np.cos(turn)[..., None] * first + np.sin(turn)[..., None] * second
        return np.asarray((1.0 - drop)[..., None] * mean + sine[..., None] * around)


def unit(vectors: Float[ndarray, "*n 3"]) -> Float[ndarray, "*n 3"]:
    """Normalise vectors; the zenith (0, 0, 1) replaces vectors without a direction."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.where(
        length > 1e-12,
        vectors / np.maximum(length, 1e-12),
        np.where(np.isnan(length), np.nan, [0.0, 0.0, 1.0]),
    )


def _even_points(count: int) -> Float[ndarray, "point 3"]:
    """Return points that fill the unit cube evenly: an additive recurrence on the root of x⁴ = x + 1 (Roberts 2018)."""
    root = 1.2207440846057596
    steps = root ** -np.arange(1.0, 4.0)
    return np.asarray((0.5 + np.arange(1, count + 1)[:, None] * steps) % 1.0)
