"""Observers of a training: they record it, carry out orders, save checkpoints, display it."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any, Literal

from icereco.events.batch import EventBatch
from icereco.events.reconstruction import Reconstruction
from icereco.training.resume_state import Position

__all__ = ["Observers", "TrainingObserver", "Weights"]

Weights = Literal["best", "last"]
"""Which weights are due to be saved: those with the lowest validation loss so far, or the newest."""


class TrainingObserver:
    """The events that a `Trainer` reports. An observer overrides the methods it needs; the others do nothing."""

    def on_step(self, position: Position, loss: float) -> None:
        """Called after every step with the mean loss of its events."""

    def during_validation(self) -> AbstractContextManager[None]:
        """Return a context that encloses all batches of a validation."""
        return nullcontext()

    def on_validation_batch(self, batch: EventBatch, reconstruction: Reconstruction) -> None:
        """Called after every batch of a validation with the model's reconstruction of its events."""

    def on_metrics(self, metrics: dict[str, Any]) -> None:
        """Called every few steps and after every validation with a line for `metrics.jsonl`."""

    def on_checkpoint(self, weights: Weights) -> None:
        """Called when weights are due to be saved."""

    def between_steps(self) -> None:
        """Called after a step and the validation that may follow it; may wait, save, or request a stop."""


class Observers(TrainingObserver):
    """Several observers as one, called in this order."""

    def __init__(self, *observers: TrainingObserver) -> None:
        self.observers: Sequence[TrainingObserver] = observers

    def on_step(self, position: Position, loss: float) -> None:
        """See `TrainingObserver`."""
        for observer in self.observers:
            observer.on_step(position, loss)

    @contextmanager
    def during_validation(self) -> Iterator[None]:
        """See `TrainingObserver`."""
        with ExitStack() as stack:
            for observer in self.observers:
                stack.enter_context(observer.during_validation())
            yield

    def on_validation_batch(self, batch: EventBatch, reconstruction: Reconstruction) -> None:
        """See `TrainingObserver`."""
        for observer in self.observers:
            observer.on_validation_batch(batch, reconstruction)

    def on_metrics(self, metrics: dict[str, Any]) -> None:
        """See `TrainingObserver`."""
        for observer in self.observers:
            observer.on_metrics(metrics)

    def on_checkpoint(self, weights: Weights) -> None:
        """See `TrainingObserver`."""
        for observer in self.observers:
            observer.on_checkpoint(weights)

    def between_steps(self) -> None:
        """See `TrainingObserver`."""
        for observer in self.observers:
            observer.between_steps()
