"""A small training that stops where a test says."""

from icereco.training.observer import TrainingObserver
from icereco.training.session import Session
from icereco.training.stop_request import StopRequest
from icereco.training.wandb import Tracker

SMALL = (
    "aggregator.width=16", "aggregator.layers=1", "aggregator.heads=2", "encoder.layers=1", "encoder.heads=2",
    "train.epochs=1", "train.events_per_batch=16", "train.validation_events=20", "train.log_every_steps=1",
)  # fmt: skip
"""Changes that make the hierarchical model and its training small."""


def silently(_stage: str):
    """Shows no progress."""
    return lambda _done, _total: None


class StopAfter(StopRequest, TrainingObserver):
    """Asks for a stop once so many steps have been watched."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.left = steps

    def on_step(self, _position, _loss) -> None:
        self.left -= 1
        if self.left == 0:
            self.reason = "test"


def train(session: Session, steps: int = -1) -> bool:
    """Trains to the end, or for so many steps; whether the end was reached."""
    stop = StopAfter(steps)
    return session.train(stop, Tracker(None), stop)
