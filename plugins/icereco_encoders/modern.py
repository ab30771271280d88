"""A transformer with the improvements that took iceaggr's flat model from 62.0° to 57.0° at the same size."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.compiler import is_exporting
from torch.nn.functional import relu, rms_norm
from torch.utils.checkpoint import checkpoint

from icereco.nn.blocks import AnySequences, sequences_of
from icereco.nn.kernel_names import KernelName
from icereco.nn.kernels import attend
from icereco_encoders.options import ModernTransformerOptions

__all__ = ["ModernTransformerEncoder"]

RECOMPUTE_ABOVE = 40_000
"""Tokens above which a layer's activations are recomputed in the backward pass rather than kept."""


class ModernLayer(nn.Module):
    """x ← λ x + μ x₀, then attention and an MLP as in GPT, each after a root-mean-square norm without weights.

    | part | source |
    |---|---|
    | RMSNorm | Zhang and Sennrich, arXiv:1910.07467 |
    | queries and keys normed too | Henry et al., arXiv:2010.04245 |
    | ReLU² in the MLP | So et al. (Primer), arXiv:2109.08668 |
    | output projections start at zero, so that a layer starts as the identity | Zhang et al., arXiv:1901.09321 |
    | learned λ (starts at 1) and μ (at 0) of the residual stream | K. Jordan et al., modded-nanogpt, 2024 |
    """

    def __init__(self, width: int, heads: int, dropout: float, kernel: KernelName) -> None:
        super().__init__()
        self.heads, self.kernel = heads, kernel
        self.residual = nn.Parameter(torch.tensor([1.0, 0.0]))
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.attention_out = nn.Linear(width, width, bias=False)
        self.mlp_in = nn.Linear(width, 4 * width, bias=False)
        self.mlp_out = nn.Linear(4 * width, width, bias=False)
        self.dropout = nn.Dropout(dropout)
        nn.init.zeros_(self.attention_out.weight)
        nn.init.zeros_(self.mlp_out.weight)

    def forward(
        self,
        tokens: Float[Tensor, "token width"],
        first: Float[Tensor, "token width"],
        sequences: AnySequences,
    ) -> Float[Tensor, "token width"]:
        """Tokens sorted as `sequences` says, in and out; `first` are those that entered the first layer."""
        tokens = self.residual[0] * tokens + self.residual[1] * first
        tokens = tokens + self.dropout(self.attention_out(self._attend(_norm(tokens), sequences)))
        return tokens + self.dropout(self.mlp_out(relu(self.mlp_in(_norm(tokens))).square()))  # type: ignore[no-any-return]  # modules return Any

    def _attend(
        self, tokens: Float[Tensor, "token width"], sequences: AnySequences
    ) -> Float[Tensor, "token width"]:
        if not is_exporting() and len(tokens) == 0:
            return tokens
        qkv = self.qkv(tokens).unflatten(-1, (3, self.heads, -1))
        normed = torch.cat([_norm(qkv[:, :2]).to(qkv.dtype), qkv[:, 2:]], 1)
        return attend(self.kernel, normed, sequences).flatten(1)


def _norm(values: Float[Tensor, "*n width"]) -> Float[Tensor, "*n width"]:
    return rms_norm(values, values.shape[-1:])


class ModernTransformerEncoder(nn.Module):
    """DOM vectors and positions → layers → mean over the event's DOMs, with their number added."""

    exportable = True

    def __init__(self, options: ModernTransformerOptions, input_width: int) -> None:
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
        self.layers = nn.ModuleList(
            ModernLayer(input_width, options.heads, options.dropout, options.kernel)
            for _ in range(options.layers)
        )
        self.count = nn.Linear(1, input_width)

    def forward(
        self,
        dom_vectors: Float[Tensor, "dom width"],
        positions: Float[Tensor, "dom 3"],
        dom_offsets: Int[Tensor, "event_plus_1"],
    ) -> Float[Tensor, "event width"]:
        """One vector per event; an event without DOMs gets that of a count of zero."""
        sequences = sequences_of(dom_offsets, dom_vectors.shape[0])
        first = _norm(self.input(dom_vectors) + self.position(positions))[sequences.token_order]
        tokens = first
        recompute = torch.is_grad_enabled() and len(tokens) > RECOMPUTE_ABOVE
        for layer in self.layers:
            if recompute:
                tokens = checkpoint(layer, tokens, first, sequences, use_reentrant=False)
            else:
                tokens = layer(tokens, first, sequences)
        vectors = sequences.restore(sequences.mean(_norm(tokens)))
        return vectors + self.count(torch.log1p(dom_offsets.diff().to(vectors.dtype))[:, None])  # type: ignore[no-any-return]  # modules return Any
