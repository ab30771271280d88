"""Straightforward padded implementations: the same weights, every sequence filled up to the longest, with a mask.

Each takes the component and what it is called with, and gives the same numbers (`bench_components.py` checks that).
"""

from typing import Any

import torch
from icereco_encoders.intervals import first_times, interval_bins
from icereco_encoders.neighbours import NUDGE
from torch import Tensor
from torch.nn.functional import gelu, relu, rms_norm, scaled_dot_product_attention

from icereco.events.tensors import TensorBatch

__all__ = ["PADDED_AGGREGATORS", "PADDED_ENCODERS", "filled_up"]


def pad(values: Tensor, offsets: Tensor) -> tuple[Tensor, Tensor]:
    """Rows as `[segment, longest, …]`, and which are real."""
    lengths = offsets.diff()
    place = torch.arange(int(lengths.max()))
    real = place < lengths[:, None]
    index = (offsets[:-1, None] + place).clamp(max=len(values) - 1)
    return values[index] * real.reshape(*real.shape, *[1] * (values.dim() - 1)), real


def filled_up(values: Tensor, offsets: Tensor) -> tuple[Tensor, Tensor]:
    """The same sequences, each made as long as the longest with rows of zeros, for networks that take offsets."""
    padded, real = pad(values, offsets)
    return padded.flatten(0, 1), torch.arange(len(real) + 1) * real.shape[1]


def pooled(padded: Tensor, real: Tensor) -> Tensor:
    """Mean, maximum and log(1 + count)."""
    counts = real.sum(1, keepdim=True)
    mean = (padded * real[..., None]).sum(1) / counts
    largest = padded.masked_fill(~real[..., None], float("-inf")).amax(1)
    return torch.cat([mean, largest, torch.log1p(counts.to(padded.dtype))], 1)


def deepsets_aggregator(network: Any, features: Tensor, offsets: Tensor, _batch: TensorBatch) -> Tensor:
    """Every padded pulse through the network."""
    padded, real = pad(features, offsets)
    return network.dom(pooled(network.pulse(padded).float(), real))


def attention_pool(network: Any, features: Tensor, offsets: Tensor, _batch: TensorBatch) -> Tensor:
    """A masked softmax over all padded pulses."""
    padded, real = pad(features, offsets)
    tokens = network.pulse(padded)
    weights = network.score(tokens).float().masked_fill(~real[..., None], float("-inf")).softmax(1)
    values = network.value(tokens).float().unflatten(-1, (network.heads, -1))
    vectors = (values * weights[..., None]).sum(1).flatten(1)
    return network.dom(vectors + network.count(torch.log1p(offsets.diff().float())[:, None]))


def first_pulses(network: Any, features: Tensor, offsets: Tensor, _batch: TensorBatch | None) -> Tensor:
    """The row of all first pulses, padded to their full number, through one matrix."""
    place = torch.arange(network.lengths[-1])
    real = place < offsets.diff()[:, None]
    row = features[(offsets[:-1, None] + place).clamp(max=len(features) - 1)] * real[..., None]
    total = row.flatten(1) @ network.blocks.flatten(0, 1) + real.float() @ network.biases
    return total + network.count(torch.log1p(offsets.diff().to(total.dtype))[:, None])


def first_pulses_aggregator(network: Any, features: Tensor, offsets: Tensor, batch: TensorBatch) -> Tensor:
    """The same, as an aggregator."""
    return network.hidden(first_pulses(network.first, features, offsets, batch))


def nine_statistics(features: Tensor, batch: TensorBatch) -> Tensor:
    """The nine statistics and the first pulse's features, from padded times and charges."""
    offsets = batch.pulse_offsets
    time, real = pad(batch.time_ns.double(), offsets)
    charge, _ = pad(batch.charge_pe.double(), offsets)
    late = torch.where(real, time - time[:, :1], 0.0)
    total, arrived = charge.sum(1), charge.cumsum(1)

    def quantile(share: float) -> Tensor:
        index = (arrived < share * total[:, None]).sum(1, keepdim=True)
        return late.gather(1, index.clamp(max=late.shape[1] - 1))[:, 0]

    mean = (charge * late).sum(1) / total
    spread = ((charge * (late - mean[:, None]) ** 2).sum(1) / total).sqrt()
    lights = [total, *((charge * (late <= window)).sum(1) for window in (100, 500))]
    times = [late.amax(1), quantile(0.2), quantile(0.5), mean, spread]
    columns = [torch.log10(light + 1e-2) / 2 for light in lights] + [
        torch.asinh(one / 100) / 3 for one in times
    ]
    return torch.cat([features[offsets[:-1]], torch.stack(columns, -1).float()], 1)


def summary_statistics(network: Any, features: Tensor, _offsets: Tensor, batch: TensorBatch) -> Tensor:
    """Padded statistics through the network."""
    return network.dom(nine_statistics(features, batch))


