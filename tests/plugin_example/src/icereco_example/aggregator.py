"""The gated mean: noise pulses can be told to count little (gating as in Ilse et al., arXiv:1802.04712)."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from icereco_example.options import GatedMeanOptions


class GatedMean(nn.Module):
    """Each pulse through a network that gives a vector and a gate; the gated mean of a DOM, with its sum of gates."""

    def __init__(self, options: GatedMeanOptions, feature_count: int) -> None:
        super().__init__()
        self.width, self.smallest_gate = options.width, options.smallest_gate
        widths = [feature_count, *[options.width] * options.layers]
        self.pulse = nn.Sequential(
            *(nn.Sequential(nn.Linear(before, after), nn.GELU()) for before, after in pairwise(widths))
        )
        self.gate = nn.Linear(options.width, 1)
        self.dom = nn.Linear(options.width + 1, options.width)

    def forward(self, features: Tensor, pulse_offsets: Tensor) -> Tensor:
        """Features [pulse, feature] to vectors [dom, width]."""
        values = self.pulse(features)
        gates = self.smallest_gate + torch.sigmoid(self.gate(values)).float()
        total = self._sum(gates, pulse_offsets)
        mean = self._sum(gates * values.float(), pulse_offsets) / total.clamp(min=self.smallest_gate)
        return self.dom(torch.cat([mean, torch.log1p(total)], -1))

    @staticmethod
    def _sum(values: Tensor, offsets: Tensor) -> Tensor:
        return torch.segment_reduce(values, "sum", offsets=offsets, axis=0, initial=0.0)
