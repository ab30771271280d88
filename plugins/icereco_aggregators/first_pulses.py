# ruff: noqa: TID253 -- tensor code, imported only when the aggregator is built
"""The first pulses of each DOM side by side, as in the flat model of iceaggr (github.com/timinar/iceaggr)."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from icereco_aggregators.options import FirstPulsesOptions

__all__ = ["FirstPulses", "FirstPulsesAggregator"]


class FirstPulses(nn.Module):
    """A linear layer on the features of the first pulses of each DOM, [pulse 1, pulse 2, …], and on their number.

    Most DOMs have one pulse, so the row of features is mostly empty and is never made: the k-th block of the matrix is
    applied to those DOMs alone that have a k-th pulse, and a bias of each block tells an absent pulse from one of zeros.
    """

    def __init__(self, pulses: int, feature_count: int, width: int) -> None:
        super().__init__()
        self.pulses, self.width = pulses, width
        self.blocks = nn.Parameter(torch.empty(pulses, feature_count, width))
        self.biases = nn.Parameter(torch.zeros(pulses, width))
        self.count = nn.Linear(1, width)
        nn.init.normal_(self.blocks, std=feature_count**-0.5)

    def forward(
        self, features: Float[Tensor, "pulse feature"], pulse_offsets: Int[Tensor, "dom+1"]
    ) -> Float[Tensor, "dom width"]:
        """One vector per DOM, in the order of the DOMs."""
        counts = pulse_offsets.diff()
        order = torch.argsort(counts, descending=True, stable=True)
        starts = pulse_offsets[:-1][order]
        # How many DOMs have a k-th pulse; the longest come first, so they are the first so many rows.
        having = (
            torch.bincount(counts.clamp(max=self.pulses), minlength=self.pulses + 1).flip(0).cumsum(0).flip(0)
        )
        rows: list[int] = having.tolist()[1:]
        parts = [
            torch.addmm(self.biases[k], features[starts[:count] + k], self.blocks[k])
            for k, count in enumerate(rows)
            if count
        ]
        inverse = torch.empty_like(order)
        inverse[order] = torch.arange(len(order), device=order.device)
        total = _sum_of_prefixes(parts, self.blocks.new_zeros(len(order), self.width))[inverse]
        return total + self.count(torch.log1p(counts.to(total.dtype))[:, None])  # type: ignore[no-any-return]  # modules return Any


def _sum_of_prefixes(
    parts: list[Float[Tensor, "some width"]], zeros: Float[Tensor, "row width"]
) -> Float[Tensor, "row width"]:
    """The sum of matrices that each cover the first rows only, the longest first; `zeros` says how many rows there are."""
    total = zeros[:0]
    for part in reversed(parts):
        covered = len(total)
        total = torch.cat([part[:covered] + total, part[covered:].float()])
    return torch.cat([total, zeros[len(total) :]])


class FirstPulsesAggregator(nn.Module):
    """The first pulses of each DOM through one linear layer, and hidden layers if asked for.

    Pulses after the first `pulses` count only by their number: `pulse_limit` lets the output say so.
    """

    def __init__(self, options: FirstPulsesOptions, feature_count: int) -> None:
        super().__init__()
        self.width = options.width
        self.pulse_limit = options.pulses
        self.first = FirstPulses(options.pulses, feature_count, options.width)
        hidden = [nn.Sequential(nn.GELU(), nn.Linear(self.width, self.width)) for _ in range(options.hidden)]
        self.hidden = nn.Sequential(*hidden)

    def forward(
        self, features: Float[Tensor, "pulse feature"], pulse_offsets: Int[Tensor, "dom+1"]
    ) -> Float[Tensor, "dom width"]:
        """One vector per DOM, in the order of the DOMs."""
        return self.hidden(self.first(features, pulse_offsets))  # type: ignore[no-any-return]  # modules return Any
