"""Heads: from the event vector to the outputs that losses need."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["Head", "Heads"]


class Head(nn.Module):
    """Event vector → outputs.

    The last layer starts small and without bias, so that the first outputs are short vectors in all directions: a head
    that starts with one large common direction tends to stay there.
    """

    def __init__(self, width: int, output_count: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(width, width)
        self.out = nn.Linear(width, output_count)
        nn.init.normal_(self.out.weight, std=0.1 * width**-0.5)
        nn.init.zeros_(self.out.bias)

    def forward(self, events: Float[Tensor, "event width"]) -> Float[Tensor, "event output"]:
        """Map event vectors to outputs through one hidden layer."""
        return self.out(nn.functional.gelu(self.hidden(events)))  # type: ignore[no-any-return]  # modules return Any

    def shift(self, by: Float[Tensor, "output"]) -> None:
        """Add a constant to all outputs."""
        with torch.no_grad():
            self.out.bias.add_(by)


class Heads(nn.Module):
    """Several heads on one event vector, each for one loss; their outputs side by side, in their order."""

    def __init__(self, width: int, output_counts: Mapping[str, int]) -> None:
        super().__init__()
        self.heads = nn.ModuleDict({name: Head(width, count) for name, count in output_counts.items()})

    def forward(self, events: Float[Tensor, "event width"]) -> Float[Tensor, "event output"]:
        """Concatenate the outputs of all heads."""
        return torch.cat([head(events) for head in self.heads.values()], -1)
