"""A pre-norm transformer over ragged sequences; only attention knows where one sequence ends."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import gelu, linear
from torch.utils.checkpoint import checkpoint

from icereco.nn.blocks import AnySequences, Blocks
from icereco.nn.kernel_names import KernelName
from icereco.nn.kernels import attend
from icereco.nn.row_padding import padded, row_step
from icereco.nn.segments import segment_attention

__all__ = ["Transformer"]

RECOMPUTE_ABOVE = 40_000
"""Tokens above which a layer's activations are recomputed in the backward pass rather than kept (8 kB a token)."""


class Layer(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x)) (Vaswani et al. 2017, norm first as Xiong et al. 2020).

    The products have no biases by default: the norms already shift, and on a CPU a bias costs a pass over memory each way.
    """

    def __init__(
        self, width: int, heads: int, dropout: float, kernel: KernelName, *, biases: bool = False
    ) -> None:
        super().__init__()
        self.heads = heads
        self.kernel = kernel
        self.attention_norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width, bias=biases)
        self.attention_out = nn.Linear(width, width, bias=biases)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp_in = nn.Linear(width, 4 * width, bias=biases)
        self.mlp_out = nn.Linear(4 * width, width, bias=biases)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, tokens: Float[Tensor, "row width"], sequences: AnySequences, last_only: bool = False
    ) -> Float[Tensor, "out width"]:
        """Tokens sorted as `sequences` says, in and out; with `last_only` the last of each sequence alone comes out.

        Rows after those of the tokens are no part of a sequence.
        """
        normed = self.attention_norm(tokens)
        if last_only:
            last = sequences.offsets[1:] - 1
            tokens, attended = tokens[last], self._attend_from(normed[last], normed, sequences)
        else:
            attended = self._attend(normed, sequences)
        tokens = tokens + self.dropout(self.attention_out(attended))
        return tokens + self.dropout(self.mlp_out(gelu(self.mlp_in(self.mlp_norm(tokens)))))  # type: ignore[no-any-return]  # modules return Any

    def _attend(
        self, tokens: Float[Tensor, "row width"], sequences: AnySequences
    ) -> Float[Tensor, "row width"]:
        """Compute attention; a single token attends only to itself, so its output is its value, without query and key."""
        if isinstance(sequences, Blocks) or not sequences.alone:
            return attend(self.kernel, self._heads(self.qkv(tokens), 3), sequences).flatten(1)
        alone, width, step = sequences.alone, tokens.shape[1], row_step(tokens)
        until, since = -(-alone // step) * step, alone // step * step
        values = self._projected(tokens[:until], slice(2 * width, None))[:alone]
        if alone == sequences.tokens:
            return padded(values, len(tokens))
        qkv = self._heads(self.qkv(tokens[since:])[alone - since :], 3)
        return torch.cat([values, attend(self.kernel, qkv, sequences.company).flatten(1)])

    def _attend_from(
        self,
        asking: Float[Tensor, "sequence width"],
        tokens: Float[Tensor, "row width"],
        sequences: AnySequences,
    ) -> Float[Tensor, "sequence width"]:
        """Compute attention of one token of each sequence to all tokens of that sequence."""
        width, count = tokens.shape[1], sequences.token_order.shape[0]
        query = self._projected(asking, slice(width)).unflatten(-1, (self.heads, -1))
        both = self._projected(tokens, slice(width, None))
        key, value = self._heads(both if both.shape[0] == count else both[:count], 2).unbind(1)
        return segment_attention(query, key, value, sequences.offsets).flatten(1)

    def _heads(self, projected: Float[Tensor, "row projection"], parts: int) -> Tensor:
        """Rows `[row, part, head, channel]` of queries, keys and values, or of some of them."""
        rows: Tensor = projected.unflatten(-1, (parts, self.heads, -1))
        return rows

    def _projected(self, tokens: Float[Tensor, "row width"], rows: slice) -> Float[Tensor, "row projection"]:
        """Some rows of queries, keys and values: the same product with a part of the weights."""
        bias: Tensor | None = self.qkv.bias
        product: Tensor = linear(tokens, self.qkv.weight[rows], None if bias is None else bias[rows])
        return product


class Transformer(nn.Module):
    """A stack of layers and, unless it is left out, a last norm."""

    def __init__(
        self,
        width: int,
        layers: int,
        heads: int,
        dropout: float,
        kernel: KernelName,
        *,
        biases: bool = False,
        last_norm: bool = True,
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            Layer(width, heads, dropout, kernel, biases=biases) for _ in range(layers)
        )
        self.norm = nn.LayerNorm(width) if last_norm else nn.Identity()
        self._initialise(layers)

    def _initialise(self, layers: int) -> None:
        """Small weights, smaller still where a layer adds to its input, so that depth does not grow the sum (GPT-2)."""
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                adds = "attention_out" in name or "mlp_out" in name
                scale = parameter.shape[1] ** -0.5
                nn.init.trunc_normal_(parameter, std=scale / (2 * layers) ** 0.5 if adds else scale)
            elif name.endswith(".bias"):
                nn.init.zeros_(parameter)

    def forward(
        self, tokens: Float[Tensor, "token width"], sequences: AnySequences, last_only: bool = False
    ) -> Float[Tensor, "out width"]:
        """Tokens sorted as `sequences` says, in and out; with `last_only` the last of each sequence alone comes out.

        Then no sequence may be empty, and the last layer computes these rows only.
        """
        count = tokens.shape[0]
        rows = padded(tokens)
        recompute = torch.is_grad_enabled() and count > RECOMPUTE_ABOVE
        for layer in self.layers:
            last = last_only and layer is self.layers[-1]
            if recompute:
                rows = checkpoint(layer, rows, sequences, last, use_reentrant=False)
            else:
                rows = layer(rows, sequences, last)
        return self.norm(rows if last_only else rows[:count])  # type: ignore[no-any-return]  # modules return Any
