"""The training loop: batches in, steps, validations and checkpoints out."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from icereco.errors import IcerecoError
from icereco.evaluation.resolution import Resolution, Summary, summarize
from icereco.events.batch import EventBatch
from icereco.events.tensors import to_tensors, truth_tensors
from icereco.model.model import Model
from icereco.model.precision import autocast
from icereco.physics.sphere import opening_angle
from icereco.profiles.train_options import TrainOptions
from icereco.training.averaging import AveragedModel, averaged
from icereco.training.observer import TrainingObserver
from icereco.training.optimizer import Optimizers
from icereco.training.resume_state import Position
from icereco.training.schedule import rate_at
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
    """The loss or its gradient is no number; the weights are still those of the step before."""


@dataclass(slots=True)
class Trainer:
    """One training, from wherever `position` stands to the end of the last epoch.

    Attributes:
        validation: calls for the batches to validate on; the same ones each time.
        observer: is reported every step, validation and checkpoint, and may wait between two steps.
        average: the running mean of the weights, if one is kept.
    """

    model: Model
    optimizers: Optimizers
    options: TrainOptions
    batches: Batches
    validation: Callable[[], Iterator[EventBatch]]
    observer: TrainingObserver
    average: AveragedModel | None = None
    position: Position = field(default_factory=Position)

    def run(self, stop: StopRequest) -> bool:
        """Train to the end, or until a stop is asked for; True if the end was reached.

        Raises:
            NonFiniteLossError: with the event ids of the batch.
        """
        while self.position.epoch < self.options.epochs:
            self._run_epoch(stop)
            if stop:
                return False
            self.position.epoch += 1
            self.position.batch = 0
        return True

    @property
    def progress(self) -> float:
        """The part of all training events seen, 0 to 1."""
        return self.position.progress(self.options.epochs * len(self.batches))

    def _run_epoch(self, stop: StopRequest) -> None:
        position = self.position
        stream = self.batches.epoch(position.epoch, position.batch)
        while batches := list(islice(stream, self.options.batches_per_step)):
            started = time.perf_counter()
            loss, events = self.step(*batches), sum(map(len, batches))
            position.batch += len(batches)
            position.step += 1
            position.events += events
            position.seconds += time.perf_counter() - started
            self._report(loss, events)
            if (
                self.progress * self.options.epochs * self.options.validations_per_epoch
                >= position.validations + 1
            ):
                self._validate()
            self.observer.between_steps()
            if stop:
                return
        # A stream that knows its length only about may end an epoch before the last validation is due.
        if position.validations < (position.epoch + 1) * self.options.validations_per_epoch:
            self._validate()

    def step(self, *batches: EventBatch) -> float:
        """One optimizer step on the events of all batches; the mean loss over them."""
        self.model.train()
        self.optimizers.zero_grad()
        events, value = sum(map(len, batches)), 0.0
        for batch in batches:
            loss = self._outputs(self.model, batch)[1].sum() / events
            value += loss.item()
            if not np.isfinite(value):
                raise NonFiniteLossError(self._blame(batch, "loss"))
            loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.options.gradient_clip)
        if not torch.isfinite(norm):
            raise NonFiniteLossError(self._blame(batches[-1], "gradient"))
        self.optimizers.step(rate_at(self.progress, self.options))
        if self.average is not None:
            self.average.update_parameters(self.model)
        return value

    def _outputs(self, model: Model, batch: EventBatch) -> tuple[Tensor, Tensor]:
        """What a model says of each event, and the loss of that."""
        device = next(model.parameters()).device
        if batch.truth is None:
            raise IcerecoError("the training data has no truth: it needs the columns azimuth and zenith")
        with autocast(self.options, device):
            outputs = model(to_tensors(batch, device))
        truth = truth_tensors(batch.truth, device)
        with model.attributing("loss", "when it was given outputs"):
            return outputs, model.loss(outputs, truth)

    def _blame(self, batch: EventBatch, what: str) -> str:
        shown = ", ".join(map(str, batch.event_id[:8])) + (", …" if len(batch) > 8 else "")
        return (
            f"the {what} is not finite at step {self.position.step + 1} (epoch {self.position.epoch + 1}); the batch "
            f"holds {len(batch)} events with event_id {shown}. The last good checkpoint is kept. "
            "Try a lower rate: -o train.learning_rate=…, or look at those events"
        )

    def _report(self, loss: float, events: int) -> None:
        self.observer.on_step(self.position, loss)
        losses = self.position.losses
        losses.append((loss, events))
        if self.position.step % self.options.log_every_steps == 0:
            mean = float(np.average([loss for loss, _ in losses], weights=[events for _, events in losses]))
            losses.clear()
            rate = self.options.learning_rate * rate_at(self.progress, self.options)
            self.observer.on_metrics(self._line() | {"train/loss": mean, "train/learning_rate": rate})

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
        metrics = self.validate()
        self.observer.on_metrics(
            self._line() | {f"validation/{name}": value for name, value in metrics.items()}
        )
        best = self.position.best_loss
        if best is None or metrics["loss"] < best:  # a median over so few events is too noisy to choose by
            self.position.best_loss = metrics["loss"]
            self.position.best_median_deg = metrics.get("median_deg")
            self.observer.on_checkpoint("best")
        self.observer.on_checkpoint("last")

    def validate(self) -> dict[str, float]:
        """Loss and angular errors over the validation events, flat: "median_deg", "median_deg/<200", …."""
        model = averaged(self.model, self.average).eval()
        losses, errors, pulses, kinds = [], [], [], []
        with self.observer.during_validation():
            for batch in self.validation():
                assert batch.truth is not None  # training could not have begun without
                with torch.no_grad():
                    outputs, loss = self._outputs(model, batch)
                    found = model.decode(outputs, batch)
                losses.append(loss.cpu().numpy())
                errors.append(opening_angle(found.direction, batch.truth.direction))
                pulses.append(batch.pulse_count)
                kinds.append(batch.truth.kind)
                self.observer.on_validation_batch(batch, found)
        known = np.concatenate([kind for kind in kinds if kind is not None]) if kinds[0] is not None else None
        summary = summarize(np.concatenate(errors), np.concatenate(pulses), known)
        return {"loss": float(np.concatenate(losses).mean())} | _flat(summary)


def _flat(summary: Summary) -> dict[str, float]:
    parts: dict[str, Resolution] = {"": summary}
    parts |= {
        f"/{name}": part for group in (summary["pulses"], summary["kind"]) for name, part in group.items()
    }
    figures = {}
    for name, part in parts.items():
        for figure, value in (
            ("mean", part["mean_deg"]),
            ("median", part["median_deg"]),
            ("containment68", part["containment68_deg"]),
        ):
            if value is not None:
                figures[f"{figure}_deg{name}"] = value
    return figures
