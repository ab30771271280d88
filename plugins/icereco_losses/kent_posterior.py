"""Kent densities as a posterior."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray

from icereco.events.vmf_mixture import VmfMixture
from icereco.physics.sphere import tangents
from icereco.physics.vmf import SMALLEST_KAPPA, concentration, mean_cosine
from icereco_losses.kent_integral import log_integral, moments

__all__ = ["Kent"]

_STEPS, _WEIGHTS = np.polynomial.legendre.leggauss(24)
_STEPS, _WEIGHTS = (_STEPS + 1) / 2, _WEIGHTS / 2
_COSINES = np.cos((np.arange(32) + 0.5) * np.pi / 32)
"""Of twice the azimuth, evenly on a half circle."""

_EVENTS = 2048
"""Events whose contents are computed at once, to bound memory."""

_NEWTON_STEPS = 6

_ALONG = np.linspace(-2.5, 2.5, 15)
_ALONG_WEIGHT = np.exp(-(_ALONG**2) / 2) / np.exp(-(_ALONG**2) / 2).sum()
_FLATTEST = 0.15
"""The densities in a row stand apart where they are narrower than this part of its length."""


@dataclass(frozen=True, eq=False)
class Kent:
    """A `Posterior`: p(x) = e^(κ μ·x + β ((γ₁·x)² − (γ₂·x)²)) / (2π e^κ J) for each of `E` events (Kent 1982).

    Attributes:
        mean: μ `[E, 3]`, unit vectors.
        major: γ₁ `[E, 3]`, unit vectors across μ, along which the density is wider; γ₂ is across both.
        kappa_along: κ `[E]` ≥ 0; beta: β `[E]`, 0 ≤ 2β ≤ κ.
    """

    mean: Float[ndarray, "event 3"]
    major: Float[ndarray, "event 3"]
    kappa_along: Float[ndarray, "event"]
    beta: Float[ndarray, "event"]

    @classmethod
    def from_tensor(
        cls,
        mean: Float[ndarray, "event 3"],
        shape: Float[ndarray, "event 3 3"],
        kappa: Float[ndarray, "event"],
        beta: Float[ndarray, "event"],
    ) -> "Kent":
        """Make densities whose major axis is that of a symmetric tensor in the tangent plane."""
        right, up = tangents(mean)
        pulled_right, pulled_up = ((shape @ axis[..., None])[..., 0] for axis in (right, up))
        twice = np.arctan2(
            2 * (up * pulled_right).sum(-1), (right * pulled_right).sum(-1) - (up * pulled_up).sum(-1)
        )
        major = np.cos(twice / 2)[:, None] * right + np.sin(twice / 2)[:, None] * up
        return cls(mean, major, kappa, beta)

    def __len__(self) -> int:
        return len(self.mean)

    @property
    def mode(self) -> Float[ndarray, "event 3"]:
        """See `Posterior`."""
        return self.mean

    @property
    def kappa(self) -> Float[ndarray, "event"]:
        """See `Posterior`."""
        return concentration(1 - self._moments[0])

    def log_density(self, directions: Float[ndarray, "event point 3"]) -> Float[ndarray, "event point"]:
        """See `Posterior`."""
        return np.asarray(self._log_peak[:, None] - self._fall(directions))

    def contour_level(self, probability: float) -> Float[ndarray, "event"]:
        """See `Posterior`."""
        return np.asarray(self._log_peak - self._fall_holding(probability))

    def content(self, direction: Float[ndarray, "event 3"]) -> Float[ndarray, "event"]:
        """See `Posterior`; to 1e-5."""
        fall = self._fall(direction[:, None])[:, 0]
        parts = [
            self._part(start)._cumulative(fall[start : start + _EVENTS])[0]
            for start in range(0, len(self), _EVENTS)
        ]
        return np.concatenate(parts) if parts else np.empty(0)

    def sample(self, count: int, seed: int = 0) -> Float[ndarray, "event sample 3"]:
        """See `Posterior`.

        Drawn by rejection on the disc of equal area, (a, b) = sin(θ/2) (cos φ, sin φ), where the density is a function of a
        times a function of b (Kent and Hamelryck 2005).
        """
        random = np.random.default_rng(seed)
        row = np.repeat(np.arange(len(self)), count)
        place = np.empty((len(row), 2))
        open_ = np.arange(len(row))
        while len(open_):
            proposed, kept = self._proposals(row[open_], random)
            place[open_[kept]] = proposed[kept]
            open_ = open_[~kept]
        return self._from_disc(place.reshape(len(self), count, 2))

    def as_mixture(self) -> VmfMixture:
        """Convert to a row of densities along the major axis, which has the same second moments."""
        _, major, minor = self._moments
        minor = np.maximum(minor, _FLATTEST**2 * major)
        kappa = _kappa_of_variance(minor)
        spread = np.clip((major - minor) / np.maximum(1 - 3 * minor, 1e-9), 0.0, 0.5)
        angle = _scaled_to(spread)[:, None] * _ALONG
        mean = np.cos(angle)[..., None] * self.mean[:, None] + np.sin(angle)[..., None] * self.major[:, None]
        weight = np.broadcast_to(_ALONG_WEIGHT, angle.shape)
        return VmfMixture(weight, mean, np.broadcast_to(kappa[:, None], angle.shape))

    @property
    def _minor(self) -> Float[ndarray, "event 3"]:
        return np.cross(self.mean, self.major)

    @cached_property
    def _log_peak(self) -> Float[ndarray, "event"]:
        """Log of the density at its mode."""
        integral = log_integral(torch.from_numpy(self.kappa_along), torch.from_numpy(self.beta))
        return np.asarray(-np.log(2 * np.pi) - integral.numpy())

    @cached_property
    def _moments(self) -> tuple[Float[ndarray, "event"], ...]:
        values = moments(torch.from_numpy(self.kappa_along), torch.from_numpy(self.beta))
        return tuple(value.numpy() for value in values)

    def _part(self, start: int) -> "Kent":
        part = slice(start, start + _EVENTS)
        return Kent(self.mean[part], self.major[part], self.kappa_along[part], self.beta[part])

    def _fall(self, directions: Float[ndarray, "event point 3"]) -> Float[ndarray, "event point"]:
        """How far the log density lies below its peak; of a uniform density as of one that is nearly so."""
        kappa = np.maximum(self.kappa_along, SMALLEST_KAPPA)[:, None]
        drop = ((directions - self.mean[:, None]) ** 2).sum(-1) / 2
        plane = np.stack([self.major, self._minor], -1)
        along, across = np.moveaxis(directions @ plane, -1, 0)
        return np.asarray(kappa * drop - self.beta[:, None] * (along**2 - across**2))

    def _cumulative(self, fall: Float[ndarray, "event"]) -> tuple[Float[ndarray, "event"], ...]:
        """The probability P of a smaller fall h of the log density, and dP/d(1 − e^(−h)), which hardly depends on h.

        At an azimuth, h = (κ − 2β c) w + β c w² with c the cosine of twice the azimuth and w = 1 − μ·x, so that
        dw/dh = 1/√((κ − 2β c)² + 4β c h), and e^(−h) dw/dh remains to be integrated over h and the azimuth.
        """
        kappa, fall = np.maximum(self.kappa_along, SMALLEST_KAPPA), np.clip(fall, 0.0, None)
        fall = np.minimum(fall, 2 * kappa)
        part = -np.expm1(-fall)[:, None] * _STEPS
        place = np.concatenate([-np.log1p(-part), fall[:, None]], 1)
        root = (kappa[:, None] - 2 * self.beta[:, None] * _COSINES)[:, None] ** 2
        slope = 1 / np.sqrt(root + (4 * self.beta)[:, None, None] * place[..., None] * _COSINES)
        slope = slope.mean(-1) * np.exp(self._log_peak)[:, None] * 2 * np.pi
        return -np.expm1(-fall) * (slope[:, :-1] @ _WEIGHTS), slope[:, -1]

    def _fall_holding(self, probability: float) -> Float[ndarray, "event"]:
        """The fall of the log density from the peak to the border of the region that holds a probability; Newton's method."""
        whole = -np.expm1(-2 * np.maximum(self.kappa_along, SMALLEST_KAPPA))
        part = probability * whole
        for _ in range(_NEWTON_STEPS):
            parts = [
                self._part(start)._cumulative(-np.log1p(-part[start : start + _EVENTS]))
                for start in range(0, len(self), _EVENTS)
            ]
            reached, slope = (np.concatenate(values) for values in zip(*parts, strict=True))
            part = np.clip(part - (reached - probability) / slope, part / 2, (part + whole) / 2)
        return np.asarray(-np.log1p(-part))

    def _proposals(
        self, row: ndarray, random: np.random.Generator
    ) -> tuple[Float[ndarray, "point 2"], ndarray]:
        """Random points of the disc, and which of them are kept.

        The log density is −(q a² + g a⁴ + s b² − g b⁴)/2 with q = 4(κ − 2β), s = 4(κ + 2β), g = 8β; Gaussians in a and
        b are nowhere lower than it, as g a⁴ ≥ 2√g a² − 1 and b⁴ ≤ b². Where κ < 2 points all over the disc are better.
        """
        kappa, beta = self.kappa_along[row], self.beta[row]
        g = 8 * beta
        precision = np.stack([4 * (kappa - 2 * beta) + 2 * np.sqrt(g), 4 * kappa], -1)
        place = random.standard_normal((len(row), 2)) / np.sqrt(np.maximum(precision, 1e-300))
        broad = kappa < 2
        place[broad] = _even_in_disc(random.random((int(broad.sum()), 2)))
        a, b = (place**2).T
        exponent = np.where(
            broad,
            (precision[:, 0] - 2 * np.sqrt(g)) * a + g * a**2 + (4 * kappa + g) * b - g * b**2,
            (np.sqrt(g) * a - 1) ** 2 + g * (b - b**2),
        )
        kept = (a + b <= 1) & ~(random.random(len(row)) > np.exp(-exponent / 2))
        return place, kept | np.isnan(kappa)

    def _from_disc(self, place: Float[ndarray, "event point 2"]) -> Float[ndarray, "event point 3"]:
        half = np.minimum((place**2).sum(-1, keepdims=True), 1.0)  # sin²(θ/2)
        across = 2 * np.sqrt(1 - half) * place
        plane = np.stack([self.major, self._minor], 1)
        return np.asarray((1 - 2 * half) * self.mean[:, None] + across @ plane)


