"""Pooling by multihead attention (Lee et al., Set Transformer, arXiv:1810.00825) over the pulses of each DOM."""

import itertools

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from icereco.nn.segments import segment_of, segment_softmax, segment_sum
from icereco_aggregators.options import AttentionPoolOptions

__all__ = ["AttentionPoolAggregator"]


class AttentionPoolAggregator(nn.Module):
    """Each pulse through a network alone; learned queries weigh the pulses of a DOM; their number is added.

    The queries are learned constants, so query times key is one linear layer from a pulse to a score per head. A DOM
    with one pulse, as most have, needs no softmax.
    """

    def __init__(self, options: AttentionPoolOptions, feature_count: int) -> None:
        super().__init__()
        self.width, self.heads = options.width, options.heads
        widths = [feature_count, *[options.width] * options.layers]
        self.pulse = nn.Sequential(
            *(
                nn.Sequential(nn.Linear(before, after), nn.GELU())
                for before, after in itertools.pairwise(widths)
            )
        )
        self.score = nn.Linear(options.width, options.heads, bias=False)
        self.value = nn.Linear(options.width, options.width)
        self.count = nn.Linear(1, options.width)
        self.dom = nn.Sequential(nn.GELU(), nn.Linear(options.width, options.width))

    def forward(
        self, features: Float[Tensor, "pulse feature"], pulse_offsets: Int[Tensor, "dom_plus_1"]
    ) -> Float[Tensor, "dom width"]:
        """One vector per DOM, in the order of the DOMs; a DOM without pulses gets that of a count of zero."""
        tokens = self.pulse(features)
        values = self.value(tokens).float()
        lengths = pulse_offsets.diff()
        company = (lengths > 1)[segment_of(pulse_offsets)].nonzero().squeeze(1)
        pooled = self._pool(tokens[company], values[company], lengths * (lengths > 1))
        alone = (lengths == 1).nonzero().squeeze(1)
        pooled = pooled.index_copy(0, alone, values[pulse_offsets[:-1][alone]])
        return self.dom(pooled + self.count(torch.log1p(lengths.float())[:, None]))  # type: ignore[no-any-return]  # modules return Any

    def _pool(
        self,
        tokens: Float[Tensor, "pulse width"],
        values: Float[Tensor, "pulse width"],
        lengths: Int[Tensor, "dom"],
    ) -> Float[Tensor, "dom width"]:
        offsets = torch.nn.functional.pad(lengths.cumsum(0), (1, 0))
        weights = segment_softmax(self.score(tokens).float(), offsets, segment_of(offsets))
        weighted = values.unflatten(1, (self.heads, -1)) * weights[:, :, None]
        return segment_sum(weighted.flatten(1), offsets)
