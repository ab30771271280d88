"""The head: from the event vector to the outputs that a loss asks for."""

from jaxtyping import Float
from torch import Tensor, nn


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
        """One hidden layer."""
        return self.out(nn.functional.gelu(self.hidden(events)))  # type: ignore[no-any-return]  # modules return Any
