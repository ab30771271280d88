"""The energy as a loss: a Gaussian of its decimal logarithm, whose width is learned too."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import softplus

from icereco.events.reconstruction import Estimates
from icereco.events.tensors import TruthTensors
from icereco.events.truth import Target
from icereco_losses.options import LogEnergyOptions
from icereco_losses.sphere import full_precision

__all__ = ["LARGEST_LOG10", "SMALLEST_SIGMA", "LogEnergyLoss"]

SMALLEST_SIGMA = 0.01
"""Decades; no telescope measures an energy to 2 %, and a width of zero would have an infinite density."""

LARGEST_LOG10 = 30.0
"""Decades beyond which a float32 overflows, far from any physical energy."""

_QUANTILE = 0.99446
"""Sigmas from the mean of a Gaussian to its quantiles of 16 and 84 %."""


class LogEnergyLoss(nn.Module):
    """−log of a Gaussian density of log10(E/GeV), whose mean and width are outputs (Nix and Weigend 1994).

    Two outputs (u, v): the mean is that of the options and u times their spread, so that outputs of order one cover
    the energies there are; the width is softplus(v) times the spread.
    """

    output_count = 2
    targets: tuple[Target, ...] = ("energy_gev",)
    exportable = True

    def __init__(self, options: LogEnergyOptions) -> None:
        super().__init__()
        self.options = options

    def forward(self, outputs: Float[Tensor, "event 2"], truth: TruthTensors) -> Float[Tensor, "event"]:
        """−log p `[E]` per decade of energy, at least float32."""
        mean, sigma = self._gaussian(outputs)
        assert truth.energy_gev is not None  # declared in `targets`
        pull = (truth.energy_gev.to(mean.dtype).log10() - mean) / sigma
        return pull.square() / 2 + sigma.log() + math.log(2 * math.pi) / 2

    def decode(self, outputs: Float[Tensor, "event 2"]) -> Estimates:
        """Energies with the width of their logarithm, and their quantiles of 16 and 84 %."""
        mean, sigma = self._gaussian(outputs)
        interval = torch.stack([mean - _QUANTILE * sigma, mean + _QUANTILE * sigma], -1)
        return Estimates(
            energy_gev=_power(mean), energy_log10_sigma=sigma, energy_interval_gev=_power(interval)
        )

    def _gaussian(
        self, outputs: Float[Tensor, "event 2"]
    ) -> tuple[Float[Tensor, "event"], Float[Tensor, "event"]]:
        """Mean and width of log10 E."""
        mean, width = full_precision(outputs).unbind(-1)
        spread = self.options.spread_decades
        return self.options.mean_log10_gev + spread * mean, spread * softplus(width) + SMALLEST_SIGMA


def _power(log10_energy: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    return 10 ** log10_energy.clamp(-LARGEST_LOG10, LARGEST_LOG10)
