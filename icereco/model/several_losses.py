"""Several losses as one: each has its own outputs, its own target and its own weight."""

import dataclasses
from collections.abc import Mapping
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from icereco.events.reconstruction import Estimates
from icereco.events.tensors import TruthTensors
from icereco.events.truth import Target
from icereco.plugins.attribution import attributing
from icereco.plugins.built import Built
from icereco.protocols import Loss

__all__ = ["DIRECTION", "SeveralLosses"]

DIRECTION = "direction"
"""The name of the profile's `[loss]` among several."""


class SeveralLosses(nn.Module):
    """A `Loss` whose outputs are those of its parts side by side, and whose value is their weighted sum.

    An event whose target is unknown contributes zero to that part.

    Attributes:
        output_count: outputs of all parts; output_counts: of each, by name.
        targets: of all parts.
        weights: of each part.
    """

    def __init__(self, losses: Mapping[str, Built[Loss]], weights: Mapping[str, float]) -> None:
        """Combine losses.

        Args:
            losses: by name, the direction's first.
            weights: of each.

        Raises:
            ValueError: two of them estimate the same target.
        """
        super().__init__()
        parts = {name: loss.component for name, loss in losses.items()}
        self.losses = nn.ModuleDict(cast("dict[str, nn.Module]", parts))
        self.declarations = {name: loss.declaration for name, loss in losses.items()}
        self.weights = dict(weights)
        self.output_counts = {name: loss.output_count for name, loss in parts.items()}
        self.output_count = sum(self.output_counts.values())
        self.targets: tuple[Target, ...] = tuple(target for loss in parts.values() for target in loss.targets)
        for target in self.targets:
            if self.targets.count(target) > 1:
                names = [name for name, loss in parts.items() if target in loss.targets]
                raise ValueError(
                    f"the losses {' and '.join(names)} both estimate the {target}; keep one of them"
                )

    def forward(self, outputs: Float[Tensor, "event output"], truth: TruthTensors) -> Float[Tensor, "event"]:
        """Compute the weighted sum `[E]`."""
        return self.total(self.parts(outputs, truth))

    def total(self, parts: Mapping[str, Float[Tensor, "event"]]) -> Float[Tensor, "event"]:
        """Compute the weighted sum `[E]` of the losses from `parts`."""
        return torch.stack([self.weights[name] * part for name, part in parts.items()]).sum(0)

    def parts(
        self, outputs: Float[Tensor, "event output"], truth: TruthTensors
    ) -> dict[str, Float[Tensor, "event"]]:
        """Compute the loss of each part `[E]` by name, unweighted; zero where its target is unknown."""
        values = {}
        for name, part in self._split(outputs).items():
            with attributing(self.declarations[name], "when it was given outputs"):
                values[name] = _of_known(cast("Loss", self.losses[name]), part, truth)
        return values

    def decode(self, outputs: Float[Tensor, "event output"]) -> Estimates:
        """Merge the estimates of all parts."""
        known: dict[str, Any] = {}
        names = [field.name for field in dataclasses.fields(Estimates)]
        for name, part in self._split(outputs).items():
            with attributing(self.declarations[name], "when it decoded outputs"):
                estimates = cast("Loss", self.losses[name]).decode(part)
            known |= {field: value for field in names if (value := getattr(estimates, field)) is not None}
        return Estimates(**known)

    def _split(self, outputs: Float[Tensor, "event output"]) -> dict[str, Float[Tensor, "event part"]]:
        parts: tuple[Tensor, ...] = torch.split(outputs, list(self.output_counts.values()), -1)
        return dict(zip(self.output_counts, parts, strict=True))


def _of_known(
    loss: Loss, outputs: Float[Tensor, "event part"], truth: TruthTensors
) -> Float[Tensor, "event"]:
    """Compute the loss of events with known target only: NaN targets would make gradients NaN even with zero weight."""
    known = torch.stack([truth.known(target) for target in loss.targets]).all(0)
    if known.all():
        return loss(outputs, truth)
    values = loss(outputs[known], truth.take(known))
    return values.new_zeros(len(outputs)).masked_scatter(known, values)
