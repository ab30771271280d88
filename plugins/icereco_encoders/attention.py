"""T2: attention among the hit DOMs of each event."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from icereco.nn.linear import Linear
from icereco.nn.ragged import Sequences
from icereco.nn.segments import segment_of
from icereco.nn.transformer import Transformer
from icereco_encoders.options import TransformerOptions

__all__ = ["AttentionEncoder"]


class AttentionEncoder(nn.Module):
    """DOM vectors and positions → transformer with one summary token per event → that token."""

    def __init__(self, options: TransformerOptions, input_width: int) -> None:
        super().__init__()
        if input_width % options.heads:
            raise ValueError(
                f"the width of T1, {input_width}, is not a multiple of encoder.heads = {options.heads}"
            )
        self.width = input_width
        self.input = Linear(input_width, input_width)
        self.position = nn.Sequential(Linear(3, input_width), nn.GELU(), Linear(input_width, input_width))
        self.summary = nn.Parameter(torch.randn(1, input_width))
        self.transformer = Transformer(
            input_width, options.layers, options.heads, options.dropout, options.kernel
        )

    def forward(
        self,
        dom_vectors: Float[Tensor, "dom width"],
        positions: Float[Tensor, "dom 3"],
        dom_offsets: Int[Tensor, "event_plus_1"],
    ) -> Float[Tensor, "event width"]:
        """One vector per event; an event without DOMs gets the summary token's own."""
        events = len(dom_offsets) - 1
        doms = self.input(dom_vectors) + self.position(positions)
        tokens = torch.cat([doms, self.summary.to(doms.dtype).expand(events, -1)])
        index = torch.arange(events + 1, device=dom_offsets.device)
        sequences = Sequences.from_offsets(dom_offsets + index)
        tokens = tokens.index_select(0, _with_summary_last(dom_offsets)[sequences.token_order])
        summaries = self.transformer(tokens, sequences, last_only=True)
        return sequences.restore(summaries)


def _with_summary_last(dom_offsets: Int[Tensor, "event_plus_1"]) -> Int[Tensor, "token"]:
    """Rows of [all DOMs, all summary tokens] such that each event's DOMs are followed by its summary token."""
    doms = int(dom_offsets[-1])
    events = torch.arange(len(dom_offsets) - 1, device=dom_offsets.device)
    order = torch.empty(doms + len(events), dtype=torch.int64, device=dom_offsets.device)
    order[dom_offsets[1:] + events] = doms + events
    index = torch.arange(doms, device=dom_offsets.device)
    order[index + segment_of(dom_offsets)] = index
    return order
