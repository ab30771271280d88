"""Tensors of which each process has some rows, and what all of them have together.

They are the DTensors of torch, which are recognised by their methods: to import the class takes half a second.
"""

from typing import cast

from torch import Tensor

__all__ = ["gathered", "is_divided", "own_rows", "whole"]


def is_divided(tensor: Tensor) -> bool:
    """Whether this process has some rows of it alone."""
    return hasattr(tensor, "full_tensor")


def own_rows(tensor: Tensor) -> Tensor:
    """What this process has of a tensor, in the same memory: all of it if it is not divided."""
    return cast("Tensor", tensor.to_local()) if is_divided(tensor) else tensor  # type: ignore[attr-defined]


def whole(tensor: Tensor) -> Tensor:
    """All of a tensor; of one that is divided, all processes must ask for it together."""
    return cast("Tensor", tensor.full_tensor()) if is_divided(tensor) else tensor  # type: ignore[attr-defined]


def gathered(tensor: Tensor, keep: bool) -> Tensor:
    """All of a tensor as `whole` has it, which is no longer on a GPU if it was divided; without `keep` nothing of that."""
    if not is_divided(tensor):
        return tensor
    full = whole(tensor.detach())
    return full.cpu() if keep else full.new_empty(0)
