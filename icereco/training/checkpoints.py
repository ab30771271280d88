"""Saves the weights of a training, and what it takes to resume it, whenever a checkpoint is due."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from icereco.detector.detector import Detector
from icereco.model.checkpoint import save_checkpoint
from icereco.model.model import Model
from icereco.profiles import Profile
from icereco.runs.folder import RunFolder
from icereco.training.averaging import AveragedModel, averaged
from icereco.training.observer import TrainingObserver, Weights
from icereco.training.optimizer import Optimizers
from icereco.training.resume_state import Position, save_state

__all__ = ["Checkpoints"]


@dataclass(frozen=True, slots=True)
class Checkpoints(TrainingObserver):
    """The checkpoints of a run folder.

    Attributes:
        facts: called at each checkpoint for the provenance to save with the weights.
    """

    run: RunFolder
    profile: Profile
    detector: Detector
    model: Model
    optimizers: Optimizers
    average: AveragedModel | None
    position: Position
    facts: Callable[[], dict[str, Any]]

    def on_checkpoint(self, weights: Weights) -> None:
        """Save the weights; with the last ones also all that is needed to resume."""
        path = self.run.best if weights == "best" else self.run.last
        model = averaged(self.model, self.average)
        save_checkpoint(path, model, self.profile, self.detector, self.facts())
        if weights == "last":
            save_state(self.run.training_state, self.model, self.optimizers, self.position, self.average)