def _even_in_disc(uniform: Float[ndarray, "point 2"]) -> Float[ndarray, "point 2"]:
    turn = 2 * np.pi * uniform[:, 1]
    return np.asarray(np.sqrt(uniform[:, :1]) * np.stack([np.cos(turn), np.sin(turn)], -1))


def _kappa_of_variance(variance: Float[ndarray, "event"]) -> Float[ndarray, "event"]:
    """The κ of a von Mises-Fisher density whose mean square across the mean is `variance`, A(κ)/κ; Newton's method."""
    wanted = np.maximum(1 / variance - 3, 0.0)
    kappa = wanted / 2 + np.sqrt(wanted**2 / 4 + 5 * wanted)
    for _ in range(_NEWTON_STEPS):
        kappa = np.maximum(kappa, 1e-6)
        cosine = mean_cosine(kappa)
        slope = np.maximum(cosine - kappa * (1 - cosine**2) + 2 * cosine, 1e-30) / cosine**2
        kappa = kappa - (kappa / cosine - 3 - wanted) / slope
    return np.asarray(np.maximum(kappa, 0.0))


def _scaled_to(spread: Float[ndarray, "event"]) -> Float[ndarray, "event"]:
    """The scale of the row at which the mean square of the sine is `spread`."""
    scale = np.sqrt(-np.log1p(-2 * np.minimum(spread, 0.45)) / 2)
    for _ in range(3):
        angle = scale[:, None] * _ALONG
        slope = (np.sin(2 * angle) * _ALONG) @ _ALONG_WEIGHT
        scale = scale - (np.sin(angle) ** 2 @ _ALONG_WEIGHT - spread) / np.maximum(slope, 1e-9)
        scale = np.clip(scale, 0.0, 1.2)
    return np.asarray(scale)
