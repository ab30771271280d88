"""Muon: momentum whose matrices are made orthogonal before they are taken as a step."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from icereco.training.divided import is_divided, own_rows
from icereco.training.ranks import ALONE, Ranks

__all__ = ["Muon", "orthogonal"]

_QUINTIC = (3.4445, -4.7750, 2.0315)
_WHOLE_NUMBERS = 2**24
"""How many numbers of matrices that are divided each process has whole at once, unless single ones are larger."""


class Muon(torch.optim.Optimizer):
    """Muon for matrices (K. Jordan et al. 2024), with decoupled weight decay.

    A step is 0.2 √max(rows, columns) × the learning rate × the orthogonal matrix nearest to the momentum, which makes its
    size that of an AdamW step (Liu et al., arXiv:2502.16982). Matrices of one shape are moved together: products of stacks
    are several times faster than one small product after another, and those of `torch.optim.Muon`, in bfloat16 one by one,
    are 30 times slower on CPUs. Groups of parameters may differ in their learning rate alone, and share these products.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float,
        weight_decay: float,
        momentum: float = 0.95,
        bfloat16: bool = False,
        ranks: Ranks = ALONE,
    ) -> None:
        """Prepare an optimizer of matrices.

        Args:
            params: matrices, or groups of them with a learning rate of their own.
            lr: the learning rate.
            weight_decay: of the matrices, times the learning rate in each step.
            momentum: the part of it that a step keeps.
            bfloat16: the precision of its products, which are else in the weights' own.
            ranks: processes with the same weights and gradients, or each with some of their rows, which share the products.
        """
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})
        self._bfloat16 = bfloat16
        self._ranks = ranks

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]  # torch overloads it
        """Take one step; gradients are not changed."""
        alike = defaultdict(list)
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    alike[weight.shape].append((weight, group["lr"]))
        for weights in alike.values():
            self._move(*zip(*weights, strict=True))
        return None if closure is None else closure()

    def _move(self, weights: Sequence[Tensor], rates: Sequence[float]) -> None:
        """Move matrices of one shape; those of one rate follow each other."""
        steps = self._steps(self._ahead(weights), weights[0]).unbind()
        for rate, places in groupby(range(len(weights)), key=rates.__getitem__):
            some = list(places)
            moved = [own_rows(weights[place]) for place in some]
            torch._foreach_mul_(moved, 1 - rate * self.defaults["weight_decay"])
            size = 0.2 * max(weights[0].shape) ** 0.5 * rate
            torch._foreach_add_(moved, [steps[place] for place in some], alpha=-size)

    def _ahead(self, weights: Sequence[Tensor]) -> Float[Tensor, "matrix own_row column"]:
        """Update the momenta, and return where they are with the gradient once more (Nesterov's).

        One process has no use for them but products, in bfloat16 if that is the products'; several send each other steps in the
        precision of the weights.
        """
        gradients = [own_rows(weight.grad) for weight in weights if weight.grad is not None]
        momenta = [own_rows(self._momentum(weight)) for weight in weights]
        torch._foreach_lerp_(momenta, gradients, 1 - self.defaults["momentum"])
        rounds = self._bfloat16 and self._ranks.count == 1
        dtype = torch.bfloat16 if rounds else gradients[0].dtype
        ahead = gradients[0].new_empty((len(gradients), *gradients[0].shape), dtype=dtype)
        torch._foreach_copy_(
            list(ahead.unbind()), torch._foreach_lerp(gradients, momenta, self.defaults["momentum"])
        )
        return ahead

    def _steps(
        self, ahead: Float[Tensor, "matrix own_row column"], like: Tensor
    ) -> Float[Tensor, "matrix own_row column"]:
        """The orthogonal matrices, or of matrices that are divided as `like` is the own rows of them."""
        if not is_divided(like):
            return self._ranks.spread(self._orthogonal, ahead)
        at_once = max(_WHOLE_NUMBERS // like.numel(), self._ranks.count)
        return torch.cat(
            [
                self._ranks.own_rows(
                    self._ranks.spread(self._orthogonal, self._ranks.joined_rows(some, len(like)))
                )
                for some in ahead.split(at_once)
            ]
        )

    def _orthogonal(self, matrices: Float[Tensor, "matrix row column"]) -> Float[Tensor, "matrix row column"]:
        return orthogonal(matrices.bfloat16() if self._bfloat16 else matrices).to(matrices.dtype)

    def _momentum(self, weight: Tensor) -> Tensor:
        state = self.state[weight]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(weight)
        momentum: Tensor = state["momentum"]
        return momentum


def orthogonal(matrices: Float[Tensor, "matrix row column"]) -> Float[Tensor, "matrix row column"]:
    """Approximate the orthogonal factor U Vᵀ of each X = U S Vᵀ (singular values 0.7 to 1.2) by Newton-Schulz iteration.

    Each round replaces X by P X with P = a + b G + c G² and G = X Xᵀ, or by X P with G = Xᵀ X where that is the smaller
    matrix. All P of rounds that follow each other are polynomials of the first G, so X is multiplied once, by their product
    (J. Zhang et al. 2026, "Gram Newton-Schulz"). For 128×512 numbers that is a third less arithmetic; square matrices gain
    nothing, and are multiplied in each round.
    """
    rows, columns = matrices.shape[1:]
    tall = rows > columns
    matrices = matrices / (torch.linalg.vector_norm(matrices, dim=(1, 2), keepdim=True) + 1e-7)
    for rounds in _rounds(matrices):
        gram = torch.bmm(matrices.mT, matrices) if tall else torch.bmm(matrices, matrices.mT)
        product = _product(gram, rounds)
        matrices = torch.bmm(matrices, product) if tall else torch.bmm(product, matrices)
    return matrices


def _rounds(matrices: Float[Tensor, "matrix row column"]) -> tuple[int, ...]:
    """How many rounds to take before each new G, five in all.

    In bfloat16 a new one is needed after three: rounding leaves eigenvalues of G below zero, which grow twelvefold a round.
    """
    short, long = sorted(matrices.shape[1:])
    if 2 * long <= 3 * short:
        return (1,) * 5
    return (3, 2) if matrices.dtype == torch.bfloat16 else (5,)


def _product(gram: Float[Tensor, "matrix side side"], rounds: int) -> Float[Tensor, "matrix side side"]:
    """Multiply the factors P of some rounds that begin at G."""
    a, b, c = _QUINTIC
    product = None
    for remaining in reversed(range(rounds)):
        factor = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        factor.diagonal(dim1=1, dim2=2).add_(a)
        product = factor if product is None else torch.bmm(factor, product)
        if remaining:
            gram = torch.bmm(torch.bmm(factor, gram), factor)
    assert product is not None  # there are rounds
    return product
