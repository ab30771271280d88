"""The von Mises-Fisher density on the sphere as a loss (Fisher 1953)."""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from icereco.events.reconstruction import Estimates
from icereco.events.tensors import TruthTensors
from icereco.events.truth import Target
from icereco_losses.options import VonMisesFisherOptions
from icereco_losses.single import single
from icereco_losses.sphere import full_precision, safe_norm, unit

__all__ = ["VonMisesFisherLoss", "negative_log_density"]

SERIES_BELOW_KAPPA = 0.5


def negative_log_density(
    natural: Float[Tensor, "event 3"], direction: Float[Tensor, "event 3"]
) -> Float[Tensor, "event"]:
    """−log p(x) per steradian for the natural parameter v = κ μ.

    p(x) = C₃(κ) e^(κ μ·x) with log C₃ = log κ − log 2π − κ − log(1 − e^(−2κ)) (Fisher 1953, eq. 3). Below
    κ = 0.5, where this is a difference of large numbers, its Taylor series takes over. Smooth in v everywhere,
    v = 0 included; right in value and gradient for κ from 0 to 1e5 and beyond in float32.
    """
    squared = natural.square().sum(-1)
    small = squared < SERIES_BELOW_KAPPA**2
    isotropic = _log_sinh_ratio_series(torch.where(small, squared, 0.0)) - (natural * direction).sum(-1)
    return math.log(4 * math.pi) + torch.where(
        small, isotropic, _concentrated(natural, squared, small, direction)
    )


def _log_sinh_ratio_series(squared: Float[Tensor, "event"]) -> Float[Tensor, "event"]:
    """log(sinh κ / κ) for κ² up to 0.25, to 1e-9."""
    series = 1 / 6 - squared * (1 / 180 - squared * (1 / 2835 - squared / 37800))
    return squared * series


def _concentrated(
    natural: Float[Tensor, "event 3"],
    squared: Float[Tensor, "event"],
    small: Bool[Tensor, "event"],
    direction: Float[Tensor, "event 3"],
) -> Float[Tensor, "event"]:
    """The closed form without log 4π; where `small`, anything finite."""
    kappa = torch.where(small, 1.0, squared).sqrt()
    mean = torch.where(small[:, None], direction, natural / kappa[:, None])
    # κ (1 − μ·x) as κ |μ − x|² / 2: the first form loses all digits at κ = 1e5.
    miss = kappa * (mean - direction).square().sum(-1) / 2
    return miss + torch.log(-torch.expm1(-2 * kappa) / 2) - torch.log(kappa)


class VonMisesFisherLoss(nn.Module):
    """Three outputs u give the direction u/|u| and the concentration κ = |u| + |u|².

    Why not κ = |u|: an error of one sigma across the direction, 1/√κ, is then √κ in units of the outputs, so the
    scale of a good step grows with how sure the model is, and κ = 1000 asks for outputs of 1000, which takes
    AdamW tens of thousands of steps to reach. With κ ~ |u|² one sigma is one unit of the outputs at any κ (the Fisher
    information across the direction, κ A(κ) / |u|², tends to 1). The linear term keeps the gradient alive at
    u = 0, where κ = |u|² alone would have none. There is no fourth output: a separate κ has no direction to agree with at
    κ = 0, and the direction's gradient would be singular there.
    """

    output_count = 3
    targets: tuple[Target, ...] = ("direction",)
    exportable = True

    def __init__(self, options: VonMisesFisherOptions) -> None:
        super().__init__()
        self.options = options

    def forward(self, outputs: Float[Tensor, "event 3"], truth: TruthTensors) -> Float[Tensor, "event"]:
        """−log p `[E]` per steradian, at least float32. No knowledge is log 4π."""
        outputs = full_precision(outputs)
        natural = outputs * (1 + safe_norm(outputs))[:, None]
        return negative_log_density(natural, truth.direction.to(outputs.dtype))

    def decode(self, outputs: Float[Tensor, "event 3"]) -> Estimates:
        """Directions with their densities."""
        outputs = full_precision(outputs)
        length, direction = safe_norm(outputs), unit(outputs)
        posterior = single(direction, length * (1 + length))
        return Estimates(direction=direction, posterior=posterior)
