"""Products of ragged rows with a weight matrix, in bfloat16 on CPUs without preparing each anew."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

__all__ = ["Linear", "linear"]

STEP = 128
"""Numbers of rows are rounded up to a multiple of this.

For a product in bfloat16 torch's library for CPUs generates code when its shape first occurs, which takes twice as long as the
product of 900 rows itself. No two batches have equally many pulses, but few such multiples occur.
"""


class Linear(torch.nn.Linear):
    """torch's linear layer, for ragged rows; see `linear`."""

    def forward(self, rows: Float[Tensor, "row input"]) -> Float[Tensor, "row output"]:
        """Multiply each row with the weights, and add the bias if there is one."""
        product = linear(rows, self.weight)
        bias: Tensor | None = self.bias
        return product if bias is None else product + bias.to(product.dtype)


def linear(
    rows: Float[Tensor, "row input"], weight: Float[Tensor, "output input"]
) -> Float[Tensor, "row output"]:
    """Multiply each row with a weight matrix, in the precision of the context."""
    if rows.device.type == "cpu" and torch.is_autocast_enabled("cpu"):
        product: Tensor = _Rounded.apply(rows, weight)  # type: ignore[no-untyped-call]  # torch's own
        return product
    return torch.nn.functional.linear(rows, weight)


class _Rounded(torch.autograd.Function):
    """The product with rows of zeros added, up to a multiple of `STEP`, and without them again."""

    @staticmethod
    @torch.autocast("cpu", enabled=False)  # type: ignore[untyped-decorator]  # torch's own
    def forward(
        ctx: Any, rows: Float[Tensor, "row input"], weight: Float[Tensor, "output input"]
    ) -> Float[Tensor, "row output"]:
        rounded, low = _rounded(rows), weight.bfloat16()
        ctx.save_for_backward(rounded, low)
        ctx.dtypes = rows.dtype, weight.dtype
        return (rounded @ low.T)[: len(rows)]

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, gradient: Float[Tensor, "row output"]
    ) -> tuple[Float[Tensor, "row input"] | None, Float[Tensor, "output input"] | None]:
        rounded, low = ctx.saved_tensors
        of_product, (of_rows, of_weight) = _rounded(gradient), ctx.needs_input_grad
        return (
            (of_product @ low)[: len(gradient)].to(ctx.dtypes[0]) if of_rows else None,
            (of_product.T @ rounded).to(ctx.dtypes[1]) if of_weight else None,
        )


def _rounded(rows: Float[Tensor, "row column"]) -> Float[Tensor, "rounded column"]:
    count = -(-len(rows) // STEP) * STEP
    if len(rows) == count:
        return rows.bfloat16()
    rounded = torch.empty(count, rows.shape[1], dtype=torch.bfloat16)
    rounded[: len(rows)] = rows
    rounded[len(rows) :] = 0.0
    return rounded
