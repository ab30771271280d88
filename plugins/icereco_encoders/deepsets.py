"""Deep sets (Zaheer et al., arXiv:1703.06114) over the DOMs of each event."""

import itertools

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from icereco.nn.pooling import pooled
from icereco_encoders.options import DeepSetsOptions

__all__ = ["DeepSetsEncoder"]


class DeepSetsEncoder(nn.Module):
    """Each DOM with its position through a network, mean and maximum over the event's DOMs, and a network again."""

    exportable = True

    def __init__(self, options: DeepSetsOptions, input_width: int) -> None:
        super().__init__()
        self.width = options.width
        widths = [input_width + 3, *[options.width] * options.layers]
        self.dom = nn.Sequential(
            *(
                nn.Sequential(nn.Linear(before, after), nn.GELU())
                for before, after in itertools.pairwise(widths)
            )
        )
        self.event = nn.Sequential(
            nn.Linear(2 * options.width + 1, options.width),
            nn.GELU(),
            nn.Linear(options.width, options.width),
        )

    def forward(
        self,
        dom_vectors: Float[Tensor, "dom width"],
        positions: Float[Tensor, "dom 3"],
        dom_offsets: Int[Tensor, "event_plus_1"],
    ) -> Float[Tensor, "event width"]:
        """One vector per event; an event without DOMs gets that of zeros."""
        doms = self.dom(torch.cat([dom_vectors, positions.to(dom_vectors.dtype)], 1))
        return self.event(pooled(doms.float(), dom_offsets))  # type: ignore[no-any-return]  # modules return Any