def hybrid(network: Any, features: Tensor, offsets: Tensor, batch: TensorBatch) -> Tensor:
    """Both."""
    pulses = first_pulses(network.first, features, offsets, batch)
    return network.out(pulses + network.linear(nine_statistics(features, batch)))


def deepsets_encoder(
    network: Any, doms: Tensor, positions: Tensor, offsets: Tensor, _batch: TensorBatch
) -> Tensor:
    """Every padded DOM through the network."""
    padded, real = pad(torch.cat([doms, positions.to(doms.dtype)], 1), offsets)
    return network.event(pooled(network.dom(padded).float(), real))


def modern_transformer(
    network: Any, doms: Tensor, positions: Tensor, offsets: Tensor, _batch: TensorBatch
) -> Tensor:
    """Attention over padded events with a mask of keys."""
    rows, real = pad(network.input(doms) + network.position(positions), offsets)
    first = tokens = rms_norm(rows, rows.shape[-1:])
    mask = real[:, None, None, :]
    for layer in network.layers:
        tokens = layer.residual[0] * tokens + layer.residual[1] * first
        qkv = layer.qkv(rms_norm(tokens, tokens.shape[-1:])).unflatten(-1, (3, layer.heads, -1))
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        query, key = (rms_norm(one, one.shape[-1:]).to(value.dtype) for one in (query, key))
        attended = scaled_dot_product_attention(query, key, value, attn_mask=mask)
        tokens = tokens + layer.attention_out(attended.transpose(1, 2).flatten(2))
        tokens = tokens + layer.mlp_out(relu(layer.mlp_in(rms_norm(tokens, tokens.shape[-1:]))).square())
    vectors = (rms_norm(tokens, tokens.shape[-1:]) * real[..., None]).sum(1) / offsets.diff()[:, None]
    return vectors + network.count(torch.log1p(offsets.diff().to(vectors.dtype))[:, None])


def relative_transformer(
    network: Any, doms: Tensor, positions: Tensor, offsets: Tensor, batch: TensorBatch
) -> Tensor:
    """Attention over padded events with a bias for all padded pairs; the plain layers as they are."""
    tokens, real = pad(doms + network.position(positions), offsets)
    time, _ = pad(first_times(batch), offsets)
    place, _ = pad(batch.position_m, offsets)
    kinds = interval_bins(time, place, network.bins, network.resolution_m)
    for layer in network.layers:
        qkv = layer.qkv(layer.attention_norm(tokens)).unflatten(-1, (3, layer.heads, -1))
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        bias = torch.nn.functional.embedding(kinds, layer.bias).permute(0, 3, 1, 2).to(query.dtype)
        bias = bias.masked_fill(~real[:, None, None, :], float("-inf"))
        attended = scaled_dot_product_attention(query, key, value, attn_mask=bias).transpose(1, 2).flatten(2)
        tokens = tokens + layer.attention_out(attended)
        tokens = tokens + layer.mlp_out(gelu(layer.mlp_in(layer.mlp_norm(tokens))))
    return network.plain(tokens[real], positions, offsets)


def edge_conv(network: Any, doms: Tensor, positions: Tensor, offsets: Tensor, _batch: TensorBatch) -> Tensor:
    """Distances between all padded DOMs, the first layer of the MLP on every edge."""
    rows, real = pad(torch.cat([positions.to(doms.dtype), doms], 1), offsets)
    near, found = pad(positions, offsets)[0], [rows]
    itself = torch.eye(real.shape[1], dtype=torch.bool)
    for layer in network.layers:
        with torch.no_grad():
            apart = (near + near.new_tensor(NUDGE))[:, :, None] - near[:, None]
            distance = apart.float().square().sum(-1).masked_fill(~real[:, None] | itself, float("inf"))
            distance, index = distance.topk(min(network.neighbours, real.shape[1] - 1), largest=False)
        edge = distance.isfinite()[..., None]
        others = torch.stack([event[rows] for event, rows in zip(found[-1], index, strict=True)])
        hidden = layer.own(found[-1])[:, :, None] + layer.other(others)
        messages = gelu(layer.edge(gelu(hidden))).float() * edge
        found.append(messages.sum(2) / edge.sum(2).clamp(min=1))
        near = found[-1][..., :3]
    vectors = network.dom(torch.cat(found, -1)).float()
    counts = real.sum(1, keepdim=True)
    lowest = vectors.masked_fill(~real[..., None], float("inf")).amin(1)
    mean_and_largest = pooled(vectors, real)[:, :-1]
    return network.event(torch.cat([mean_and_largest, lowest, torch.log1p(counts.to(vectors.dtype))], 1))


PADDED_AGGREGATORS = {
    "deepsets": deepsets_aggregator,
    "attention-pool": attention_pool,
    "first-pulses": first_pulses_aggregator,
    "summary-statistics": summary_statistics,
    "hybrid": hybrid,
}
PADDED_ENCODERS = {
    "deepsets": deepsets_encoder,
    "modern-transformer": modern_transformer,
    "relative-transformer": relative_transformer,
    "edge-conv": edge_conv,
}
