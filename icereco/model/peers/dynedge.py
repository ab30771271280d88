"""DynEdge of GraphNeT (arXiv:2209.03042), whose convolutions are those of `edge-conv`."""

import re

from torch import Tensor

from icereco.errors import IcerecoError
from icereco.model.peers.correspondence import Correspondence
from icereco.model.peers.state_dict import PeerWeights

__all__ = ["correspondence", "renamed"]

_EARLY = re.compile(r"conv_add(\d+)\.(.*)")
_NODE_IN = "nn1."

_REASONS = {
    "_conv_layers.0.": "its inputs are features of pulses and their means over the event, ours vectors of DOMs",
    "_readout.": "the event is pooled otherwise: ours has no sum and no homophily, but the number of DOMs",
    "_tasks.": "a head on a readout that is new here",
    "nn2.": "pooled before its activation, ours after it",
    "nn3.": "the event is pooled otherwise: ours has no sum and no homophily, but the number of DOMs",
}


def renamed(name: str) -> str:
    """Return the name that a tensor has in GraphNeT today; `conv_add1` and `nn1` are those of the model in the paper."""
    early = _EARLY.fullmatch(name)
    if early:
        return f"_conv_layers.{int(early[1]) - 1}.{early[2]}"
    return f"_post_processing.0.{name.removeprefix(_NODE_IN)}" if name.startswith(_NODE_IN) else name


def correspondence(weights: PeerWeights) -> Correspondence:
    """Map all convolutions but the first, and the network of nodes that sees the outputs of all of them.

    Raises:
        IcerecoError: not DynEdge, with norms between its layers, or with layers of widths that `edge-conv` cannot have.
    """
    _require_plain(weights)
    width, hidden = _second(weights)
    layers = weights.count("_conv_layers.")
    overrides = [
        f"encoder.{option}"
        for option in (
            f"width={width}",
            f"hidden={hidden}",
            f"layers={layers}",
            "neighbours=8",
            'activation="leaky-relu"',
            'aggregation="sum"',
        )
    ]
    tensors: dict[str, Tensor] = {}
    for number in range(1, layers):
        tensors |= _convolution(weights, number, width, hidden)
    node = weights.take("_post_processing.0.weight", hidden, None)
    if node.shape[1] <= layers * width:
        weights.take("_post_processing.0.weight", hidden, layers * width + 1)
    tensors["encoder.dom.0.bias"] = weights.take("_post_processing.0.bias", hidden)
    if "_post_processing.2.weight" in weights:
        tensors["encoder.dom.2.weight"] = weights.take("_post_processing.2.weight", width, hidden)
        tensors["encoder.dom.2.bias"] = weights.take("_post_processing.2.bias", width)
    columns = {"encoder.dom.0.weight": node[:, -layers * width :]}
    return Correspondence("dynedge-like", tuple(overrides), tensors, columns=columns, reasons=_REASONS)


def _require_plain(weights: PeerWeights) -> None:
    """Refuse layers that would be left out in the middle: what follows them would see other numbers."""
    for name, what in (
        ("_conv_layers.1.nn.1.weight", "norms between the layers of its convolutions (add_norm_layer)"),
        ("_conv_layers.1.nn.4.weight", "convolutions of more than two layers"),
        ("_post_processing.1.weight", "norms between its layers (add_norm_layer)"),
        ("_post_processing.4.weight", "more than two layers after its convolutions"),
    ):
        if name in weights:
            raise IcerecoError(
                f"{weights.path}: this {weights.peer} has {what}, which edge-conv has not; nothing was imported"
            )


def _second(weights: PeerWeights) -> tuple[int, int]:
    """Width and hidden width, which are those of all layers but the first."""
    width, hidden = weights.take("_conv_layers.1.nn.2.weight", None, None).shape
    return width, hidden


def _convolution(weights: PeerWeights, number: int, width: int, hidden: int) -> dict[str, Tensor]:
    """MLP([x, x' − x]) with a first layer W₁, W₂ is (W₁ − W₂) x + W₂ x' (`icereco_encoders.edge_conv.EdgeConv`)."""
    there, here = f"_conv_layers.{number}.nn.", f"encoder.layers.{number}."
    first = weights.take(f"{there}0.weight", hidden, 2 * width)
    return {
        f"{here}own.weight": first[:, :width] - first[:, width:],
        f"{here}own.bias": weights.take(f"{there}0.bias", hidden),
        f"{here}other.weight": first[:, width:],
        f"{here}edge.weight": weights.take(f"{there}2.weight", width, hidden),
        f"{here}edge.bias": weights.take(f"{there}2.bias", width),
    }
