"""Who follows a training: records it, obeys orders, keeps checkpoints, shows it."""

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
    """What a `Trainer` reports, to whoever follows it. An observer overrides what it needs; all else does nothing."""

    def on_step(self, position: Position, loss: float) -> None:
        """After every step, with the mean loss of its events."""

    def during_validation(self) -> AbstractContextManager[None]:
        """Opened for each validation, around all of its batches."""
        return nullcontext()

    def on_validation_batch(self, batch: EventBatch, reconstruction: Reconstruction) -> None:
        """After every batch of a validation, with what the model makes of its events."""

    def on_metrics(self, metrics: dict[str, Any]) -> None:
        """Every few steps and after every validation, with a line for `metrics.jsonl`."""

    def on_checkpoint(self, weights: Weights) -> None:
        """When weights are to be saved."""

    def between_steps(self) -> None:
        """After a step and the validation that may follow it; may wait, save, or ask for a stop."""


class Observers(TrainingObserver):
    """Several observers as one; each is reported to in this order."""

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
