"""Writes metrics and status of a training into its run folder, and metrics to the tracker if there is one."""

import time
from collections.abc import Sized
from typing import Any

from icereco.events.batch import EventBatch
from icereco.events.reconstruction import Reconstruction
from icereco.runs.folder import Phase, RunFolder
from icereco.training.observer import TrainingObserver, Weights
from icereco.training.resume_state import Position
from icereco.training.wandb import Tracker

__all__ = ["HEARTBEAT_SECONDS", "Recorder"]

HEARTBEAT_SECONDS = 1.0


class Recorder(TrainingObserver):
    """Writes metrics immediately, and the status at most once a second.

    Attributes:
        position: the progress of the training, updated by the trainer.
        events: number in an epoch; an estimate while files are still being prepared.
        answered: byte of the control file up to which orders have been carried out.
        ends_early: whether no step will follow, although epochs are left.
        saved_step: step of the newest checkpoint, None before the first.
    """

    def __init__(
        self, run: RunFolder, tracker: Tracker, position: Position, epochs: int, events: Sized, answered: int
    ) -> None:
        self.run = run
        self.tracker = tracker
        self.position = position
        self.epochs = epochs
        self.events = events
        self.answered = answered
        self.answer: str | None = None
        self.ends_early = False
        self.saved_step = position.step or None  # a resumed training starts from a checkpoint
        self._events_before: int | None = None
        self._begun = time.monotonic()
        self._beat = 0.0

    def on_step(self, position: Position, loss: float) -> None:  # noqa: ARG002 -- the observer's signature
        """Write a heartbeat if one is due; the first step starts the clock of the event rate."""
        if self._events_before is None:  # the first step is left out of the rate, as it warms up
            self._events_before, self._begun = position.events, time.monotonic()
        self.beat("training")

    def on_validation_batch(self, batch: EventBatch, reconstruction: Reconstruction) -> None:  # noqa: ARG002 -- as above
        """Write a heartbeat if one is due."""
        self.beat("validating")

    def on_metrics(self, metrics: dict[str, Any]) -> None:
        """Append a line of metrics."""
        self.run.append_metrics(metrics | {"time": round(time.time(), 3)})
        self.tracker.log(metrics, metrics["step"])

    def on_checkpoint(self, weights: Weights) -> None:  # noqa: ARG002 -- as above
        """Remember this step as the newest checkpoint, for the next status."""
        self.saved_step = self.position.step

    def beat(self, phase: Phase) -> None:
        """Write the status if a heartbeat is due."""
        if time.monotonic() - self._beat >= HEARTBEAT_SECONDS:
            self.say(phase)

    def leave_out(self, seconds: float) -> None:
        """Exclude time that was not spent training from the event rate."""
        self._begun += seconds

    def acknowledge(self, phase: Phase, answered: int, answer: str) -> None:
        """Write into the status up to which byte of the control file orders have been carried out, and the latest answer."""
        self.answered, self.answer = answered, answer
        self.say(phase)

    def say(self, phase: Phase, message: str | None = None) -> None:
        """Write the status immediately."""
        self._beat = time.monotonic()
        total = self.epochs * len(self.events)
        progress, rate = self.position.progress(total), self._events_per_second()
        self.run.write_status(
            phase,
            step=self.position.step,
            epoch=progress * self.epochs,
            epochs=self.epochs,
            events_per_second=rate,
            eta_seconds=(1.0 - progress) * total / rate if rate and not self.ends_early else None,
            best_median_deg=self.position.best_median_deg,
            saved_step=self.saved_step,
            answered=self.answered,
            answer=self.answer,
            message=message,
        )

    def _events_per_second(self) -> float | None:
        before = self._events_before
        if before is None or self.position.events <= before:
            return None
        return (self.position.events - before) / max(time.monotonic() - self._begun, 1e-9)
