"""Writes what happens in a training into its run folder, and to the tracker if there is one."""

import time
from collections.abc import Callable
from typing import Any

from icereco.runs.folder import Phase, RunFolder
from icereco.training.resume_state import Position
from icereco.training.wandb import Tracker

__all__ = ["Recorder"]

HEARTBEAT_SECONDS = 1.0


class Recorder:
    """A listener of the trainer: metrics at once, the status at most once a second."""

    def __init__(self, run: RunFolder, tracker: Tracker, epochs: int, progress: Callable[[], float]) -> None:
        self.run = run
        self.tracker = tracker
        self.epochs = epochs
        self.progress = progress
        self.answered = 0
        self.answer: str | None = None
        self.saved_step: int | None = None
        self._first: Position | None = None
        self._begun = time.monotonic()
        self._beat = 0.0

    def on_step(self, position: Position, loss: float) -> None:  # noqa: ARG002 -- the listener's signature
        """A heartbeat, if one is due."""
        if self._first is None:
            self._first, self._begun = Position(events=position.events), time.monotonic()
        self.beat("training", position)

    def beat(self, phase: Phase, position: Position) -> None:
        """The status, if a heartbeat is due."""
        if time.monotonic() - self._beat >= HEARTBEAT_SECONDS:
            self.say(phase, position)

    def leave_out(self, seconds: float) -> None:
        """Time that was no training does not count for the rate."""
        self._begun += seconds

    def on_metrics(self, metrics: dict[str, Any]) -> None:
        """A line of metrics."""
        self.run.append_metrics(metrics | {"time": round(time.time(), 3)})
        self.tracker.log(metrics, metrics["step"])

    def say(self, phase: Phase, position: Position, message: str | None = None) -> None:
        """The status, now."""
        self._beat = time.monotonic()
        rate = self._rate(position)
        left = 1.0 - self.progress()
        total = position.events / max(self.progress(), 1e-9)
        self.run.write_status(
            phase,
            step=position.step,
            epoch=self.progress() * self.epochs,
            epochs=self.epochs,
            events_per_second=rate,
            eta_seconds=left * total / rate if rate else None,
            best_median_deg=position.best_median_deg,
            saved_step=self.saved_step,
            answered=self.answered,
            answer=self.answer,
            message=message,
        )

    def _rate(self, position: Position) -> float | None:
        if self._first is None or position.events <= self._first.events:
            return None
        return (position.events - self._first.events) / max(time.monotonic() - self._begun, 1e-9)
