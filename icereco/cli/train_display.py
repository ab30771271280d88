"""What `icereco train` shows while it trains: a bar over all events of all epochs, and a line for each validation."""

from typing import Any

from rich.progress import Progress

from icereco.system.log import get_logger
from icereco.training.observer import TrainingObserver
from icereco.training.resume_state import Position

__all__ = ["TrainDisplay"]

logger = get_logger(__name__)


class TrainDisplay(TrainingObserver):
    """Shows the progress over all epochs; a resumed training begins where it stopped."""

    def __init__(self, progress: Progress, position: Position, epochs: int, events: int) -> None:
        self.progress = progress
        self.epochs = epochs
        progress.start()
        self.task = progress.add_task("training", total=epochs * events, note="", completed=position.events)

    def on_step(self, position: Position, loss: float) -> None:
        """Move the bar."""
        rate = position.events / max(position.seconds, 1e-9)
        epoch = min(position.epoch + 1, self.epochs)
        note = f"epoch {epoch}/{self.epochs}  step {position.step}  loss {loss:.3f}  {rate:.0f} events/s"
        self.progress.update(self.task, completed=position.events, note=note)

    def on_metrics(self, metrics: dict[str, Any]) -> None:
        """Log a line for a validation."""
        if "validation/loss" in metrics and "validation/median_deg" not in metrics:
            logger.info("epoch %5.2f  validation loss %.3f", metrics["epoch"], metrics["validation/loss"])
        if "validation/median_deg" in metrics:
            logger.info(
                "epoch %5.2f  validation loss %.3f  angular error median %.2f°  mean %.2f°",
                metrics["epoch"],
                metrics["validation/loss"],
                metrics["validation/median_deg"],
                metrics["validation/mean_deg"],
            )
