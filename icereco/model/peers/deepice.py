"""DeepIce: IceMix of the Kaggle competition (arXiv:2310.15674), also in GraphNeT.

Its blocks are those of `relative-transformer` with biases and without a last norm. What differs is before them: tokens are pulses,
and the interval of two pulses is a vector that joins keys and values, where ours is a class with a bias.
"""

import torch
from torch import Tensor

from icereco.errors import IcerecoError
from icereco.model.peers.correspondence import Correspondence
from icereco.model.peers.state_dict import PeerWeights

__all__ = ["AXES", "AXES_OF_ICEMIX", "correspondence"]

AXES = (0, 1, 2)
"""Where x, y and z are among the outputs of a model that GraphNeT has trained."""

AXES_OF_ICEMIX = (1, 0, 2)
"""The same of the weights of the competition: the sine of the azimuth comes first (the note in GraphNeT beside them)."""

_HEADS = ("proj_out", "_tasks.0._affine")
"""The head, by its names in the competition's program and in GraphNeT."""

_REASONS = {
    "fourier_ext.": "Fourier features of pulses; ours are vectors of DOMs",
    "extractor.": "Fourier features of pulses; ours are vectors of DOMs",
    "rel_pos.": "the interval of two pulses joins their keys and values as a vector; ours has a bias for each class of intervals",
    "dyn_edge.": "vectors of pulses that are half of each token; ours are vectors of DOMs",
    "_tasks.": "a head of something else than the direction",
    "proj_out.": "a head of something else than the direction",
}


def correspondence(
    weights: PeerWeights, axes: tuple[int, int, int] = AXES, *, head: bool = True
) -> Correspondence:
    """Map the layers of both stages, the summary token and the head of the direction.

    Args:
        weights: of DeepIce.
        axes: where x, y and z are among the outputs of its head.
        head: whether the head is that of a direction; without it, ours is new.

    Raises:
        IcerecoError: not DeepIce, or of shapes that do not fit each other.
    """
    width = weights.take("cls_token.weight", 1, None).shape[1]
    heads = _heads(weights, width)
    related, plain = weights.count("sandwich."), weights.count("blocks.")
    overrides = (
        f"aggregator.width={width}",
        f"aggregator.heads={heads}",
        f"encoder.layers={related}",
        f"encoder.plain_layers={plain}",
        f"encoder.heads={heads}",
        "encoder.biases=true",
        "encoder.last_norm=false",
    )
    tensors = {"encoder.plain.summary": weights.take("cls_token.weight", 1, width)}
    for number in range(max(related, 1)):
        tensors |= _related(weights, number, width)
    for number in range(max(plain, 1)):
        tensors |= _plain(weights, number, width)
    if head:
        tensors |= _head(weights, width, axes)
    return Correspondence("icemix-like", overrides, tensors, _seam(width), reasons=_REASONS)


def _heads(weights: PeerWeights, width: int) -> int:
    """The number of heads, by their size: that of the vectors of intervals."""
    name = next(
        (one for one in ("rel_pos.proj.weight", "rel_pos.projection.weight") if one in weights),
        "rel_pos.projection.weight",
    )
    size = weights.shape(name)[0]
    if width % size:
        raise IcerecoError(
            f"{weights.path}: heads of size {size}, which {name} has, do not divide the width {width} of cls_token.weight; nothing "
            "was imported"
        )
    return width // size


def _seam(width: int) -> dict[str, Tensor]:
    """Between the stages ours has one more linear layer and adds positions again: the identity and nothing, to begin with."""
    return {
        "encoder.plain.input.weight": torch.eye(width),
        "encoder.plain.input.bias": torch.zeros(width),
        "encoder.plain.position.2.weight": torch.zeros(width, width),
        "encoder.plain.position.2.bias": torch.zeros(width),
    }


