# ruff: noqa: TID253 -- tensors are this module's business
"""A pre-norm transformer over ragged sequences; only attention knows where one sequence ends."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import gelu, linear
from torch.utils.checkpoint import checkpoint

from icereco_attention.kernels import attend
from icereco_attention.options import KernelName
from icereco_attention.ragged import Sequences

__all__ = ["Transformer"]

RECOMPUTE_ABOVE = 40_000
"""Tokens above which a layer's activations are recomputed in the backward pass rather than kept (8 kB a token)."""


class Layer(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x)) (Vaswani et al. 2017, norm first as Xiong et al. 2020).

    The products have no biases: the norms already shift, and on a CPU a bias costs a pass over memory each way.
    """

    def __init__(self, width: int, heads: int, dropout: float, kernel: KernelName) -> None:
        super().__init__()
        self.heads = heads
        self.kernel = kernel
        self.attention_norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.attention_out = nn.Linear(width, width, bias=False)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp_in = nn.Linear(width, 4 * width, bias=False)
        self.mlp_out = nn.Linear(4 * width, width, bias=False)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        tokens: Float[Tensor, "token width"],
        sequences: Sequences,
        wanted: Int[Tensor, "row"] | None = None,
    ) -> Float[Tensor, "row width"]:
        """Tokens sorted as `sequences` says, in and out; of these, only the rows `wanted` if that is given."""
        attended = self._attend(self.attention_norm(tokens), sequences)
        if wanted is not None:
            tokens, attended = tokens[wanted], attended[wanted]
        tokens = tokens + self.dropout(self.attention_out(attended))
        return tokens + self.dropout(self.mlp_out(gelu(self.mlp_in(self.mlp_norm(tokens)))))  # type: ignore[no-any-return]  # modules return Any

    def _attend(
        self, tokens: Float[Tensor, "token width"], sequences: Sequences
    ) -> Float[Tensor, "token width"]:
        """A token that is alone in its sequence attends to itself: its value is the answer, without query and key."""
        alone, width = sequences.alone, tokens.shape[1]
        values = linear(tokens[:alone], self.qkv.weight[2 * width :])
        if alone == len(tokens):
            return values
        qkv = self.qkv(tokens[alone:]).unflatten(-1, (3, self.heads, -1))
        return torch.cat([values, attend(self.kernel, qkv, sequences.company).flatten(1)])


class Transformer(nn.Module):
    """A stack of layers and a last norm."""

    def __init__(self, width: int, layers: int, heads: int, dropout: float, kernel: KernelName) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(width, heads, dropout, kernel) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self._initialise(layers)

    def _initialise(self, layers: int) -> None:
        """Small weights, smaller still where a layer adds to its input, so that depth does not grow the sum (GPT-2)."""
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                adds = "attention_out" in name or "mlp_out" in name
                scale = parameter.shape[1] ** -0.5
                nn.init.trunc_normal_(parameter, std=scale / (2 * layers) ** 0.5 if adds else scale)

    def forward(
        self,
        tokens: Float[Tensor, "token width"],
        sequences: Sequences,
        wanted: Int[Tensor, "row"] | None = None,
    ) -> Float[Tensor, "row width"]:
        """Tokens sorted as `sequences` says, in and out; the last layer computes only the rows `wanted`, if given."""
        recompute = torch.is_grad_enabled() and len(tokens) > RECOMPUTE_ABOVE
        for layer in self.layers:
            rows = wanted if layer is self.layers[-1] else None
            if recompute:
                tokens = checkpoint(layer, tokens, sequences, rows, use_reentrant=False)
            else:
                tokens = layer(tokens, sequences, rows)
        return self.norm(tokens)  # type: ignore[no-any-return]  # modules return Any
