"""One minus the cosine of the opening angle as a loss."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from icereco.events.reconstruction import Estimates
from icereco.events.tensors import TruthTensors
from icereco.events.truth import Target
from icereco_losses.options import CosineOptions
from icereco_losses.sphere import SMALLEST_NORM, full_precision, safe_norm, unit

__all__ = ["CosineLoss"]


class CosineLoss(nn.Module):
    """1 − cos θ between the direction of three outputs and the truth: small errors count by their square.

    It is |u − x|²/2 of the unit vectors, which keeps the digits that 1 − u·x loses below 1e-3 rad. A zero output has
    no direction: its loss is one, with a gradient that moves it towards the truth.
    """

    output_count = 3
    targets: tuple[Target, ...] = ("direction",)
    exportable = True

    def __init__(self, options: CosineOptions) -> None:
        super().__init__()
        self.options = options

    def forward(self, outputs: Float[Tensor, "event 3"], truth: TruthTensors) -> Float[Tensor, "event"]:
        """Values `[E]` from 0 to 2, at least float32."""
        outputs = full_precision(outputs)
        direction = truth.direction.to(outputs.dtype)
        length = safe_norm(outputs)
        directed = length > SMALLEST_NORM
        scaled = outputs / torch.where(directed, length, 1.0)[:, None]
        undirected = 1 - (outputs * direction).sum(-1)
        return torch.where(directed, (scaled - direction).square().sum(-1) / 2, undirected)

    def decode(self, outputs: Float[Tensor, "event 3"]) -> Estimates:
        """Directions; this loss defines no density."""
        return Estimates(direction=unit(full_precision(outputs)))
