"""Mixtures of von Mises-Fisher densities, from the outputs of a model."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from icereco.events.reconstruction import Estimates
from icereco.events.vmf_mixture import VmfMixture
from icereco_losses.options import DecodeName
from icereco_losses.sphere import exact_products, float64, safe_norm, unit
from icereco_losses.vmf import negative_log_density

__all__ = ["decode_mixture", "log_density"]


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
    log_weight: Float[Tensor, "event component"], natural: Float[Tensor, "any component 3"], how: DecodeName
) -> Estimates:
    """Return the densities and a direction for each: its mode, or its mean.

    Components that all events share may be given once, as `[1, K, 3]`.

    Directions have gradients: those of the last step of the climb, for the mode.
    """
    length = safe_norm(natural)
    weight = float64(log_weight.exp())
    mean = np.broadcast_to(float64(unit(natural)), (*weight.shape, 3))
    posterior = VmfMixture(weight, mean, np.broadcast_to(float64(length), weight.shape))
    with exact_products(natural):
        if how == "mode":
            start = natural.new_tensor(posterior.mode)
            return Estimates(direction=_climb(log_weight, natural, length, start), posterior=posterior)
        share = log_weight.exp() * _mean_cosine(length) / length.clamp(min=1e-12)
        return Estimates(direction=unit((share[..., None] * natural).sum(1)), posterior=posterior)


def _climb(
    log_weight: Float[Tensor, "event component"],
    natural: Float[Tensor, "any component 3"],
    kappa: Float[Tensor, "any component"],
    direction: Float[Tensor, "event 3"],
) -> Float[Tensor, "event 3"]:
    """One step towards the mode, whose fixed point is Σ w p(x) κ μ."""
    log_peak = torch.log(kappa.clamp(min=1e-6) / -torch.expm1(-2 * kappa.clamp(min=1e-6)))
    height = log_weight + log_peak - kappa + (natural @ direction[..., None]).squeeze(-1)
    return unit((torch.softmax(height, -1)[:, None, :] @ natural).squeeze(1))


def _mean_cosine(kappa: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """A(κ) = coth κ − 1/κ, by its series where the difference cancels."""
    small = kappa < 0.1
    safe = torch.where(small, 1.0, kappa)
    return torch.where(small, kappa * (1 / 3 - kappa.square() / 45), 1 / torch.tanh(safe) - 1 / safe)
