"""Mixtures of von Mises-Fisher densities: their density, their mean, their mode, and how concentrated they are."""

import torch
from jaxtyping import Float
from torch import Tensor

from icereco.protocols import Decoded
from icereco_losses.options import DecodeName
from icereco_losses.sphere import exact_products, safe_norm, unit
from icereco_losses.vmf import negative_log_density

__all__ = ["decode_mixture", "log_density", "mean_cosine", "concentration"]

_CLIMBS = 30
_NEWTON_STEPS = 6


def log_density(
    log_weight: Float[Tensor, "event component"],
    natural: Float[Tensor, "event component 3"],
    direction: Float[Tensor, "event 3"],
) -> Float[Tensor, "event"]:
    """Log Σ w p(x) per steradian, of weights whose sum is one and natural parameters κ μ."""
    directions = direction[:, None].expand_as(natural)
    value = -negative_log_density(natural.flatten(0, 1), directions.flatten(0, 1))
    return torch.logsumexp(log_weight + value.unflatten(0, natural.shape[:2]), -1)


def decode_mixture(
    log_weight: Float[Tensor, "event component"], natural: Float[Tensor, "event component 3"], how: DecodeName
) -> Decoded:
    """The direction that stands for each density, and the κ of a single density with the same mean cosine to it.

    Where half of the weight is on the other side of the sphere the mean cosine is small, and so is κ: a mixture that
    cannot decide is not sure. Directions have gradients (of the last step of the climb, for the mode).
    """
    weight = log_weight.exp()
    length = safe_norm(natural)
    centre = (weight * mean_cosine(length) / length.clamp(min=1e-12))[..., None] * natural
    mean = centre.sum(1)
    with exact_products(mean):
        direction = unit(mean) if how == "mean" else _mode(log_weight, natural, unit(mean))
    cosine = (mean * direction).sum(-1)
    return Decoded(direction, concentration(cosine))


def _mode(
    log_weight: Float[Tensor, "event component"],
    natural: Float[Tensor, "event component 3"],
    mean: Float[Tensor, "event 3"],
) -> Float[Tensor, "event 3"]:
    """The highest point found by climbing from the mean and from the centre of the component with the highest peak.

    A step goes to the direction of Σ w p(x) κ μ, the fixed point that a mode is (mean shift on the sphere, Kobayashi
    and Otsu 2010); it never goes down.
    """
    with torch.no_grad():
        kappa = safe_norm(natural)
        level = log_weight + _log_peak(kappa) - kappa
        highest = (level + kappa).argmax(-1)
        starts = [unit(natural[torch.arange(len(natural), device=natural.device), highest]), mean]
        for _ in range(_CLIMBS):
            starts = [_climb(level, natural, one) for one in starts]
        heights = [torch.logsumexp(_heights(level, natural, one), -1) for one in starts]
        best = torch.where((heights[0] >= heights[1])[:, None], starts[0], starts[1])
    return _climb(level, natural, best)


def _log_peak(kappa: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """Log p(μ) + log 2π: κ / (1 − e^(−2κ))."""
    kappa = kappa.clamp(min=1e-6)
    return torch.log(kappa / -torch.expm1(-2 * kappa))


def _heights(
    level: Float[Tensor, "event component"],
    natural: Float[Tensor, "event component 3"],
    direction: Float[Tensor, "event 3"],
) -> Float[Tensor, "event component"]:
    """Log w p(x) of each component, up to a constant; its rounding at large κ moves a climb by nothing that matters."""
    return level + (natural @ direction[..., None]).squeeze(-1)


def _climb(
    level: Float[Tensor, "event component"],
    natural: Float[Tensor, "event component 3"],
    direction: Float[Tensor, "event 3"],
) -> Float[Tensor, "event 3"]:
    share = torch.softmax(_heights(level, natural, direction), -1)
    return unit((share[:, None, :] @ natural).squeeze(1))


def mean_cosine(kappa: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """A(κ) = coth κ − 1/κ, by its series where the difference cancels."""
    small = kappa < 0.1
    safe = torch.where(small, 1.0, kappa)
    return torch.where(small, kappa * (1 / 3 - kappa.square() / 45), 1 / torch.tanh(safe) - 1 / safe)


def concentration(cosine: Float[Tensor, "event"]) -> Float[Tensor, "event"]:
    """The κ ≥ 0 whose mean cosine is `cosine` (Banerjee et al. 2005, eq. 4.4, then Newton's method in float64)."""
    wanted = cosine.double().clamp(0, 1 - 1e-12)
    kappa = wanted * (3 - wanted.square()) / (1 - wanted.square())
    for _ in range(_NEWTON_STEPS):
        reached = mean_cosine(kappa)
        slope = 1 - reached.square() - 2 * reached / kappa.clamp(min=1e-9)
        slope = torch.where(kappa < 1e-3, torch.full_like(kappa, 1 / 3), slope).clamp(min=1e-30)
        kappa = torch.maximum(kappa - (reached - wanted) / slope, kappa / 2)
    return kappa.to(cosine.dtype)
