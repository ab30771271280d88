"""Saves the weights of a training, and what it takes to resume it, whenever a checkpoint is due.

One is due after each validation, when it is ordered, and, as an epoch may take days, every ten minutes.
"""

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from icereco.detector.detector import Detector
from icereco.model.checkpoint import save_checkpoint
from icereco.model.model import Model
from icereco.profiles import Profile
from icereco.runs.folder import RunFolder
from icereco.system.files import replacing, sync
from icereco.training.averaging import AveragedModel, averaged
from icereco.training.collection import Release
from icereco.training.division import UNDIVIDED, Division
from icereco.training.observer import TrainingObserver, Weights
from icereco.training.optimizer import Optimizers
from icereco.training.resume_state import Position, save_state

__all__ = ["SAVE_SECONDS", "Checkpoints", "TimedCheckpoints"]

SAVE_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Checkpoints(TrainingObserver):
    """The checkpoints of a run folder.

    Attributes:
        facts: called at each checkpoint for the provenance to save with the weights.
        division: how processes divide the weights, of which a checkpoint has all.
    """

    run: RunFolder
    profile: Profile
    detector: Detector
    model: Model
    optimizers: Optimizers
    average: AveragedModel | None
    position: Position
    facts: Callable[[], dict[str, Any]]
    division: Division = UNDIVIDED

    def on_checkpoint(self, weights: Weights) -> None:
        """Save the weights; with the last ones also all that is needed to resume, keeping the state before."""
        path = self.run.best if weights == "best" else self.run.last
        Release(self.division).collect(weights)
        with self.division.whole(averaged(self.model, self.average)) as model:
            save_checkpoint(path, model, self.profile, self.detector, self.facts())
        if weights == "last":
            self._sync_lines()
            self._keep_state_before()
            save_state(self.run.training_state, self.model, self.optimizers, self.position, self.average)

    def _sync_lines(self) -> None:
        """A training that is resumed does not write the lines before its state again: they must be on the disk first."""
        for path in (self.run.metrics, self.run.log):
            if path.is_file():
                sync(path)

    def _keep_state_before(self) -> None:
        state, before = self.run.training_state, self.run.training_state_before
        if not state.is_file():
            return
        before.unlink(missing_ok=True)
        try:
            os.link(state, before)  # the new state takes the name, not the file
        except OSError:  # a file system without hard links
            with replacing(before) as temporary:
                shutil.copyfile(state, temporary)


class TimedCheckpoints(TrainingObserver):
    """Asks for a checkpoint between two steps when there has been none for some time.

    Attributes:
        records: the observers to which the checkpoint is reported: the one that saves, and the recorder.
    """

    def __init__(self, records: TrainingObserver) -> None:
        self.records = records
        self._saved = time.monotonic()

    def on_checkpoint(self, weights: Weights) -> None:  # noqa: ARG002 -- the observer's signature
        """Start the clock again."""
        self._saved = time.monotonic()

    def between_steps(self) -> None:
        """Save if it is time."""
        if time.monotonic() - self._saved >= SAVE_SECONDS:
            self.records.on_checkpoint("last")
            self._saved = time.monotonic()
