"""A process that trains what another one leads: it has its share of every step, and writes nothing.

Run: python -m icereco.training.follower FOLDER NUMBER COUNT THREADS DEVICE, as `icereco.training.processes` does.
"""

import os
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NoReturn

import torch

from icereco.data.store.builder import Progress
from icereco.detector.detector import load_detector
from icereco.errors import INTERRUPTED, IcerecoError
from icereco.model.model import Model, build_model
from icereco.profiles import parse_profile
from icereco.system.devices import find_device
from icereco.training.averaging import AveragedModel, averaged, running_average
from icereco.training.collection import CollectedFrom
from icereco.training.data_choice import DataChoice
from icereco.training.datasets import gather
from icereco.training.division import Division
from icereco.training.frozen_parts import freeze
from icereco.training.invitation import Invitation
from icereco.training.observer import Weights
from icereco.training.optimizer import Optimizers, build_optimizers
from icereco.training.processes import joined
from icereco.training.ranks import RankLostError, Ranks
from icereco.training.resume_state import restore, state_tensors
from icereco.training.stop_request import StopRequest, stop_on_signals
from icereco.training.trainer import NonFiniteLossError, Trainer

__all__ = ["follow", "leave"]


def follow(ranks: Ranks, device: torch.device, stop: StopRequest) -> None:
    """Take part in the training that the first process leads, to its end.

    Raises:
        IcerecoError: the data cannot be read here, or are others here.
        RankLostError: another process has ended.
    """
    with ranks.watching():
        invitation = Invitation.received(ranks)
        if invitation is not None:
            _take_part(invitation, ranks, device, stop)


def _take_part(invitation: Invitation, ranks: Ranks, device: torch.device, stop: StopRequest) -> None:
    profile = parse_profile(*invitation.profile)
    options, detector = profile.train, load_detector(profile.detector)
    chosen = DataChoice.recorded(invitation.data_sets)
    with gather(profile, detector, chosen, _silent, whole=True) as material:
        invitation.confirm(ranks, material.facts["data_fingerprint"])
        model = build_model(profile, detector, options.seed)
        freeze(model, options.frozen)
        model = model.to(device)
        optimizers, average = build_optimizers(model, options, ranks), running_average(model, options)
        restore(invitation.state, model, optimizers, average)
        division = Division(ranks, invitation.shard)
        division.divide(model, optimizers, average)
        collected = CollectedFrom(division, partial(_gather, division, model, optimizers, average))
        trainer = Trainer(
            model=model,
            optimizers=optimizers,
            options=options,
            batches=material.training(options, ranks),
            validation=lambda: material.validation(options),
            observer=collected,
            average=average,
            weights=material.weights,
            position=invitation.position,
            division=division,
        )
        with suppress(NonFiniteLossError):  # the first process says it
            trainer.run(stop)
            collected.between_steps()


def _gather(
    division: Division,
    model: Model,
    optimizers: Optimizers,
    average: AveragedModel | None,
    weights: Weights,
) -> None:
    """Take part in what the first process gathers for a checkpoint, as `Checkpoints` does."""
    with division.whole(averaged(model, average)):
        pass
    if weights == "last":
        state_tensors(model, optimizers, average, keep=False)


def _silent(_stage: str) -> Progress:
    return lambda _done, _total: None


def main(folder: str, number: str, count: str, threads: str, device: str) -> int:
    """Follow in a process of its own; its exit status."""
    torch.set_num_threads(int(threads))
    used = find_device(device)
    try:
        with stop_on_signals() as stop, joined(Path(folder), int(number), int(count), used) as ranks:
            follow(ranks, used, stop)
    except RankLostError:  # the first process says it
        return 1
    except IcerecoError as error:
        sys.stderr.write(f"error: process {number} of {count}: {error}\n")
        return 2
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def leave(status: int) -> NoReturn:
    """End this process at once: there is nothing to tidy up, and a thread of torch that outlives Python would abort it."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    leave(main(*sys.argv[1:]))
