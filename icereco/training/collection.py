"""How the first process of a training gets what the others have of divided weights, whenever it saves.

It saves when it likes: after a validation, when that is ordered, or when it is time. So the others ask it, wherever the
training may save, until it lets them go on.
"""

from collections.abc import Callable

from icereco.training.division import Division
from icereco.training.observer import TrainingObserver, Weights

__all__ = ["CollectedFrom", "Release"]

_GO_ON = 0
_MESSAGES: dict[Weights, int] = {"best": 1, "last": 2}


class Release(TrainingObserver):
    """The last observer of the first process: after it nothing more is saved until it is called again."""

    def __init__(self, division: Division) -> None:
        self._division = division

    def on_checkpoint(self, weights: Weights) -> None:  # noqa: ARG002 -- the observer's signature
        """Let the other processes go on."""
        self._division.call(_GO_ON)

    def between_steps(self) -> None:
        """Let the other processes go on."""
        self._division.call(_GO_ON)

    def collect(self, weights: Weights) -> None:
        """Have the other processes take part in what is gathered for a checkpoint."""
        self._division.call(_MESSAGES[weights])


class CollectedFrom(TrainingObserver):
    """The observer of every other process.

    Attributes:
        take_part: in what the first process gathers for these weights.
    """

    def __init__(self, division: Division, take_part: Callable[[Weights], object]) -> None:
        self._division = division
        self.take_part = take_part

    def on_checkpoint(self, weights: Weights) -> None:  # noqa: ARG002 -- the first process says which
        """Take part until the first process goes on."""
        self.between_steps()

    def between_steps(self) -> None:
        """Take part until the first process goes on."""
        wanted = {message: weights for weights, message in _MESSAGES.items()}
        while (message := self._division.call(_GO_ON)) != _GO_ON:
            self.take_part(wanted[message])
