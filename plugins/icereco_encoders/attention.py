"""T2: attention among the hit DOMs of each event."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from icereco.nn.blocks import sequences_of
from icereco.nn.row_padding import padded
from icereco.nn.segments import Size, segment_of
from icereco.nn.transformer import Transformer
from icereco_encoders.options import TransformerOptions

__all__ = ["AttentionEncoder"]


class AttentionEncoder(nn.Module):
    """DOM vectors and positions → transformer with one summary token per event → that token."""

    exportable = True

    def __init__(self, options: TransformerOptions, input_width: int) -> None:
        super().__init__()
        if input_width % options.heads:
            raise ValueError(
                f"the width of T1, {input_width}, is not a multiple of encoder.heads = {options.heads}"
            )
        self.width = input_width
        self.input = nn.Linear(input_width, input_width)
        self.position = nn.Sequential(
            nn.Linear(3, input_width), nn.GELU(), nn.Linear(input_width, input_width)
        )
        self.summary = nn.Parameter(torch.randn(1, input_width))
        self.transformer = Transformer(
            input_width,
            options.layers,
            options.heads,
            options.dropout,
            options.kernel,
            biases=options.biases,
            last_norm=options.last_norm,
        )

    def forward(
        self,
        dom_vectors: Float[Tensor, "dom width"],
        positions: Float[Tensor, "dom 3"],
        dom_offsets: Int[Tensor, "event_plus_1"],
    ) -> Float[Tensor, "event width"]:
        """One vector per event; an event without DOMs gets the summary token's own."""
        events = dom_offsets.shape[0] - 1
        doms = self.input(padded(dom_vectors)) + self.position(padded(positions))
        doms = doms[: dom_vectors.shape[0]]
        tokens = torch.cat([doms, self.summary.to(doms.dtype).expand(events, -1)])
        index = torch.arange(events + 1, device=dom_offsets.device)
        sequences = sequences_of(dom_offsets + index, tokens.shape[0])
        tokens = tokens.index_select(0, _with_summary_last(dom_offsets, doms.shape[0])[sequences.token_order])
        summaries = self.transformer(tokens, sequences, last_only=True)
        return sequences.restore(summaries)


def _with_summary_last(dom_offsets: Int[Tensor, "event_plus_1"], doms: Size) -> Int[Tensor, "token"]:
    """Rows of [all DOMs, all summary tokens] such that each event's DOMs are followed by its summary token."""
    events = torch.arange(dom_offsets.shape[0] - 1, device=dom_offsets.device)
    index = torch.arange(doms, device=dom_offsets.device)
    place = torch.cat([index + segment_of(dom_offsets, doms), dom_offsets[1:] + events])
    rows = torch.arange(doms + events.shape[0], device=dom_offsets.device)
    return torch.zeros_like(place).scatter(0, place, rows)
