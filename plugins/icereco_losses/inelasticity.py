"""The inelasticity as a loss: a Beta density of the fraction of the energy that goes to hadrons."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import softplus

from icereco.events.reconstruction import Estimates
from icereco.events.tensors import TruthTensors
from icereco.events.truth import Target
from icereco_losses.options import InelasticityOptions
from icereco_losses.sphere import full_precision

__all__ = ["InelasticityLoss"]

_SMALLEST = 0.5
"""Of α and β: the density of deep inelastic scattering rises towards 0 no faster than y^(−1/2)."""

_MARGIN = 1e-6
"""The density is that of the nearest value this far from 0 and 1, where it may be zero or infinite."""


class InelasticityLoss(nn.Module):
    """−log of a Beta density, y^(α − 1) (1 − y)^(β − 1) / B(α, β); two outputs (u, v), of which softplus makes α and β."""

    output_count = 2
    targets: tuple[Target, ...] = ("inelasticity",)
    exportable = True

    def __init__(self, options: InelasticityOptions) -> None:
        super().__init__()
        self.options = options

    def forward(self, outputs: Float[Tensor, "event 2"], truth: TruthTensors) -> Float[Tensor, "event"]:
        """−log p `[E]`, at least float32."""
        alpha, beta = _shape(full_precision(outputs))
        assert truth.inelasticity is not None  # declared in `targets`
        part = truth.inelasticity.to(alpha.dtype).clamp(_MARGIN, 1 - _MARGIN)
        log_beta = torch.lgamma(alpha) + torch.lgamma(beta) - torch.lgamma(alpha + beta)
        return log_beta - (alpha - 1) * part.log() - (beta - 1) * torch.log1p(-part)

    def decode(self, outputs: Float[Tensor, "event 2"]) -> Estimates:
        """Mean and standard deviation of the density."""
        alpha, beta = _shape(full_precision(outputs))
        total = alpha + beta
        mean = alpha / total
        return Estimates(inelasticity=mean, inelasticity_sigma=(mean * (beta / total) / (total + 1)).sqrt())


def _shape(outputs: Float[Tensor, "event 2"]) -> tuple[Float[Tensor, "event"], Float[Tensor, "event"]]:
    """α and β."""
    alpha, beta = (softplus(outputs) + _SMALLEST).unbind(-1)
    return alpha, beta
