"""Operations of torch that its converter to ONNX lacks, or that it writes with what onnxruntime lacks."""

from collections.abc import Callable
from typing import Any

import torch

__all__ = ["translations"]

_FLOAT32 = 1
"""ONNX's number of the type: TensorProto.FLOAT."""


def translations() -> dict[Callable[..., Any], Callable[..., Any]]:
    """Return functions that write these operations with those of ONNX; needs onnxscript."""
    from onnxscript import opset18 as op

    def sort_stable(self: Any, stable: bool = False, dim: int = -1, descending: bool = False) -> Any:  # noqa: ARG001 -- torch's signature
        """TopK of all: of equal values the one that comes first is first, as the standard of ONNX says."""
        count = op.Gather(op.Shape(self), op.Constant(value_ints=[dim]))  # type: ignore[type-var]  # torch makes it integers
        return op.TopK(self, count, axis=dim, largest=int(descending), sorted=1)

    def index_add(self: Any, dim: int, index: Any, source: Any, alpha: float = 1.0) -> Any:  # noqa: ARG001 -- torch's signature
        """A scatter by elements: that of slices, torch's own choice, is added up by several threads of onnxruntime at once and then wrong."""
        column = op.Reshape(index, op.Constant(value_ints=[-1] + [1] * (len(source.shape) - 1)))  # type: ignore[arg-type]  # as above
        rows = op.Expand(column, op.Shape(source))
        return op.ScatterElements(self, rows, source, axis=dim, reduction="add")

    def asinh(self: Any) -> Any:
        """In float32, the only one that onnxruntime has."""
        return op.CastLike(op.Asinh(op.Cast(self, to=_FLOAT32)), self)  # type: ignore[type-var]  # torch makes it float64

    return {
        torch.ops.aten.sort.stable: sort_stable,
        torch.ops.aten.index_add.default: index_add,
        torch.ops.aten.asinh.default: asinh,
    }
