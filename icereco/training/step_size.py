"""How far a step of the optimizer moves the weights."""

from collections.abc import Iterable

import torch
from torch import Tensor

from icereco.training.divided import whole

__all__ = ["UpdateRatio"]


class UpdateRatio:
    """The norm of a step of all weights over the norm of the weights before it.

    It is made before the step, and copies the weights: at the steps that are reported, not at every step.
    """

    def __init__(self, weights: Iterable[Tensor]) -> None:
        self._weights = [weight.detach() for weight in weights if weight.requires_grad]
        self._before = [weight.clone() for weight in self._weights]

    def after(self) -> float:
        """Return the ratio once the step is taken; 0 where all weights were zero."""
        with torch.no_grad():
            moved = whole(
                torch.nn.utils.get_total_norm(
                    [now - before for now, before in zip(self._weights, self._before, strict=True)]
                )
            )
            size = whole(torch.nn.utils.get_total_norm(self._before))
            return float(moved / size) if size > 0 else 0.0
