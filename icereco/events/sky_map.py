"""The density of the direction of one event on pixels of the sky: a map of log likelihoods."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from icereco.physics import healpix

__all__ = ["SkyMap"]

_SQUARE_DEGREES = float(np.degrees(1.0)) ** 2
_FAINTEST = 1e-300


@dataclass(frozen=True, eq=False)
class SkyMap:
    """Log likelihoods at the centres of HEALPix pixels of several sizes that cover the sphere once.

    With a flat prior and the temperature θ, the density of the direction is e^(log L / θ) over its integral, and constant
    within a pixel. The *content* of a direction is the probability of the smallest region that includes it.

    Attributes:
        order, pixel: of each pixel, see `icereco.physics.healpix`; in the order of places on the sphere (nested).
        log_likelihood: at its centre.
        temperature: the likelihood is raised to its inverse.
    """

    order: Int[ndarray, "pixel"]
    pixel: Int[ndarray, "pixel"]
    log_likelihood: Float[ndarray, "pixel"]
    temperature: float

    def __len__(self) -> int:
        return len(self.pixel)

    @cached_property
    def direction(self) -> Float[ndarray, "pixel 3"]:
        """The centres of the pixels: unit vectors to where the neutrino came from."""
        return healpix.centres(self.order, self.pixel)

    @cached_property
    def probability(self) -> Float[ndarray, "pixel"]:
        """The probability of each pixel; the sum is 1."""
        share = healpix.area_sr(self.order) * np.exp(self._above_peak / self.temperature)
        return np.asarray(share / share.sum())

    @property
    def density(self) -> Float[ndarray, "pixel"]:
        """The probability per steradian."""
        return np.asarray(self.probability / healpix.area_sr(self.order))

    @property
    def best(self) -> int:
        """The row of the pixel with the greatest likelihood."""
        return int(self.log_likelihood.argmax())

    @property
    def _above_peak(self) -> Float[ndarray, "pixel"]:
        return np.asarray(self.log_likelihood - self.log_likelihood.max())

    @cached_property
    def content(self) -> Float[ndarray, "pixel"]:
        """The content of each pixel: its own probability and that of all denser ones."""
        descending = np.argsort(-self.log_likelihood, kind="stable")
        content = np.empty(len(self))
        content[descending] = np.cumsum(self.probability[descending])
        return content

    def region(self, probability: float) -> Bool[ndarray, "pixel"]:
        """Return which pixels make up the smallest region that holds at least a probability."""
        return np.asarray(self.content - self.probability < probability)

    def area_square_deg(self, probability: float) -> float:
        """Return the solid angle of that region, square degrees."""
        return float(healpix.area_sr(self.order[self.region(probability)]).sum() * _SQUARE_DEGREES)

    def radius_deg(self, probability: float) -> float:
        """Return the radius of a circle on the sphere of the same area, degrees."""
        area_sr = self.area_square_deg(probability) / _SQUARE_DEGREES
        return float(np.degrees(np.arccos(np.clip(1.0 - area_sr / (2 * np.pi), -1.0, 1.0))))

    def borders(self, probability: float) -> list[Float[ndarray, "point 3"]]:
        """Return the closed lines around that region."""
        inside = self.region(probability)
        return healpix.borders(self.order[inside], self.pixel[inside])

    def rows_at(self, direction: Float[ndarray, "point 3"]) -> Int[ndarray, "point"]:
        """Return the row of the pixel in which each direction lies."""
        finest = int(self.order.max())
        first = self.pixel << 2 * (finest - self.order)
        return np.searchsorted(first, healpix.pixels_at(finest, direction), side="right") - 1

    def content_at(self, direction: Float[ndarray, "3"]) -> float:
        """Return the content of a direction."""
        return float(self.content[self.rows_at(direction[None])[0]])

    def divided(
        self,
        which: Bool[ndarray, "pixel"],
        log_likelihood: Callable[[Float[ndarray, "part 3"]], Float[ndarray, "part"]],
    ) -> "SkyMap":
        """Return the map with the four parts of some pixels in their places.

        Args:
            which: pixels are divided.
            log_likelihood: at directions, the centres of the parts.
        """
        index, new = (
            np.repeat(np.arange(len(self)), np.where(which, 4, 1)),
            np.repeat(which, np.where(which, 4, 1)),
        )
        order, pixel, values = self.order[index], self.pixel[index], self.log_likelihood[index]
        order[new], pixel[new] = order[new] + 1, healpix.parts(self.pixel[which]).ravel()
        values[new] = log_likelihood(healpix.centres(order[new], pixel[new]))
        return SkyMap(order, pixel, values, self.temperature)

    @property
    def mode(self) -> Float[ndarray, "1 3"]:
        """The centre of the best pixel."""
        return self.direction[[self.best]]

    def log_density(self, directions: Float[ndarray, "1 point 3"]) -> Float[ndarray, "1 point"]:
        """Return the log density per steradian at directions, NaN where they are."""
        known = np.isfinite(directions).all(axis=2)
        rows = self.rows_at(np.where(known[..., None], directions, self.mode)[0])
        return np.where(known, np.log(np.maximum(self.density[rows], _FAINTEST)), np.nan)

    def contour_level(self, probability: float) -> Float[ndarray, "1"]:
        """Return a log density that is exceeded within the smallest region of a probability only."""
        least = np.log(np.maximum(self.density[self.region(probability)].min(keepdims=True), _FAINTEST))
        return np.asarray(np.nextafter(least, -np.inf))
