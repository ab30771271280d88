"""Muon: momentum whose matrices are made orthogonal before they are taken as a step."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["Muon", "orthogonal"]

_QUINTIC = (3.4445, -4.7750, 2.0315)
_ROUNDS = 5


class Muon(torch.optim.Optimizer):
    """Muon for matrices (K. Jordan et al. 2024), with decoupled weight decay.

    A step is 0.2 √max(rows, columns) × the learning rate × the orthogonal matrix nearest to the momentum, which makes its
    size that of an AdamW step (Liu et al., arXiv:2502.16982). Unlike `torch.optim.Muon` it orthogonalises in the precision
    of the weights: bfloat16, fixed there, makes a step 8 to 50 times slower on CPUs, with and without instructions for it.
    """

    def __init__(
        self, params: Iterable[Tensor], lr: float, weight_decay: float, momentum: float = 0.95
    ) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]  # torch overloads it
        """Take one step; gradients are not changed."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._move(weight, weight.grad, group)
        return None if closure is None else closure()

    def _move(self, weight: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[weight]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(weight)
        momentum = state["momentum"].lerp_(gradient, 1 - group["momentum"])
        ahead = gradient.lerp(momentum, group["momentum"])  # Nesterov's
        weight.mul_(1 - group["lr"] * group["weight_decay"])
        weight.add_(orthogonal(ahead), alpha=-0.2 * max(weight.shape) ** 0.5 * group["lr"])


def orthogonal(matrix: Float[Tensor, "row column"]) -> Float[Tensor, "row column"]:
    """Approximate the orthogonal factor U Vᵀ of matrix = U S Vᵀ (singular values 0.7 to 1.2) by Newton-Schulz iteration.

    Each round replaces X by P X with P = a + b X Xᵀ + c (X Xᵀ)². All the P are polynomials of the first X Xᵀ, so rounds are
    taken on that small square matrix, and X is multiplied once, by the product of the P: 0.6 of the arithmetic.
    """
    a, b, c = _QUINTIC
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    wide = wide / (wide.norm() + 1e-7)
    gram = wide @ wide.T
    product = torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    for _ in range(_ROUNDS):
        factor = torch.addmm(gram, gram, gram, beta=b, alpha=c)
        factor.diagonal().add_(a)
        product = factor @ product
        gram = factor @ gram @ factor
    nearest: Tensor = product @ wide
    return nearest if matrix.shape[0] <= matrix.shape[1] else nearest.T
