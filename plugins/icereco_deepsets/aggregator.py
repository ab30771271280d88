# ruff: noqa: TID253 -- tensor code, imported only when the aggregator is built
"""Deep sets (Zaheer et al., arXiv:1703.06114) over the pulses of each DOM."""

import itertools

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from icereco_deepsets.options import DeepSetsOptions

__all__ = ["DeepSetsAggregator"]


class DeepSetsAggregator(nn.Module):
    """Each pulse through a network, mean and maximum over the DOM's pulses and their number, and a network again."""

    def __init__(self, options: DeepSetsOptions, feature_count: int) -> None:
        super().__init__()
        self.width = options.width
        widths = [feature_count, *[options.width] * options.layers]
        layers = [
            nn.Sequential(nn.Linear(before, after), nn.GELU()) for before, after in itertools.pairwise(widths)
        ]
        self.pulse = nn.Sequential(*layers)
        self.dom = nn.Sequential(
            nn.Linear(2 * options.width + 1, options.width),
            nn.GELU(),
            nn.Linear(options.width, options.width),
        )

    def forward(
        self, features: Float[Tensor, "pulse feature"], pulse_offsets: Int[Tensor, "dom+1"]
    ) -> Float[Tensor, "dom width"]:
        """One vector per DOM, in the order of the DOMs; a DOM without pulses gets that of zeros."""
        # In half precision a sum over thousands of pulses would stop growing.
        return self.dom(pooled(self.pulse(features).float(), pulse_offsets))  # type: ignore[no-any-return]


def pooled(
    values: Float[Tensor, "pulse width"], pulse_offsets: Int[Tensor, "dom+1"]
) -> Float[Tensor, "dom pooled"]:
    """Mean, maximum and log(1 + count) of each DOM's pulses, `[D, 2 width + 1]`.

    `segment_reduce` and no scatter: its order of summation is fixed, on CUDA too.
    """
    counts = pulse_offsets.diff()[:, None]
    mean = torch.segment_reduce(values, "mean", offsets=pulse_offsets, initial=0.0)
    largest = torch.segment_reduce(values, "max", offsets=pulse_offsets)
    return torch.cat([mean, torch.where(counts > 0, largest, 0.0), torch.log1p(counts.to(values.dtype))], -1)
