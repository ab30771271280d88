"""The Kent density on the sphere, an ellipse of any orientation, as a loss (Kent 1982)."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from icereco.events.reconstruction import Estimates
from icereco.events.tensors import TruthTensors
from icereco.events.truth import Target
from icereco_losses.kent_integral import log_integral
from icereco_losses.kent_posterior import Kent
from icereco_losses.options import KentOptions
from icereco_losses.sphere import float64, full_precision, limited, safe_norm, unit

__all__ = ["SHAPES", "KentLoss"]

_LONGEST = 1e4
"""Longer directional outputs count as this long: κ = 1e8, σ = 0.006°, is beyond any telescope and safe in float32."""

_MOST_ELONGATED = 7.0
"""Bound on the norm of S; ellipses are then no longer than 10 times their width."""

_NEGLIGIBLE = 1e-12
"""Added to the square of the elongation, of which the root is taken, so that a circle has a gradient."""

_HALF, _SIXTH = math.sqrt(1 / 2), math.sqrt(1 / 6)
SHAPES = torch.tensor(
    [
        [[_HALF, 0, 0], [0, -_HALF, 0], [0, 0, 0]],
        [[-_SIXTH, 0, 0], [0, -_SIXTH, 0], [0, 0, 2 * _SIXTH]],
        [[0, _HALF, 0], [_HALF, 0, 0], [0, 0, 0]],
        [[0, 0, _HALF], [0, 0, 0], [_HALF, 0, 0]],
        [[0, 0, 0], [0, 0, _HALF], [0, _HALF, 0]],
    ],
    dtype=torch.float64,
)
"""An orthonormal basis of the symmetric traceless tensors."""


class KentLoss(nn.Module):
    """Eight outputs: a vector u, as in `vmf`, and a symmetric traceless tensor S that stretches the density across it.

    With the part M of S in the tangent plane of μ = u/|u| (traceless there), scaled by |u|²/(1 + |u|²) so that no knowledge
    has no shape, e = √(tr M²/2) and K = |u| + |u|²,

        p(x) ∝ exp(K [√(1 + e²) μ·x + xᵀ M x / 2]),        κ = K √(1 + e²),  2β = K e < κ

    whose σ are e^(±asinh(e)/2)/√K along the axes of the ellipse for large K: u has the size and M the shape, and
    neither changes the other. S is given in the detector's frame, so no direction is special, nothing jumps when an
    ellipse turns, and rotating u and S rotates the density.
    """

    output_count = 8
    targets: tuple[Target, ...] = ("direction",)

    def __init__(self, options: KentOptions) -> None:
        super().__init__()
        self.options = options

    def forward(self, outputs: Float[Tensor, "event 8"], truth: TruthTensors) -> Float[Tensor, "event"]:
        """−log p `[E]` per steradian, at least float32. No knowledge is log 4π."""
        mean, size, shape = _parameters(full_precision(outputs))
        kappa, beta = _concentrations(mean, size, shape)
        away = truth.direction.to(size.dtype) - mean
        drop = away.square().sum(-1) / 2  # 1 − μ·x, of which the plain form loses all digits near the mean
        across = away + drop[:, None] * mean
        stretch = _form(shape, across) + _form(shape, mean) * across.square().sum(-1) / 2
        return kappa * drop - size * stretch / 2 + log_integral(kappa, beta) + math.log(2 * math.pi)

    def decode(self, outputs: Float[Tensor, "event 8"]) -> Estimates:
        """Directions with their densities."""
        direction = unit(_finite(full_precision(outputs))[:, :3])
        mean, size, shape = _parameters(outputs.detach().double())
        kappa, beta = _concentrations(mean, size, shape)
        posterior = Kent.from_tensor(*map(float64, (mean, shape, kappa, beta)))
        return Estimates(direction=direction, posterior=posterior)


def _finite(outputs: Float[Tensor, "event 8"]) -> Float[Tensor, "event 8"]:
    """Without numbers whose squares overflow a float32."""
    return outputs.clamp(-1e15, 1e15)


def _parameters(
    outputs: Float[Tensor, "event 8"],
) -> tuple[Float[Tensor, "event 3"], Float[Tensor, "event"], Float[Tensor, "event 3 3"]]:
    """μ, K and S, scaled."""
    outputs = _finite(outputs)
    length = safe_norm(outputs[:, :3]).clamp(max=_LONGEST)
    squared = length.square()
    strength = limited(outputs[:, 3:], _MOST_ELONGATED) * (squared / (1 + squared))[:, None]
    shape = (strength[..., None, None] * SHAPES.to(strength)).sum(1)
    return unit(outputs[:, :3]), length + squared, shape


def _concentrations(
    mean: Float[Tensor, "event 3"], size: Float[Tensor, "event"], shape: Float[Tensor, "event 3 3"]
) -> tuple[Float[Tensor, "event"], Float[Tensor, "event"]]:
    """κ and β; tr M² = tr S² − 2 |S μ|² + (μᵀ S μ)²/2."""
    pulled = (shape * mean[:, None]).sum(-1)
    trace = shape.square().sum((1, 2)) - 2 * pulled.square().sum(-1) + _form(shape, mean).square() / 2
    squared = trace.clamp(min=0) / 2 + _NEGLIGIBLE
    return size * (1 + squared).sqrt(), size * squared.sqrt() / 2


def _form(shape: Float[Tensor, "event 3 3"], vector: Float[Tensor, "event 3"]) -> Float[Tensor, "event"]:
    """vᵀ S v."""
    return (vector[:, :, None] * shape * vector[:, None]).sum((1, 2))
