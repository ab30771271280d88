"""The opening angle as a loss."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from icereco.events.reconstruction import Estimates
from icereco.events.tensors import TruthTensors
from icereco.events.truth import Target
from icereco_losses.options import AngularOptions
from icereco_losses.sphere import SMALLEST_NORM, full_precision, safe_norm, unit

__all__ = ["AngularLoss", "opening_angle"]


def opening_angle(first: Float[Tensor, "*n 3"], second: Float[Tensor, "*n 3"]) -> Float[Tensor, "*n"]:
    """Opening angles in rad, atan2(|a×b|, a·b); at 0 and at π the gradient is zero, as a subgradient may be.

    arccos(a·b) has an infinite gradient there and cannot resolve angles below 3e-4 rad in float32.
    """
    cross = safe_norm(torch.linalg.cross(first, second, dim=-1))
    return torch.atan2(cross, (first * second).sum(-1))


class AngularLoss(nn.Module):
    """Opening angle in rad between the direction of three outputs and the truth.

    A zero output has no direction: its loss is π/2, with a gradient that moves it towards the truth.
    """

    output_count = 3
    targets: tuple[Target, ...] = ("direction",)
    exportable = True

    def __init__(self, options: AngularOptions) -> None:
        super().__init__()
        self.options = options

    def forward(self, outputs: Float[Tensor, "event 3"], truth: TruthTensors) -> Float[Tensor, "event"]:
        """Angles `[E]` in rad, at least float32."""
        outputs = full_precision(outputs)
        direction = truth.direction.to(outputs.dtype)
        length = safe_norm(outputs)
        directed = length > SMALLEST_NORM
        # Scaled first, so that neither tiny nor huge outputs leave the range of float32 in the products.
        scaled = torch.where(
            directed[:, None], outputs / torch.where(directed, length, 1.0)[:, None], direction
        )
        undirected = math.pi / 2 - (outputs * direction).sum(-1)
        return torch.where(directed, opening_angle(scaled, direction), undirected)

    def decode(self, outputs: Float[Tensor, "event 3"]) -> Estimates:
        """Directions; this loss defines no density."""
        return Estimates(direction=unit(full_precision(outputs)))