def _related(weights: PeerWeights, number: int, width: int) -> dict[str, Tensor]:
    """A layer of the first stage, with queries, keys and values apart and without biases of keys."""
    there = f"sandwich.{number}."
    parts = [weights.take(f"{there}attn.proj_{one}.weight", width, width) for one in "qkv"]
    biases = [_or(weights, f"{there}attn.{one}_bias", torch.zeros(width)) for one in "qkv"]
    attention = {"qkv.weight": torch.cat(parts), "qkv.bias": torch.cat(biases)}
    return _layer(weights, there, f"encoder.layers.{number}.", width, attention, "attn.proj")


def _plain(weights: PeerWeights, number: int, width: int) -> dict[str, Tensor]:
    """A layer of the second stage: torch's multihead attention, whose rows are in the order of ours."""
    there = f"blocks.{number}."
    attention = {
        "qkv.weight": weights.take(f"{there}attn.in_proj_weight", 3 * width, width),
        "qkv.bias": weights.take(f"{there}attn.in_proj_bias", 3 * width),
    }
    here = f"encoder.plain.transformer.layers.{number}."
    return _layer(weights, there, here, width, attention, "attn.out_proj")


def _layer(
    weights: PeerWeights, there: str, here: str, width: int, attention: dict[str, Tensor], output: str
) -> dict[str, Tensor]:
    """Norms, outputs and the network of a layer; γ of what it adds (LayerScale) becomes a part of the products before it."""
    ones = torch.ones(width)
    first, second = (_or(weights, f"{there}gamma_{number}", ones) for number in (1, 2))
    inner, outer = _network(weights, there)
    own = attention | {
        "attention_out.weight": first[:, None] * weights.take(f"{there}{output}.weight", width, width),
        "attention_out.bias": first * weights.take(f"{there}{output}.bias", width),
        "mlp_in.weight": weights.take(f"{inner}.weight", 4 * width, width),
        "mlp_in.bias": weights.take(f"{inner}.bias", 4 * width),
        "mlp_out.weight": second[:, None] * weights.take(f"{outer}.weight", width, 4 * width),
        "mlp_out.bias": second * weights.take(f"{outer}.bias", width),
    }
    for norm, name in (("norm1", "attention_norm"), ("norm2", "mlp_norm")):
        own |= {f"{name}.{part}": weights.take(f"{there}{norm}.{part}", width) for part in ("weight", "bias")}
    return {f"{here}{name}": value for name, value in own.items()}


def _network(weights: PeerWeights, there: str) -> tuple[str, str]:
    """The names of its two linear layers, in the competition's program or in GraphNeT."""
    names = (
        ("fc1", "fc2") if f"{there}mlp.fc1.weight" in weights else ("input_projection", "output_projection")
    )
    return f"{there}mlp.{names[0]}", f"{there}mlp.{names[1]}"


def _or(weights: PeerWeights, name: str, value: Tensor) -> Tensor:
    return weights.take(name, len(value)) if name in weights else value


def _head(weights: PeerWeights, width: int, axes: tuple[int, int, int]) -> dict[str, Tensor]:
    """The affine map to three outputs, as a head of ours.

    gelu(a) − gelu(−a) = a, so six units of the hidden layer hold the outputs and their negatives. Their direction is that to where the
    neutrino came from, as ours: cosines of the azimuth and zenith of the truth. The other units are new, and begin without effect.
    """
    name = next((one for one in _HEADS if f"{one}.weight" in weights), None)
    if name is None or weights.shape(f"{name}.weight")[0] != len(axes) or width < 2 * len(axes):
        return {}
    order = list(axes)
    rows = weights.take(f"{name}.weight", len(axes), width)[order]
    shift = weights.take(f"{name}.bias", len(axes))[order]
    out = torch.zeros(len(axes), width)
    out[:, : 2 * len(axes)] = torch.cat([torch.eye(len(axes)), -torch.eye(len(axes))], 1)
    spare = torch.empty(width - 2 * len(axes), width)
    torch.nn.init.normal_(spare, std=width**-0.5, generator=torch.Generator().manual_seed(1))
    return {
        "head.hidden.weight": torch.cat([rows, -rows, spare]),
        "head.hidden.bias": torch.cat([shift, -shift, torch.zeros(len(spare))]),
        "head.out.weight": out,
        "head.out.bias": torch.zeros(len(axes)),
    }
