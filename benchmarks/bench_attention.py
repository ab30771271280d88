"""T1 alone, forward and backward, on default simulated events: kernel against kernel.

Run: python benchmarks/bench_attention.py
Baseline: `rows`, the way of the first hierarchical model: every layer runs on rows of 512 pulses, padding included, and a
dense document mask keeps the DOMs of a row apart. Where FlexAttention is not compiled (its backward does not exist on a
CPU) that means scores for all pairs of a row. The kernel `packed` has such rows for attention alone.
"""

from itertools import pairwise

import numpy as np
import torch
from common import console, hierarchical, median_seconds, show_machine, simulated_events
from icereco_aggregators.attention import AttentionAggregator
from torch import Tensor
from torch.nn.functional import gelu

from icereco.detector.detector import load_detector
from icereco.events.batch import EventBatch
from icereco.events.tensors import to_tensors
from icereco.model.model import build_model
from icereco.model.precision import has_fast_bfloat16, training_precision
from icereco.nn.kernels import ROW, attend
from icereco.nn.ragged import Sequences
from icereco.nn.transformer import Layer

CPU = torch.device("cpu")


def seconds_per_event(kernel: str, batch: EventBatch, repeats: int) -> float:
    """Median time of a forward and backward pass of T1."""
    profile = hierarchical(f"aggregator.kernel={'auto' if kernel == 'rows' else kernel}")
    model = build_model(profile, load_detector("icecube86"))
    tensors = to_tensors(batch, CPU)
    features = model.normalizer(tensors).pulses
    plan = row_plan(batch.pulse_offsets)

    def work() -> None:
        with training_precision(profile.train, CPU):
            if kernel == "rows":
                vectors = through_rows(model.aggregator, features, *plan)
            else:
                vectors = model.aggregator(features, tensors.pulse_offsets)
        vectors.float().square().sum().backward()

    return median_seconds(work, repeats) / len(batch)


def attention_seconds(kernel: str, batch: EventBatch, repeats: int) -> float:
    """Median time of a forward and backward pass of one layer's attention alone."""
    options = hierarchical().role("aggregator").options
    sequences = Sequences.from_offsets(torch.from_numpy(batch.pulse_offsets)).company
    shape = (len(sequences.token_order), 3, options.heads, options.width // options.heads)
    qkv = torch.randn(shape, dtype=torch.bfloat16 if has_fast_bfloat16(CPU) else torch.float32)
    qkv.requires_grad_()
    return median_seconds(lambda: attend(kernel, qkv, sequences).float().square().sum().backward(), repeats)


def row_plan(pulse_offsets: np.ndarray) -> tuple[Tensor, Tensor]:
    """The pulse at each place in rows of 512 (-1: padding), and the DOM of each place; whole DOMs, in order."""
    rows, filled = [[]], 0
    for start, stop in pairwise(pulse_offsets.tolist()):
        if filled + stop - start > ROW:
            rows.append([])
            filled = 0
        rows[-1].extend(range(start, stop))
        filled += stop - start
    pulse = torch.full((len(rows), ROW), -1)
    for number, row in enumerate(rows):
        pulse[number, : len(row)] = torch.tensor(row)
    dom_of_pulse = torch.arange(len(pulse_offsets) - 1).repeat_interleave(
        torch.from_numpy(np.diff(pulse_offsets))
    )
    return pulse, torch.where(pulse >= 0, dom_of_pulse[pulse], -1)


def through_rows(model: AttentionAggregator, features: Tensor, pulse: Tensor, dom: Tensor) -> Tensor:
    """T1 with the same weights, all of it on padded rows; the mean over each DOM's pulses, `[D, width]`."""
    tokens = model.embed(features[pulse.clamp(min=0)])
    mask = (dom.unsqueeze(1) == dom.unsqueeze(2)).unsqueeze(1)
    for layer in model.transformer.layers:
        tokens = layer_on_rows(layer, tokens, mask)
    tokens = model.transformer.norm(tokens)[pulse >= 0]
    here = dom[pulse >= 0]
    sums = tokens.new_zeros(int(here.max()) + 1, tokens.shape[1]).index_add(0, here, tokens)
    return sums / torch.bincount(here)[:, None]


def layer_on_rows(layer: Layer, tokens: Tensor, mask: Tensor) -> Tensor:
    """One layer on `[row, 512, width]` with scores for all pairs of a row."""
    qkv = layer.qkv(layer.attention_norm(tokens)).unflatten(-1, (3, layer.heads, -1))
    query, key, value = qkv.permute(2, 0, 3, 1, 4)
    scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2)
    weights = torch.softmax(scores.masked_fill(~mask, -torch.inf), dim=-1).to(value.dtype)
    tokens = tokens + layer.attention_out((weights @ value).transpose(1, 2).flatten(2))
    return tokens + layer.mlp_out(gelu(layer.mlp_in(layer.mlp_norm(tokens))))


def main() -> None:
    """Print the rates and their ratios."""
    show_machine()
    batch = simulated_events(64)
    console.print(
        f"64 events, {len(batch.time_ns)} pulses, {len(batch.sensor_id)} DOMs, "
        f"longest DOM {np.diff(batch.pulse_offsets).max()} pulses"
    )
    baseline = seconds_per_event("rows", batch, 3)
    for kernel, repeats in (("rows", 0), ("packed", 3), ("reference", 1), ("bucketed", 5), ("compiled", 5)):
        seconds = seconds_per_event(kernel, batch, repeats) if repeats else baseline
        console.print(f"{kernel:10} {1 / seconds:8.1f} events/s   {baseline / seconds:6.2f} × rows")
    console.print("attention alone, one layer:")
    ours = attention_seconds("compiled", batch, 15)
    for kernel, repeats in (("bucketed", 5), ("packed", 5), ("reference", 3)):
        seconds = attention_seconds(kernel, batch, repeats)
        console.print(
            f"compiled {ours * 1e3:.0f} ms, {kernel} {seconds * 1e3:.0f} ms: {seconds / ours:.1f} ×"
        )


if __name__ == "__main__":
    main()
