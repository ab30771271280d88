"""The energy as a loss: quantiles of its decimal logarithm, without a shape that they must follow."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import softplus

from icereco.events.reconstruction import Estimates
from icereco.events.tensors import TruthTensors
from icereco.events.truth import Target
from icereco_losses.log_energy import LARGEST_LOG10, SMALLEST_SIGMA
from icereco_losses.options import EnergyQuantilesOptions
from icereco_losses.sphere import full_precision

__all__ = ["LEVELS", "EnergyQuantilesLoss"]

LEVELS = (0.05, 0.16, 0.5, 0.84, 0.95)
"""The probabilities of the quantiles."""

_MEDIAN = LEVELS.index(0.5)


class EnergyQuantilesLoss(nn.Module):
    """The pinball loss of five quantiles of log10(E/GeV), summed (Koenker and Bassett, Econometrica 46 (1978) 33).

    Five outputs: the third is the median, and the others are steps from it, upwards and downwards, by softplus, so that
    quantiles never cross. All are in units of the spread around the mean of the options. An event moves them by a bounded
    gradient, however wrong they are.
    """

    output_count = len(LEVELS)
    targets: tuple[Target, ...] = ("energy_gev",)
    exportable = True

    def __init__(self, options: EnergyQuantilesOptions) -> None:
        super().__init__()
        self.options = options

    def forward(self, outputs: Float[Tensor, "event 5"], truth: TruthTensors) -> Float[Tensor, "event"]:
        """Sum of max(p e, (p − 1) e) over the quantiles `[E]`, with e = truth − quantile in spreads; at least float32."""
        quantiles = self.quantiles(outputs)
        assert truth.energy_gev is not None  # declared in `targets`
        energy = truth.energy_gev.to(quantiles.dtype).log10()
        error = (energy[:, None] - quantiles) / self.options.spread_decades
        level = quantiles.new_tensor(LEVELS)
        return torch.maximum(level * error, (level - 1) * error).sum(-1)

    def decode(self, outputs: Float[Tensor, "event 5"]) -> Estimates:
        """The median, half the distance of the quantiles of 16 and 84 %, and these as the interval."""
        quantiles = self.quantiles(outputs)
        low, high = quantiles[:, _MEDIAN - 1], quantiles[:, _MEDIAN + 1]
        energy = 10 ** quantiles.clamp(-LARGEST_LOG10, LARGEST_LOG10)
        return Estimates(
            energy_gev=energy[:, _MEDIAN],
            energy_log10_sigma=((high - low) / 2).clamp(min=SMALLEST_SIGMA),
            energy_interval_gev=energy[:, [_MEDIAN - 1, _MEDIAN + 1]],
        )

    def quantiles(self, outputs: Float[Tensor, "event 5"]) -> Float[Tensor, "event 5"]:
        """Quantiles of log10(E/GeV), which never decrease."""
        outputs = full_precision(outputs)
        median = outputs[:, _MEDIAN, None]
        below = softplus(outputs[:, :_MEDIAN]).flip(-1).cumsum(-1).flip(-1)
        above = softplus(outputs[:, _MEDIAN + 1 :]).cumsum(-1)
        whole = torch.cat([median - below, median, median + above], -1)
        return self.options.mean_log10_gev + self.options.spread_decades * whole
