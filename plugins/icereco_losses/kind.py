"""The kind of an event as a loss: a probability for each kind that icereco tells apart."""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from icereco.events.reconstruction import Estimates
from icereco.events.tensors import TruthTensors
from icereco.events.truth import EVENT_KINDS, Target
from icereco_losses.options import KindOptions
from icereco_losses.sphere import full_precision

__all__ = ["KindLoss"]


class KindLoss(nn.Module):
    """−log of the probability of the true kind, with an output for each of `EVENT_KINDS`; other kinds count as unknown."""

    output_count = len(EVENT_KINDS)
    targets: tuple[Target, ...] = ("kind",)
    exportable = True

    def __init__(self, options: KindOptions) -> None:
        super().__init__()
        self.options = options

    def forward(self, outputs: Float[Tensor, "event kind"], truth: TruthTensors) -> Float[Tensor, "event"]:
        """The cross-entropy `[E]`, at least float32."""
        assert truth.kind is not None  # declared in `targets`
        return cross_entropy(full_precision(outputs), truth.kind, reduction="none")

    def decode(self, outputs: Float[Tensor, "event kind"]) -> Estimates:
        """Probabilities of the kinds."""
        return Estimates(kind_probability=full_precision(outputs).softmax(-1))
