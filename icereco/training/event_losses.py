"""The loss of each event of a batch: for its truth, or for what was hidden of it."""

import torch
from torch import Tensor, nn

from icereco.errors import IcerecoError
from icereco.events.batch import EventBatch
from icereco.events.tensors import TruthTensors, to_tensors, truth_tensors
from icereco.model.model import Model
from icereco.model.precision import training_precision
from icereco.model.several_losses import SeveralLosses
from icereco.profiles.train_options import TrainOptions
from icereco.protocols import SelfSupervised
from icereco.training.event_weights import EventWeights

__all__ = ["EventLosses", "outputs_and_losses"]


class EventLosses(nn.Module):
    """The losses of a training step as a module: gradients are averaged over processes for what the forward pass of one module uses.

    It must not know who trains with it: in a cycle of references the connection to other processes would outlive Python.
    """

    def __init__(self, model: Model, options: TrainOptions, weights: EventWeights | None) -> None:
        super().__init__()
        self.model = model
        self._options, self._weights = options, weights
        # Torch looks for weights that a batch does not use, and warns where it finds none.
        self._unused = nn.Parameter(torch.zeros(1, device=next(model.parameters()).device))

    def forward(self, batch: EventBatch) -> dict[str, Tensor]:
        """The losses `[E]` of the events: "loss", and its parts if there are several."""
        precision = training_precision(self._options, next(self.model.parameters()).device)
        return outputs_and_losses(self.model, batch, precision, self._weights)[1]


def outputs_and_losses(
    model: Model, batch: EventBatch, precision: torch.autocast, weights: EventWeights | None
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the model's outputs for each event and their losses `[E]`: "loss", and its parts if there are several."""
    if isinstance(model.loss, SelfSupervised):
        outputs, losses = _outputs_of_visible(model, model.loss, batch, precision)
    else:
        outputs, losses = _outputs_for_truth(model, batch, precision)
    if weights is not None:
        of_event = weights.of(batch, outputs.device)
        losses = {name: of_event * loss for name, loss in losses.items()}
    return outputs, losses


def _outputs_for_truth(
    model: Model, batch: EventBatch, precision: torch.autocast
) -> tuple[Tensor, dict[str, Tensor]]:
    device = next(model.parameters()).device
    if batch.truth is None:
        raise IcerecoError("the training data has no truth: it needs the columns azimuth and zenith")
    with precision:
        outputs = model(to_tensors(batch, device))
    truth = truth_tensors(batch.truth, device)
    with model.attributing("loss", "when it was given outputs"):
        return outputs, _losses(model, outputs, truth)


def _outputs_of_visible(
    model: Model, loss: SelfSupervised, batch: EventBatch, precision: torch.autocast
) -> tuple[Tensor, dict[str, Tensor]]:
    """Hide a part of each event: another in each step of training, the same in each validation."""
    device = next(model.parameters()).device
    draw = (
        int(torch.randint(2**31, ())) if model.training else 0
    )  # a resumed training goes on with these numbers
    with model.attributing("loss", "when it hid modules"):
        visible, hidden = (to_tensors(part, device) for part in loss.hide(batch, draw))
    with precision:
        outputs = model(visible)
    with model.attributing("loss", "when it was given outputs"):
        return outputs, {"loss": loss.of_hidden(outputs, visible, hidden)}


def _losses(model: Model, outputs: Tensor, truth: TruthTensors) -> dict[str, Tensor]:
    if not isinstance(model.loss, SeveralLosses):
        return {"loss": model.loss(outputs, truth)}
    parts = model.loss.parts(outputs, truth)
    return {"loss": model.loss.total(parts)} | {f"loss/{name}": part for name, part in parts.items()}
