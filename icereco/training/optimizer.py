"""The optimizers of a model, combined into one."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from icereco.model.precision import takes_bfloat16
from icereco.profiles.train_options import TrainOptions
from icereco.training.muon import Muon

__all__ = ["Optimizers", "build_optimizers"]


@dataclass(frozen=True, slots=True)
class Optimizers:
    """One or more optimizers that step together, each for its own part of the parameters."""

    parts: tuple[torch.optim.Optimizer, ...]

    def step(self, rate: float) -> None:
        """Take one step with `rate` (0 to 1) times the full learning rate of each optimizer."""
        for part in self.parts:
            for group in part.param_groups:
                group["lr"] = rate * group["full_rate"]
            part.step()

    def zero_grad(self) -> None:
        """Clear the gradients of all parameters."""
        for part in self.parts:
            part.zero_grad(set_to_none=True)


def build_optimizers(model: nn.Module, options: TrainOptions) -> Optimizers:
    """AdamW (Loshchilov and Hutter 2019) for all parameters that are trained, or Muon for the matrices inside and AdamW for the rest."""
    parameters = [(name, value) for name, value in model.named_parameters() if value.requires_grad]
    inside = [value for name, value in parameters if options.optimizer == "muon" and _is_inside(name, value)]
    taken = {id(value) for value in inside}
    rest = [value for _, value in parameters if id(value) not in taken]
    parts: list[torch.optim.Optimizer] = [_adamw(rest, options)] if rest else []
    if inside:
        bfloat16 = takes_bfloat16(options, inside[0].device)
        parts.append(Muon(inside, options.muon_learning_rate, options.weight_decay, bfloat16=bfloat16))
    for part in parts:
        for group in part.param_groups:
            group["full_rate"] = group["lr"]
    return Optimizers(tuple(parts))


def _is_inside(name: str, value: Tensor) -> bool:
    """A matrix of a layer: Muon is for products between hidden vectors, not for embeddings, tables and the head."""
    return value.dim() == 2 and ".layers." in name and name.endswith(".weight")


def _adamw(parameters: Sequence[Tensor], options: TrainOptions) -> torch.optim.AdamW:
    """Build AdamW with weight decay of matrices only; biases and norms do not decay."""
    groups = [
        {"params": [value for value in parameters if value.dim() >= 2], "weight_decay": options.weight_decay},
        {"params": [value for value in parameters if value.dim() < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=options.learning_rate, fused=True)
