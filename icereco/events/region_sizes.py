"""How large the smallest regions are that hold a probability, and the circles around a direction that hold it."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from icereco.events.vmf_mixture import VmfMixture
from icereco.physics.sphere import tangents
from icereco.physics.vmf import log_peak, vmf_cosine_drop

__all__ = ["RegionSizes", "region_sizes"]

_NOT_ROUND = 0.03
"""A region is not round if the circle of its area holds so much less than it does; an ellipse is not from 2:1 (50 %) or 8:5 (90 %) on."""

_FEW, _SEVERAL = 4, 16
_POINTS, _LEAST_EACH = (256, 512, 1024), 8
"""Points of an event with few components, several, or more, and of each component at the least: areas to 0.5 to 1 % (median)."""

_MANY, _OF_COMMON = 64, 8
"""With more components than that, events that share them share points as well, so many of each component."""

_AT_ONCE = 256
"""Events whose densities at shared points are evaluated at once."""

_GOLDEN = np.pi * (3.0 - np.sqrt(5.0))
_MOST_TERMS = 1 << 20
"""Densities (events × points × components) evaluated at once, to bound memory and stay within caches."""


@dataclass(frozen=True, slots=True, eq=False)
class RegionSizes:
    """Of `E` events, for one probability; NaN for an event without a density.

    Attributes:
        area_sr: solid angle of the smallest region that holds it.
        radius_rad: opening angle of the circle around the direction that holds it; NaN where the region is not nearly round.
    """

    area_sr: Float[ndarray, "event"]
    radius_rad: Float[ndarray, "event"]


def region_sizes(
    mixture: VmfMixture, direction: Float[ndarray, "event 3"], probabilities: tuple[float, ...]
) -> list[RegionSizes]:
    """Return the sizes for each probability; exact for round densities, independent of the other events.

    The area is the integral of dq/p from 0 to the probability, where the density is p on the border of the smallest region
    that holds q. It is summed over points, equally many of each component, that lie at equal steps of probability from its mean
    and the golden angle apart around it. Many components that all events share, such as the cells of a sphere, have the same points for all
    of them, whose densities are one matrix times the weights of the events. The region is nearly round where the circle of its area around the direction holds the probability but
    for 3 %.

    Args:
        mixture: the densities.
        direction: unit vectors, NaN where unknown.
        probabilities: between 0 and 1.
    """
    count = (mixture.weight > 0).sum(axis=1)
    known = np.isfinite(mixture.concentration).all(axis=1) & np.isfinite(direction).all(axis=1)
    area, radius = np.full((2, len(probabilities), len(mixture)), np.nan)
    closed = known & (mixture.is_round | (count == 1))
    rows = np.flatnonzero(closed)
    around_one = mixture.take(rows)
    for index, probability in enumerate(probabilities):
        drop = around_one.drop_holding(probability)
        area[index, rows] = 2 * np.pi * drop
        radius[index, rows] = 2 * np.arcsin(np.sqrt(np.clip(0.5 * drop, 0.0, 1.0)))
    left = known & ~closed
    if mixture.common is not None and (many := np.flatnonzero(left & (count > _MANY))).size:
        shared = _SharedPoints.of(*mixture.common)
        for start in range(0, len(many), _AT_ONCE):
            part = many[start : start + _AT_ONCE]
            area[:, part], radius[:, part] = shared.sizes(
                mixture.weight[part], direction[part], probabilities
            )
        left[many] = False
    for width in _widths(count[left]):
        rows = np.flatnonzero(left & (count > width // 2) & (count <= width))
        step = max(_MOST_TERMS // (width * width * _points_each(width)), 1)
        for start in range(0, len(rows), step):
            part = rows[start : start + step]
            held = _Points.of(_heaviest(mixture, part, width), direction[part])
            for index, probability in enumerate(probabilities):
                area[index, part], radius[index, part] = held.sizes(probability)
    return [RegionSizes(*both) for both in zip(area, radius, strict=True)]


def _widths(count: Int[ndarray, "event"]) -> list[int]:
    """Return the powers of two to which numbers of components are rounded up."""
    return sorted({1 << int(number - 1).bit_length() for number in np.unique(count)})


def _points_each(components: int) -> int:
    return max(_POINTS[(components > _FEW) + (components > _SEVERAL)] // components, _LEAST_EACH)


def _heaviest(mixture: VmfMixture, rows: Int[ndarray, "row"], width: int) -> VmfMixture:
    """Return some events with so many components; the heaviest stands with weight 0 for those that an event has not."""
    order = np.argsort(-mixture.weight[rows], axis=1, kind="stable")[:, :width]
    order = np.where(np.take_along_axis(mixture.weight[rows], order, 1) > 0, order, order[:, :1])
    weight = np.take_along_axis(mixture.weight[rows], order, 1)
    weight[:, 1:][order[:, 1:] == order[:, :1]] = 0.0
    at = rows[:, None], order
    return VmfMixture(weight, mixture.mean[at], mixture.concentration[at]).widened(width)


@dataclass(frozen=True, slots=True, eq=False)
class _Points:
    """Points that share out the probability of each event: their weights, and what they are sorted by.

    Attributes:
        weight, density: of each, the densest first.
        weight_around, drop: of each, and 1 − cos of its angle from the direction, the nearest first.
    """

    weight: Float[ndarray, "event point"]
    density: Float[ndarray, "event point"]
    weight_around: Float[ndarray, "event point"]
    drop: Float[ndarray, "event point"]

    @classmethod
    def of(cls, mixture: VmfMixture, direction: Float[ndarray, "event 3"]) -> "_Points":
        events, components = mixture.weight.shape
        each = _points_each(components)
        places = _spirals(mixture, each).reshape(events, -1, 3)
        weight = np.repeat(mixture.weight / each, each, axis=1)
        density, drop = _density(mixture, places), 0.5 * ((places - direction[:, None]) ** 2).sum(axis=-1)
        densest, nearest = np.argsort(-density, axis=1), np.argsort(drop, axis=1)
        columns = (weight, densest), (density, densest), (weight, nearest), (drop, nearest)
        return cls(*(np.take_along_axis(column, order, 1) for column, order in columns))

    def sizes(self, probability: float) -> tuple[Float[ndarray, "event"], Float[ndarray, "event"]]:
        """Return area and radius."""
        area = _at(np.cumsum(self.weight, 1), np.cumsum(self.weight / self.density, 1), probability)
        inside = (self.weight_around * (self.drop <= area[:, None] / (2 * np.pi))).sum(axis=1)
        drop = _at(np.cumsum(self.weight_around, 1), self.drop, probability)
        radius = 2 * np.arcsin(np.sqrt(np.clip(drop / 2, 0.0, 1.0)))
        return area, np.where(inside >= probability - _NOT_ROUND, radius, np.nan)


@dataclass(frozen=True, slots=True, eq=False)
class _SharedPoints:
    """Points of components that all events share, the same for all of them.

    Attributes:
        place: unit vectors, so many of each component after the other.
        density: float32 of each component at each point, per steradian.
    """

    place: Float[ndarray, "point 3"]
    density: Float[ndarray, "point component"]

    @classmethod
    def of(
        cls, mean: Float[ndarray, "component 3"], concentration: Float[ndarray, "component"]
    ) -> "_SharedPoints":
        one = VmfMixture.of_common(np.ones((1, len(mean))), mean, concentration)
        place = _spirals(one, _OF_COMMON).reshape(-1, 3)
        terms = concentration * (place @ mean.T - 1.0) + log_peak(concentration)
        return cls(place, np.exp(terms).astype(np.float32))

    def sizes(
        self,
        weight: Float[ndarray, "event component"],
        direction: Float[ndarray, "event 3"],
        probabilities: tuple[float, ...],
    ) -> tuple[Float[ndarray, "probability event"], Float[ndarray, "probability event"]]:
        """Return areas and radii."""
        density = weight.astype(np.float32) @ self.density.T
        each = np.repeat(weight / _OF_COMMON, _OF_COMMON, axis=1)
        densest = np.argsort(-density, axis=1)
        density, counted = np.take_along_axis(density, densest, 1), np.take_along_axis(each, densest, 1)
        held = np.cumsum(counted, 1)
        summed = np.cumsum(np.divide(counted, density, out=np.zeros_like(counted), where=counted > 0), 1)
        area = np.stack([_at(held, summed, probability) for probability in probabilities])
        drop = 1.0 - direction @ self.place.T
        within = [(each * (drop <= one[:, None] / (2 * np.pi))).sum(axis=1) for one in area]
        is_round = np.stack(within) >= np.array(probabilities)[:, None] - _NOT_ROUND
        rows = np.flatnonzero(is_round.any(axis=0))
        radius = np.full(area.shape, np.nan)
        radius[:, rows] = _radii(each[rows], drop[rows], probabilities)
        return area, np.where(is_round, radius, np.nan)


def _radii(
    weight: Float[ndarray, "event point"],
    drop: Float[ndarray, "event point"],
    probabilities: tuple[float, ...],
) -> Float[ndarray, "probability event"]:
    """Return the opening angles of the circles that hold probabilities."""
    nearest = np.argsort(drop, axis=1)
    drop, held = np.take_along_axis(drop, nearest, 1), np.cumsum(np.take_along_axis(weight, nearest, 1), 1)
    drops = np.stack([_at(held, drop, probability) for probability in probabilities])
    return np.asarray(2 * np.arcsin(np.sqrt(np.clip(drops / 2, 0.0, 1.0))))


def _density(mixture: VmfMixture, places: Float[ndarray, "event point 3"]) -> Float[ndarray, "event point"]:
    """Return densities where none of them is too small to be a number, as each is near a component."""
    terms = places @ mixture.mean.swapaxes(1, 2)
    terms -= 1.0
    terms *= mixture.concentration[:, None]
    peaks = mixture.weight * np.exp(log_peak(mixture.concentration))
    return np.asarray((np.exp(terms, out=terms) @ peaks[..., None])[..., 0])


def _spirals(mixture: VmfMixture, each: int) -> Float[ndarray, "event component point 3"]:
    """Return points at equal steps of probability from the mean of each component, each turned by the golden angle from the last."""
    number = np.arange(each)
    turn = (np.arange(mixture.weight.shape[1])[:, None] * each + number) * _GOLDEN
    kappa = np.broadcast_to(mixture.concentration[..., None], (*mixture.weight.shape, each))
    drop = vmf_cosine_drop(np.broadcast_to((number + 0.5) / each, kappa.shape), kappa)
    sine = np.sqrt(np.maximum(drop * (2.0 - drop), 0.0))
    right, up = tangents(mixture.mean)
    return np.asarray(
        (1.0 - drop)[..., None] * mixture.mean[:, :, None]
        + (sine * np.cos(turn))[..., None] * right[:, :, None]
        + (sine * np.sin(turn))[..., None] * up[:, :, None]
    )


def _at(
    held: Float[ndarray, "event point"], value: Float[ndarray, "event point"], probability: float
) -> Float[ndarray, "event"]:
    """Return the value up to which a probability is held, interpolated."""
    row = np.arange(len(held))
    after = np.minimum((held < probability).sum(axis=1), held.shape[1] - 1)
    before = np.maximum(after - 1, 0)
    first, last = held[row, before], held[row, after]
    share = np.clip((probability - first) / np.maximum(last - first, 1e-300), 0.0, 1.0)
    return np.asarray(value[row, before] + share * (value[row, after] - value[row, before]))
