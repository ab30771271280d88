"""Operations of torch that its converter to ONNX lacks."""

from collections.abc import Callable
from typing import Any

import torch

__all__ = ["translations"]


def translations() -> dict[Callable[..., Any], Callable[..., Any]]:
    """Return functions that write these operations with those of ONNX; needs onnxscript."""
    from onnxscript import opset18 as op

    def sort_stable(self: Any, stable: bool = False, dim: int = -1, descending: bool = False) -> Any:  # noqa: ARG001 -- torch's signature
        """TopK of all: of equal values the one that comes first is first, as the standard of ONNX says."""
        count = op.Gather(op.Shape(self), op.Constant(value_ints=[dim]))  # type: ignore[type-var]  # torch makes it integers
        return op.TopK(self, count, axis=dim, largest=int(descending), sorted=1)

    return {torch.ops.aten.sort.stable: sort_stable}
