"""A sound mean over ragged sequences, as aggregator and encoder, and one of each with every fault."""

from functools import partial

import torch
from torch import nn

HOARD = torch.Generator().manual_seed(0)
LIMIT = 512


class Mean(nn.Module):
    """Mean and logarithm of the count; `fault` is the name of the promise that it breaks."""

    def __init__(self, fault, options, input_width):
        super().__init__()
        self.fault, self.width = fault, options.width
        self.layer = nn.Sequential(nn.Linear(input_width + 3, 32), nn.GELU(), nn.Linear(32, options.width))
        self.out = nn.Linear(options.width + 1, options.width)
        if fault == "all-parameters-learn":
            self.unused = nn.Parameter(torch.ones(3))
        if fault == "same-seed-same-weights":
            nn.init.normal_(self.out.weight, generator=HOARD)
        if fault == "state-round-trip":
            self.shift = [torch.randn(options.width)]  # in a list no module sees it

    def forward(self, features, *rest):
        *positions, offsets = rest
        extra = positions[0] if positions else features[:, :3]
        tokens = self.layer(torch.cat([features, extra], -1))
        counts = offsets.diff()
        sequence = torch.arange(len(counts)).repeat_interleave(counts)
        place = torch.arange(len(features)) - offsets[sequence]
        tokens = self.spoil_tokens(tokens, place, sequence, counts)
        mean = torch.segment_reduce(tokens.float(), "mean", offsets=offsets, initial=0.0)
        vectors = self.out(torch.cat([mean, counts[:, None].log1p()], -1))
        return self.spoil(vectors, counts)

    def spoil_tokens(self, tokens, place, sequence, counts):
        match self.fault:
            case "pulse-order" | "dom-order" if self.fault == "pulse-order" or self.inside:
                return tokens * (1 + place[:, None])
            case "every-pulse-counts" | "every-dom-counts":
                return tokens * (place < LIMIT)[:, None]
            case "beside-a-huge-event" if len(counts):
                return tokens * (counts[sequence] / counts.max())[:, None]
        return tokens

    inside = False
    """Whether the promise dom-order is about the tokens of a sequence (encoder), or the sequences."""

    def spoil(self, vectors, counts):
        ordinal = torch.arange(len(vectors))[:, None]
        match self.fault:
            case "one-vector-per-dom" | "one-vector-per-event":
                return vectors[:, 1:]
            case "tells-doms-apart" | "tells-events-apart":
                return vectors * 0
            case "doms-do-not-leak" | "events-do-not-leak":
                return vectors + vectors.mean(0)
            case "gradients-do-not-leak":
                return vectors + vectors.mean(0) - vectors.mean(0).detach()
            case "alone-as-in-company":
                return vectors * len(vectors)
            case "event-order":
                return vectors + ordinal
            case "dom-order" if not self.inside:
                return vectors + ordinal
            case "one-pulse" | "one-dom":
                return torch.where(counts[:, None] == 1, torch.nan, vectors)
            case "twenty-thousand-pulses" | "all-doms":
                return torch.where(counts[:, None] > 5_000, torch.nan, vectors)
            case "batch-without-doms" if not len(vectors):
                return torch.zeros(1, self.width)
            case "event-without-doms":
                return torch.where(counts[:, None] == 0, torch.nan, vectors)
            case "half-precision" if torch.is_autocast_enabled("cpu"):
                return (vectors * 1e6).half()
            case "state-round-trip":
                return vectors + self.shift[0]
            case "evaluation-repeats":
                return nn.functional.dropout(vectors, 0.1, training=True)
        return vectors


class OverDoms(Mean):
    inside = True


def aggregator(fault):
    return partial(Mean, fault)


def encoder(fault):
    return partial(OverDoms, fault)
