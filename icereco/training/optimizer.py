# ruff: noqa: TID253 -- tensors are this module's business
"""AdamW, its parameter groups, and the learning rate along the way."""

import math

import torch
from torch import nn

from icereco.training.options import TrainOptions

__all__ = ["build_optimizer", "learning_rate_at", "set_learning_rate"]


def build_optimizer(model: nn.Module, options: TrainOptions) -> torch.optim.AdamW:
    """AdamW (Loshchilov and Hutter 2019); only matrices decay, biases and norms do not."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": options.weight_decay},
        {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=options.learning_rate, fused=True)


def learning_rate_at(progress: float, options: TrainOptions) -> float:
    """Linear warm-up, then a cosine to zero; `progress` is the part of all training events seen, 0 to 1.

    >>> learning_rate_at(1.0, TrainOptions(learning_rate=1e-3))
    0.0
    """
    warmup = options.warmup_fraction
    if progress < warmup:
        return options.learning_rate * progress / warmup
    along = min((progress - warmup) / (1.0 - warmup), 1.0)
    return options.learning_rate * 0.5 * (1.0 + math.cos(math.pi * along))


def set_learning_rate(optimizer: torch.optim.Optimizer, value: float) -> None:
    """The same learning rate for every parameter group."""
    for group in optimizer.param_groups:
        group["lr"] = value
