"""Which cell of the sphere: direction as a classification, as in the third-placed Kaggle model."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from icereco.events.reconstruction import Estimates
from icereco.events.tensors import TruthTensors
from icereco.events.truth import Target
from icereco_losses.healpix import cell_centres
from icereco_losses.mixture import decode_mixture
from icereco_losses.options import SphereBinsOptions
from icereco_losses.sphere import exact_products, full_precision

__all__ = ["SphereBinsLoss"]


class SphereBinsLoss(nn.Module):
    """One output per HEALPix cell; cross entropy against labels that are smoothed over the neighbouring cells.

    A label is a von Mises-Fisher density around the truth at the centres of the cells, scaled to a sum of one, so that
    a direction between two cells says so. Decoding goes the same way back: each cell stands for such a density around
    its centre, and the direction is the mode or the mean of their mixture, finer than a cell.
    """

    centres: Tensor
    smoothing: Tensor
    targets: tuple[Target, ...] = ("direction",)

    def __init__(self, options: SphereBinsOptions) -> None:
        super().__init__()
        self.options = options
        centres = cell_centres(options.cells_per_side)
        self.output_count = len(centres)
        self.register_buffer("centres", centres.float())
        self.register_buffer("smoothing", torch.tensor(math.radians(options.smoothing_deg) ** -2))

    def forward(self, outputs: Float[Tensor, "event cell"], truth: TruthTensors) -> Float[Tensor, "event"]:
        """Cross entropy `[E]` over that of the label itself, at least float32: zero is best."""
        logits = torch.log_softmax(full_precision(outputs), -1)
        with exact_products(logits):
            nearness = truth.direction.to(logits.dtype) @ self.centres.to(logits.dtype).T
        label = torch.log_softmax(self.smoothing * nearness, -1)
        return (label.exp() * (label - logits)).sum(-1)

    def decode(self, outputs: Float[Tensor, "event cell"]) -> Estimates:
        """Directions with their densities."""
        log_weight = torch.log_softmax(full_precision(outputs), -1)
        natural = (self.smoothing * self.centres).to(log_weight.dtype)[None]
        return decode_mixture(log_weight, natural, self.options.decode)
