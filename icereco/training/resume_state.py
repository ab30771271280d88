"""Everything that a resumed training needs to go on bit for bit: weights, optimizer, random numbers, position."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from icereco.errors import IcerecoError
from icereco.model.checkpoint import read_tensors, write_tensors
from icereco.system.documents import parse_json
from icereco.system.log import get_logger
from icereco.system.typed_fields import has_declared_types
from icereco.training.divided import gathered
from icereco.training.optimizer import Optimizers

logger = get_logger(__name__)

__all__ = ["Position", "load_state", "restore", "save_state", "state_tensors"]


@dataclass(slots=True)
class Position:
    """The progress of a training.

    Attributes:
        epoch: from 0.
        batch: batches of this epoch that are done.
        step: optimizer steps done in all.
        events: events seen in all.
        validations: validations done in all.
        best_loss: the lowest validation loss so far, or None.
        best_median_deg: the median angular error there, or None.
        validations_since_best: validations since then.
        seconds: time spent training, over all sessions.
        skipped_batches: batches that were left out in all, as the loss or the gradient of their step was not finite.
        skipped_in_a_row: steps that were left out since the last that was not.
        losses: mean losses (as `Trainer.step` gives them) and events of each step since the last line of metrics.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    events: int = 0
    validations: int = 0
    best_loss: float | None = None
    best_median_deg: float | None = None
    validations_since_best: int = 0
    seconds: float = 0.0
    skipped_batches: int = 0
    skipped_in_a_row: int = 0
    losses: list[tuple[dict[str, float], int]] = field(default_factory=list)

    def progress(self, events: int) -> float:
        """Return the completed fraction, 0 to 1, of a training that sees `events` events in total."""
        return min(self.events / events, 1.0)


def save_state(
    path: Path,
    model: nn.Module,
    optimizers: Optimizers,
    position: Position,
    average: nn.Module | None = None,
) -> None:
    """Write atomically; `average` is the running mean of the weights, if there is one."""
    write_tensors(path, state_tensors(model, optimizers, average), {"position": json.dumps(asdict(position))})


def state_tensors(
    model: nn.Module, optimizers: Optimizers, average: nn.Module | None = None, keep: bool = True
) -> dict[str, Tensor]:
    """Return weights, optimizer, running mean and random numbers as named tensors.

    Those that are divided over processes are gathered, in all of them at once; without `keep` they are then empty.
    """
    tensors = {f"model/{name}": value for name, value in model.state_dict().items()}
    if average is not None:
        tensors |= {f"average/{name}": value for name, value in average.state_dict().items()}
    for number, part in enumerate(optimizers.parts):
        for index, state in part.state_dict()["state"].items():
            tensors |= {f"optimizer/{number}/{index}/{name}": value for name, value in state.items()}
    tensors = {name: gathered(value, keep) for name, value in tensors.items()}
    tensors["random/cpu"] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors["random/cuda"] = torch.cuda.get_rng_state()
    return tensors


def load_state(
    path: Path, model: nn.Module, optimizers: Optimizers, average: nn.Module | None = None
) -> Position:
    """Restore model, optimizer, random numbers and running mean, and return the position.

    Raises:
        IcerecoError: the file is damaged, or belongs to another model.
    """
    tensors, metadata = read_tensors(path)
    position = _position(metadata, path)
    try:
        restore(tensors, model, optimizers, average)
    except (RuntimeError, ValueError, LookupError, TypeError) as error:
        raise IcerecoError(f"{path} is the state of another model: {error}") from error
    return position


def restore(
    tensors: Mapping[str, Tensor],
    model: nn.Module,
    optimizers: Optimizers,
    average: nn.Module | None = None,
) -> None:
    """Restore what `state_tensors` has returned."""
    model.load_state_dict(_under("model/", tensors))
    if average is not None:
        average.load_state_dict(_under("average/", tensors))
    for number, part in enumerate(optimizers.parts):
        part.load_state_dict(_part_state(part, _under(f"optimizer/{number}/", tensors)))
    torch.set_rng_state(tensors["random/cpu"])
    if "random/cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["random/cuda"])


def _position(metadata: dict[str, str], path: Path) -> Position:
    try:
        stored = parse_json(metadata["position"])
        stored["losses"] = [  # version 0.1.0 knew one loss, and wrote its number alone
            (one if isinstance(one, dict) else {"loss": one}, events) for one, events in stored["losses"]
        ]
        position = Position(**stored)
        if has_declared_types(position):
            return position
    except (ValueError, LookupError, TypeError) as error:
        logger.debug("the position cannot be read", exc_info=error)
    raise IcerecoError(
        f"{path} is not the state of a training: the position is missing or cannot be read; start a new training"
    )


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _part_state(part: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> dict[str, object]:
    """Return the state dict of an optimizer; its settings come from the profile, only its moments from the file."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        index, _, key = name.partition("/")
        state.setdefault(int(index), {})[key] = value
    return {"state": state, "param_groups": part.state_dict()["param_groups"]}
