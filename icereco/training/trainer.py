"""The training loop: batches in, steps, validations and checkpoints out."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor

from icereco.errors import IcerecoError
from icereco.evaluation.validation_figures import ValidationFigures
from icereco.events.batch import EventBatch
from icereco.events.tensors import TruthTensors, to_tensors, truth_tensors
from icereco.model.model import Model
from icereco.model.precision import full_precision, training_precision
from icereco.model.several_losses import SeveralLosses
from icereco.profiles.train_options import TrainOptions
from icereco.protocols import SelfSupervised
from icereco.training.averaging import AveragedModel, averaged
from icereco.training.event_weights import EventWeights
from icereco.training.observer import TrainingObserver
from icereco.training.optimizer import Optimizers
from icereco.training.resume_state import Position
from icereco.training.schedule import rate_at
from icereco.training.step_size import UpdateRatio
from icereco.training.stop_request import StopRequest

__all__ = ["Batches", "NonFiniteLossError", "Trainer"]


@runtime_checkable
class Batches(Protocol):
    """Training events, in an order that (seed, epoch) fixes."""

    def __len__(self) -> int:
        """The number of events."""
        ...

    def epoch(self, epoch: int, start_batch: int = 0) -> Iterator[EventBatch]:
        """The batches of an epoch, from the `start_batch`th on."""
        ...


class NonFiniteLossError(IcerecoError):
    """The loss or its gradient is not finite; the weights are still those of the previous step."""


@dataclass(slots=True)
class Trainer:
    """One training, from `position` to the end of the last epoch.

    Attributes:
        validation: returns the batches to validate on, the same at each call.
        observer: receives every step, validation and checkpoint, and may wait between two steps.
        average: the running mean of the weights, if one is kept.
        weights: of the events in the loss; None where all count alike.
    """

    model: Model
    optimizers: Optimizers
    options: TrainOptions
    batches: Batches
    validation: Callable[[], Iterator[EventBatch]]
    observer: TrainingObserver
    average: AveragedModel | None = None
    weights: EventWeights | None = None
    position: Position = field(default_factory=Position)

    def run(self, stop: StopRequest) -> bool:
        """Train to the end, early or not, or until a stop is requested; True if the end was reached.

        Raises:
            NonFiniteLossError: with the event ids of the batch.
        """
        while self.position.epoch < self.options.epochs and not self.ends_early:
            self._run_epoch(stop)
            if stop:
                return False
            if not self.ends_early:
                self.position.epoch += 1
                self.position.batch = 0
        return True

    @property
    def progress(self) -> float:
        """Return the fraction of all training events seen, 0 to 1."""
        return self.position.progress(self.options.epochs * len(self.batches))

    @property
    def ends_early(self) -> bool:
        """Return whether the loss has not fallen for as many validations as there is patience, before the last epoch is over."""
        return 0 < self.options.patience <= self.position.validations_since_best and self.progress < 1.0

    def _run_epoch(self, stop: StopRequest) -> None:
        position = self.position
        stream = self.batches.epoch(position.epoch, position.batch)
        while batches := list(islice(stream, self.options.batches_per_step)):
            started = time.perf_counter()
            losses, events = self.step(*batches), sum(map(len, batches))
            position.batch += len(batches)
            position.step += 1
            position.events += events
            position.seconds += time.perf_counter() - started
            self._report(losses, events)
            if (
                self.progress * self.options.epochs * self.options.validations_per_epoch
                >= position.validations + 1
            ):
                self._validate()
            self.observer.between_steps()
            if stop or self.ends_early:
                return
        # A stream whose length is only estimated may end an epoch before the last validation is due.
        if position.validations < (position.epoch + 1) * self.options.validations_per_epoch:
            self._validate()

    def step(self, *batches: EventBatch) -> dict[str, float]:
        """One optimizer step on the events of all batches.

        Returns:
            Their mean "loss", and "loss/<name>" where there are several; "gradient_norm"; at steps that are reported
            "update_ratio".
        """
        self.model.train()
        self.optimizers.zero_grad()
        device = next(self.model.parameters()).device
        events, values = sum(map(len, batches)), dict[str, float]()
        for batch in batches:
            precision = training_precision(self.options, device)
            _, of_batch = self._outputs(self.model, batch, precision)
            losses = {name: loss.sum() / events for name, loss in of_batch.items()}
            numbers = torch.stack(
                [*losses.values()]
            ).tolist()  # all at once: reading a number from a GPU waits for it
            values = {
                name: values.get(name, 0.0) + number for name, number in zip(losses, numbers, strict=True)
            }
            if not np.isfinite(values["loss"]):
                raise NonFiniteLossError(self._blame(batch, "loss"))
            losses["loss"].backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.options.gradient_clip)
        if not torch.isfinite(norm):
            raise NonFiniteLossError(self._blame(batches[-1], "gradient"))
        values["gradient_norm"] = float(norm)
        reported = (self.position.step + 1) % self.options.log_every_steps == 0
        ratio = UpdateRatio(self.model.parameters()) if reported else None
        self.optimizers.step(rate_at(self.progress, self.options))
        if ratio is not None:
            values["update_ratio"] = ratio.after()
        if self.average is not None:
            self.average.update_parameters(self.model)
        return values

    def _outputs(
        self, model: Model, batch: EventBatch, precision: torch.autocast
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the model's outputs for each event and their losses `[E]`: "loss", and its parts if there are several."""
        if isinstance(model.loss, SelfSupervised):
            outputs, losses = _outputs_of_visible(model, model.loss, batch, precision)
        else:
            outputs, losses = _outputs_for_truth(model, batch, precision)
        if self.weights is not None:
            weights = self.weights.of(batch, outputs.device)
            losses = {name: weights * loss for name, loss in losses.items()}
        return outputs, losses

    def _blame(self, batch: EventBatch, what: str) -> str:
        shown = ", ".join(map(str, batch.event_id[:8])) + (", …" if len(batch) > 8 else "")
        return (
            f"the {what} is not finite at step {self.position.step + 1} (epoch {self.position.epoch + 1}); the batch "
            f"holds {len(batch)} events with event_id {shown}. The last good checkpoint is kept. "
            "Try a lower rate: -o train.learning_rate=…, or look at those events"
        )

    def _report(self, losses: dict[str, float], events: int) -> None:
        position = self.position
        self.observer.on_step(position, losses["loss"])
        position.losses.append((losses, events))
        if position.step % self.options.log_every_steps == 0:
            means = {f"train/{name}": value for name, value in _means(position.losses).items()}
            position.losses.clear()
            rate = self.options.learning_rate * rate_at(self.progress, self.options)
            self.observer.on_metrics(self._line() | means | {"train/learning_rate": rate})

    def _line(self) -> dict[str, Any]:
        position = self.position
        return {
            "step": position.step,
            "epoch": self.progress * self.options.epochs,
            "events": position.events,
            "seconds": round(position.seconds, 3),
        }

    def _validate(self) -> None:
        self.position.validations += 1
        self.position.validations_since_best += 1
        metrics = self.validate()
        self.observer.on_metrics(
            self._line() | {f"validation/{name}": value for name, value in metrics.items()}
        )
        best = self.position.best_loss
        if best is None or metrics["loss"] < best:  # a median over so few events is too noisy to choose by
            self.position.best_loss = metrics["loss"]
            self.position.validations_since_best = 0
            self.position.best_median_deg = metrics.get("median_deg")
            self.observer.on_checkpoint("best")
        self.observer.on_checkpoint("last")

    def validate(self) -> dict[str, float]:
        """Losses and errors over the validation events, flat: "loss", "median_deg", "median_deg/<200", …."""
        model = averaged(self.model, self.average).eval()
        device = next(model.parameters()).device
        losses: list[dict[str, ndarray]] = []
        figures = ValidationFigures()
        with self.observer.during_validation():
            for batch in self.validation():
                with torch.no_grad():
                    outputs, of_batch = self._outputs(model, batch, full_precision(device))
                    reconstruction = model.decode(outputs, batch)
                losses.append({name: loss.cpu().numpy() for name, loss in of_batch.items()})
                if not isinstance(model.loss, SelfSupervised):
                    assert batch.truth is not None  # training does not begin without truth
                    figures.add(reconstruction, batch.truth, batch.pulse_count)
                self.observer.on_validation_batch(batch, reconstruction)
        means = {name: float(np.concatenate([one[name] for one in losses]).mean()) for name in losses[0]}
        return means if isinstance(model.loss, SelfSupervised) else means | figures.flat()


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


def _means(steps: Sequence[tuple[dict[str, float], int]]) -> dict[str, float]:
    """Average the values of several steps, weighted with their numbers of events; some steps may lack some values."""
    means = {}
    for name in dict.fromkeys(name for values, _ in steps for name in values):
        known = [(values[name], events) for values, events in steps if name in values]
        means[name] = float(
            np.average([value for value, _ in known], weights=[events for _, events in known])
        )
    return means
