"""The states that a run has saved to resume from: the newest, and the one before it in case that is damaged."""

from pathlib import Path

from torch import nn

from icereco.errors import IcerecoError
from icereco.runs.folder import RunFolder
from icereco.runs.metrics import numbers_of
from icereco.system.log import get_logger
from icereco.training.optimizer import Optimizers
from icereco.training.resume_state import Position, load_state

__all__ = ["report_gap", "restore_newest", "saved_states"]

logger = get_logger(__name__)


def saved_states(run: RunFolder) -> list[Path]:
    """The saved states of a training, the newest first."""
    return [path for path in (run.training_state, run.training_state_before) if path.is_file()]


def restore_newest(
    run: RunFolder, model: nn.Module, optimizers: Optimizers, average: nn.Module | None
) -> Position:
    """Restore the newest state that is whole.

    Raises:
        IcerecoError: none is.
    """
    newest, *older = saved_states(run)
    try:
        return load_state(newest, model, optimizers, average)
    except IcerecoError as error:
        if not older:
            raise
        logger.warning("%s; the state before it is used", error)
        return load_state(older[0], model, optimizers, average)


def report_gap(run: RunFolder, step: int, log_every_steps: int) -> None:
    """Warn where metrics before the saved state are missing, as after a power cut: they are not written again."""
    last = max((numbers_of(row).get("step", 0.0) for row in run.read_metrics()), default=0.0)
    if last < step - step % log_every_steps:
        logger.warning(
            "the metrics of steps %s to %s are missing from %s", f"{last + 1:,.0f}", f"{step:,}", run.metrics
        )
