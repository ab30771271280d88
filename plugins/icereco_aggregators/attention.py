"""T1: attention among the pulses of each DOM."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from icereco.nn.blocks import sequences_of
from icereco.nn.row_padding import padded
from icereco.nn.transformer import Transformer
from icereco_aggregators.options import AttentionOptions

__all__ = ["AttentionAggregator"]


class AttentionAggregator(nn.Module):
    """Pulses → transformer → mean over the DOM's pulses, with the number of pulses added."""

    exportable = True

    def __init__(self, options: AttentionOptions, feature_count: int) -> None:
        super().__init__()
        self.width = options.width
        self.embed = nn.Sequential(
            nn.Linear(feature_count, options.width), nn.GELU(), nn.Linear(options.width, options.width)
        )
        self.transformer = Transformer(
            options.width, options.layers, options.heads, options.dropout, options.kernel
        )
        # A mean is independent of the number of pulses, which measures the brightness of the DOM.
        self.count = nn.Linear(1, options.width)

    def forward(
        self, features: Float[Tensor, "pulse feature"], pulse_offsets: Int[Tensor, "dom_plus_1"]
    ) -> Float[Tensor, "dom width"]:
        """One vector per DOM, in the order of the DOMs; a DOM without pulses gets that of a count of zero."""
        sequences = sequences_of(pulse_offsets, features.shape[0])
        embedded = self.embed(padded(features[sequences.token_order]))[: features.shape[0]]
        tokens = self.transformer(embedded, sequences)
        vectors = sequences.restore(sequences.mean(tokens))
        count = torch.log1p(pulse_offsets.diff().to(vectors.dtype)).unsqueeze(1)
        return vectors + self.count(padded(count))[: count.shape[0]]  # type: ignore[no-any-return]  # modules return Any
