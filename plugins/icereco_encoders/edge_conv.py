"""Dynamic graph convolutions over the DOMs of each event, as DynEdge of GraphNeT (arXiv:2209.03042)."""

import itertools

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from icereco.nn.length_groups import length_groups
from icereco.nn.segments import segment_repeat
from icereco_encoders.neighbours import Edges, nearest
from icereco_encoders.options import Activation, Aggregation, EdgeConvOptions

__all__ = ["EdgeConvEncoder"]

ACTIVATIONS: dict[Activation, type[nn.Module]] = {"gelu": nn.GELU, "leaky-relu": nn.LeakyReLU}
"""Modules without weights, by their names in profiles."""

RECOMPUTE_ABOVE = 200_000
"""Edges above which a layer's activations are recomputed in the backward pass rather than kept."""


class EdgeConv(nn.Module):
    """The mean or sum over a DOM's neighbours of MLP([x, x' − x]) (Wang et al., arXiv:1801.07829, eq. 8).

    The MLP's first layer is linear in both, so it is taken per DOM and not per edge: A x + B x' with A = W₁ − W₂, B = W₂.
    """

    def __init__(
        self,
        input_width: int,
        width: int,
        hidden: int | None = None,
        activation: Activation = "gelu",
        aggregation: Aggregation = "mean",
    ) -> None:
        super().__init__()
        hidden = width if hidden is None else hidden
        self.own = nn.Linear(input_width, hidden)
        self.other = nn.Linear(input_width, hidden, bias=False)
        self.edge = nn.Linear(hidden, width)
        self.activation = ACTIVATIONS[activation]()
        self.aggregation = aggregation

    def forward(self, doms: Float[Tensor, "dom input"], edges: Edges) -> Float[Tensor, "dom width"]:
        """DOM vectors in and out; a DOM without neighbours gets zeros."""
        own = segment_repeat(self.own(doms), edges.offsets, edges.target)
        # Not `other[edges.source]`, whose gradient is added up in an order that depends on the timing of threads.
        hidden = self.activation(own + self.other(doms).index_select(0, edges.source))
        messages = self.activation(self.edge(hidden)).float()
        total = torch.segment_reduce(messages, "sum", offsets=edges.offsets, axis=0, initial=0)
        if self.aggregation == "sum":
            return total
        return total / edges.offsets.diff().clamp(min=1)[:, None]


class EdgeConvEncoder(nn.Module):
    """DOM vectors and positions → graph convolutions → mean, maximum and minimum over the event's DOMs.

    The first graph joins DOMs that are near in the detector, each later one those that are near in the first three
    features of the layer before. As in DynEdge, the outputs of all layers go into the readout.
    """

    def __init__(self, options: EdgeConvOptions, input_width: int) -> None:
        super().__init__()
        self.width = options.width
        self.neighbours = options.neighbours
        widths = [input_width + 3, *[options.width] * options.layers]
        activation = ACTIVATIONS[options.activation]
        self.layers = nn.ModuleList(
            EdgeConv(before, after, options.hidden, options.activation, options.aggregation)
            for before, after in itertools.pairwise(widths)
        )
        hidden = 2 * options.width if options.hidden is None else options.hidden
        self.dom = nn.Sequential(
            nn.Linear(sum(widths), hidden),
            activation(),
            nn.Linear(hidden, options.width),
            activation(),
        )
        self.event = nn.Sequential(
            nn.Linear(3 * options.width + 1, options.width),
            activation(),
            nn.Linear(options.width, options.width),
        )

    def forward(
        self,
        dom_vectors: Float[Tensor, "dom width"],
        positions: Float[Tensor, "dom 3"],
        dom_offsets: Int[Tensor, "event_plus_1"],
    ) -> Float[Tensor, "event width"]:
        """One vector per event; an event without DOMs gets that of zeros."""
        groups, near = length_groups(dom_offsets), positions
        outputs = [torch.cat([positions.to(dom_vectors.dtype), dom_vectors], 1)]
        for layer in self.layers:
            edges = nearest(near, groups, self.neighbours)
            if torch.is_grad_enabled() and len(edges.source) > RECOMPUTE_ABOVE:
                outputs.append(checkpoint(layer, outputs[-1], edges, use_reentrant=False))
            else:
                outputs.append(layer(outputs[-1], edges))
            near = outputs[-1][:, :3]
        return self.event(_pooled(self.dom(torch.cat(outputs, 1)).float(), dom_offsets))  # type: ignore[no-any-return]  # modules return Any


def _pooled(
    doms: Float[Tensor, "dom width"], dom_offsets: Int[Tensor, "event_plus_1"]
) -> Float[Tensor, "event pooled"]:
    """Mean, maximum, minimum and log(1 + count) of each event's DOMs, `[E, 3 width + 1]`."""
    counts = dom_offsets.diff()[:, None]
    mean = torch.segment_reduce(doms, "mean", offsets=dom_offsets, axis=0, initial=0)
    extremes = [torch.segment_reduce(doms, how, offsets=dom_offsets, axis=0) for how in ("max", "min")]
    kept = [torch.where(counts > 0, extreme, 0.0) for extreme in extremes]
    return torch.cat([mean, *kept, torch.log1p(counts.to(doms.dtype))], 1)
