"""Several losses at once, weighted."""

from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from icereco.events.reconstruction import Estimates
from icereco.events.tensors import TruthTensors
from icereco.events.truth import Target
from icereco.plugins.discovery import registry
from icereco.protocols import Exportable, SelfSupervised
from icereco_losses.options import WeightedSumOptions

__all__ = ["WeightedSumLoss"]

_VECTOR = 3


class WeightedSumLoss(nn.Module):
    """The first loss owns the outputs and decodes them; the others judge the direction that it decodes.

    So an opening angle can be added to any density: the likelihood of a dim event is broad, and the figure of merit
    is the angle (iceaggr: `vmf` plus half of `angular`).
    """

    targets: tuple[Target, ...] = ("direction",)

    def __init__(self, options: WeightedSumOptions) -> None:
        super().__init__()
        self.weights = options.weights
        self.losses = nn.ModuleList(
            _build(name, given) for name, given in zip(options.losses, options.given, strict=True)
        )
        for name, loss in zip(options.losses, self.losses, strict=True):
            if isinstance(loss, SelfSupervised):
                raise ValueError(
                    f"the loss {name!r} hides modules from the model, and so has to be the only loss"
                )
        for name, loss in zip(options.losses[1:], self.losses[1:], strict=True):
            if loss.output_count != _VECTOR:
                raise ValueError(
                    f"the loss {name!r} needs {loss.output_count} outputs and cannot be applied to a direction; name it first"
                )
        self.output_count = self.losses[0].output_count

    @property
    def exportable(self) -> bool:
        """Whether the first loss is, which decodes."""
        first = self.losses[0]
        return isinstance(first, Exportable) and first.exportable

    def forward(self, outputs: Float[Tensor, "event output"], truth: TruthTensors) -> Float[Tensor, "event"]:
        """The weighted sum `[E]`, at least float32."""
        first, *others = self.losses
        total: Tensor = self.weights[0] * first(outputs, truth)
        if others:
            direction = self.decode(outputs).direction
            for weight, loss in zip(self.weights[1:], others, strict=True):
                total = total + weight * loss(direction, truth)
        return total

    def decode(self, outputs: Float[Tensor, "event output"]) -> Estimates:
        """As the first loss decodes."""
        first: Any = self.losses[0]
        estimates: Estimates = first.decode(outputs)
        return estimates


def _build(name: str, options: dict[str, Any]) -> Any:
    component = registry().get("loss", name)
    return component.load_factory()(component.load_options()(**options))
