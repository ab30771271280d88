"""A mixture of von Mises-Fisher densities as a loss: for events that look alike from two sides."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from icereco.events.reconstruction import Estimates
from icereco.events.tensors import TruthTensors
from icereco.events.truth import Target
from icereco_losses.mixture import decode_mixture, log_density
from icereco_losses.options import VonMisesFisherMixtureOptions
from icereco_losses.sphere import full_precision, safe_norm

__all__ = ["VonMisesFisherMixtureLoss"]


class VonMisesFisherMixtureLoss(nn.Module):
    """Four outputs a component: three as in `vmf`, and the logarithm of its weight up to a constant."""

    targets: tuple[Target, ...] = ("direction",)

    def __init__(self, options: VonMisesFisherMixtureOptions) -> None:
        super().__init__()
        self.options = options
        self.output_count = 4 * options.components

    def forward(self, outputs: Float[Tensor, "event output"], truth: TruthTensors) -> Float[Tensor, "event"]:
        """−log p `[E]` per steradian, at least float32. No knowledge is log 4π."""
        log_weight, natural = self._mixture(outputs)
        return -log_density(log_weight, natural, truth.direction.to(natural.dtype))

    def decode(self, outputs: Float[Tensor, "event output"]) -> Estimates:
        """Directions with their densities."""
        return decode_mixture(*self._mixture(outputs), self.options.decode)

    def _mixture(
        self, outputs: Float[Tensor, "event output"]
    ) -> tuple[Float[Tensor, "event component"], Float[Tensor, "event component 3"]]:
        """Log weights and κ μ = u (1 + |u|) of each component."""
        parts = full_precision(outputs).unflatten(-1, (self.options.components, 4))
        vectors = parts[..., :3]
        return torch.log_softmax(parts[..., 3], -1), vectors * (1 + safe_norm(vectors))[..., None]
