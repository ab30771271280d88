"""The optimizers of a model, combined into one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from icereco.model.precision import takes_bfloat16
from icereco.profiles.train_options import TrainOptions
from icereco.training.layer_depth import depths
from icereco.training.muon import Muon
from icereco.training.ranks import ALONE, Ranks

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

    def exchange(self, weights: Mapping[Tensor, Tensor], moment: Callable[[Tensor], Tensor]) -> None:
        """Go on with other tensors in place of the weights; `moment` makes their moments of those known so far."""
        for part in self.parts:
            for group in part.param_groups:
                group["params"] = [weights[one] for one in group["params"]]
            for old in list(part.state):
                state = part.state.pop(old)
                part.state[weights[old]] = {
                    name: moment(value) if value.shape == old.shape else value
                    for name, value in state.items()
                }


def build_optimizers(
    model: nn.Module,
    options: TrainOptions,
    ranks: Ranks = ALONE,
) -> Optimizers:
    """AdamW (Loshchilov and Hutter 2019) for all weights that are trained, or Muon for the matrices inside and AdamW for the rest.

    The rate falls by a factor of `layer_rate` with each layer from the outputs to the input. `ranks` share the work of Muon.
    """
    depth = depths([name for name, _ in model.named_parameters()])
    weights = [
        _Weight(name, value, options.layer_rate ** depth[name])
        for name, value in model.named_parameters()
        if value.requires_grad
    ]
    inside = [one for one in weights if options.optimizer == "muon" and one.is_inside]
    taken = {id(one) for one in inside}
    rest = [one for one in weights if id(one) not in taken]
    parts: list[torch.optim.Optimizer] = [_adamw(rest, options)] if rest else []
    if inside:
        bfloat16 = takes_bfloat16(options, inside[0].value.device)
        groups = _by_rate(inside, options.muon_learning_rate)
        parts.append(
            Muon(groups, options.muon_learning_rate, options.weight_decay, bfloat16=bfloat16, ranks=ranks)
        )
    for part in parts:
        for group in part.param_groups:
            group["full_rate"] = group["lr"]
    return Optimizers(tuple(parts))


@dataclass(frozen=True, slots=True, eq=False)
class _Weight:
    """A tensor to train, and the part of the learning rate at which its layer learns."""

    name: str
    value: Tensor
    rate: float

    @property
    def is_inside(self) -> bool:
        """Whether it is a matrix of a layer: Muon is for products between hidden vectors, not for embeddings, tables and the head."""
        return self.value.dim() == 2 and ".layers." in self.name and self.name.endswith(".weight")


def _adamw(weights: Sequence[_Weight], options: TrainOptions) -> torch.optim.AdamW:
    """Build AdamW with weight decay of matrices only; biases and norms do not decay."""
    matrices = _by_rate([one for one in weights if one.value.dim() >= 2], options.learning_rate)
    others = _by_rate([one for one in weights if one.value.dim() < 2], options.learning_rate)
    groups = [
        *(group | {"weight_decay": options.weight_decay} for group in matrices),
        *(group | {"weight_decay": 0.0} for group in others),
    ]
    return torch.optim.AdamW(groups, lr=options.learning_rate, fused=True)


def _by_rate(weights: Sequence[_Weight], full: float) -> list[dict[str, Any]]:
    """Groups of one learning rate each: a single one where all layers learn alike."""
    groups: dict[float, list[Tensor]] = {}
    for one in weights:
        groups.setdefault(one.rate, []).append(one.value)
    return [{"params": values, "lr": full * rate} for rate, values in groups.items()]
