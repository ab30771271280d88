"""Mixtures of von Mises-Fisher densities fitted to samples by expectation and maximisation (Banerjee et al. 2005)."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco.events.vmf_mixture import VmfMixture, unit
from icereco.physics.sphere import tangents
from icereco.physics.vmf import concentration, log_peak

__all__ = ["fitted"]

_STEPS = 10
_RINGS = ((0.4, 1), (0.75, 3), (1.0, 4))
"""Where the fit starts: rings around the mode, up to a fraction of the points, and sectors of each."""

_EVENTS = 512
"""Events fitted at once, to bound memory."""

_TOO_FEW = 2.0
"""A component that holds n points is wider than they are by 1 + 2/n, so that it does not shrink to a few of them."""

_FARTHER = 1.0
"""The width of the tail, in distances from the mode to the farthest sample."""


def fitted(points: Float[ndarray, "event point 3"], mode: Float[ndarray, "event 3"]) -> VmfMixture:
    """Fit mixtures of eight densities and a tail to the samples of each event, which are many and even.

    Args:
        points: unit vectors.
        mode: of each density, around which the fit starts.
    """
    parts = [
        _fitted(points[start : start + _EVENTS], mode[start : start + _EVENTS])
        for start in range(0, max(len(points), 1), _EVENTS)
    ]
    return VmfMixture.joined(parts)


def _fitted(points: Float[ndarray, "event point 3"], mode: Float[ndarray, "event 3"]) -> VmfMixture:
    share = _first_shares(points, mode)
    for _ in range(_STEPS):
        mixture = _of_shares(points, share)
        share = _shares(points, mixture)
    return _with_tail(_of_shares(points, share), points, mode)


def _with_tail(
    mixture: VmfMixture, points: Float[ndarray, "event point 3"], mode: Float[ndarray, "event 3"]
) -> VmfMixture:
    """Add what lies beyond the last of the samples: half the weight of one, and as far out."""
    farthest = ((points - mode[:, None]) ** 2).sum(-1).max(1, keepdims=True)
    kappa = 1 / (_FARTHER**2 * np.maximum(farthest, 1e-12))
    weight = np.full(kappa.shape, 0.5 / points.shape[1])
    return VmfMixture(
        np.concatenate([mixture.weight * (1 - weight), weight], 1),
        np.concatenate([mixture.mean, mode[:, None]], 1),
        np.concatenate([mixture.concentration, kappa], 1),
    )


def _first_shares(
    points: Float[ndarray, "event point 3"], mode: Float[ndarray, "event 3"]
) -> Float[ndarray, "event point component"]:
    """One for the component of the ring and sector that a point is in, zero for the others."""
    right, up = tangents(mode)
    turn = np.arctan2((points @ up[..., None])[..., 0], (points @ right[..., None])[..., 0]) / (2 * np.pi) % 1
    distance = ((points - mode[:, None]) ** 2).sum(-1)
    part = np.argsort(np.argsort(distance, axis=1), axis=1) / max(points.shape[1], 1)
    component, first, inner = np.zeros(part.shape, np.int64), 0, 0.0
    for outer, sectors in _RINGS:
        inside = (part >= inner) & (part < outer)
        component = np.where(
            inside, first + np.minimum(turn * sectors, sectors - 1).astype(np.int64), component
        )
        first, inner = first + sectors, outer
    return np.asarray(component[..., None] == np.arange(first), np.float64)


def _of_shares(
    points: Float[ndarray, "event point 3"], share: Float[ndarray, "event point component"]
) -> VmfMixture:
    """The mixture of the highest likelihood if points belong to components by these shares."""
    count = share.sum(1)
    resultant = share.swapaxes(1, 2) @ points
    length = np.linalg.norm(resultant, axis=-1) / np.maximum(count, 1e-12)
    spread = (1 - length) * (1 + _TOO_FEW / np.maximum(count, 1e-12))
    return VmfMixture(count / points.shape[1], unit(resultant), concentration(1 - np.minimum(spread, 1.0)))


def _shares(
    points: Float[ndarray, "event point 3"], mixture: VmfMixture
) -> Float[ndarray, "event point component"]:
    """The probability that a point is of a component."""
    kappa = mixture.concentration[:, None]
    height = points @ mixture.mean.swapaxes(1, 2) - 1.0
    height *= kappa
    height += (np.log(np.maximum(mixture.weight, 1e-300)) + log_peak(mixture.concentration))[:, None]
    height -= height.max(-1, keepdims=True)
    share = np.exp(height.astype(np.float32))
    return np.asarray(share / share.sum(-1, keepdims=True), np.float64)
