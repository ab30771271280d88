"""A process of a training whose weights are divided, or not: what it has of them, and what all have after some steps.

Run: python shard_steps.py FOLDER NUMBER COUNT SHARD
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from training_driver import SMALL

import icereco.nn.transformer as transformer
from icereco.detector.detector import load_detector
from icereco.model.model import build_model
from icereco.profiles import load_profile
from icereco.tables.assembly import event_batch
from icereco.testing.random_events import random_events
from icereco.training.averaging import running_average
from icereco.training.divided import own_rows
from icereco.training.division import Division
from icereco.training.frozen_parts import freeze
from icereco.training.observer import TrainingObserver
from icereco.training.optimizer import build_optimizers
from icereco.training.processes import joined
from icereco.training.resume_state import state_tensors
from icereco.training.trainer import Trainer

SETTINGS = (
    *SMALL, "aggregator.layers=2", "train.optimizer=muon", "train.ema_decay=0.9", "train.precision=float32",
    "train.batches_per_step=6", "train.gradient_clip=0.01", 'train.frozen=["aggregator.embed"]',
)  # fmt: skip


def main(folder: Path, number: int, count: int, shard: bool) -> None:
    profile = load_profile("hierarchical", SETTINGS)
    detector, options = load_detector(profile.detector), profile.train
    model = build_model(profile, detector, 1)
    freeze(model, options.frozen)
    batches = [event_batch(random_events(np.full(5, 30), seed=seed), detector) for seed in range(5)]
    with joined(folder, number, count, torch.device("cpu")) as ranks:
        division = Division(ranks, shard)
        optimizers, average = build_optimizers(model, options, ranks), running_average(model, options)
        division.divide(model, optimizers, average)
        # The first process keeps the activations of layers, the second computes them twice.
        transformer.RECOMPUTE_ABOVE = 10**9 * (1 - number)
        trainer = Trainer(
            model=model,
            optimizers=optimizers,
            options=options,
            batches=batches,  # for their number alone
            validation=lambda: iter(batches),
            observer=TrainingObserver(),
            average=average,
            division=division,
        )
        norms = [
            trainer.step(*batches[number::count], events=25, rate=0.1)["gradient_norm"] for _ in range(3)
        ]
        of_weights = [own_rows(one).numel() for one in model.parameters()]
        gradients = [own_rows(one.grad).numel() for one in model.parameters() if one.grad is not None]
        moments = [
            own_rows(value).numel()
            for part in optimizers.parts
            for state in part.state.values()
            for value in state.values()
        ]
        facts = {
            "norms": norms,
            "loss": trainer.validate()["loss"],
            "numbers": [sum(of_weights), sum(gradients), sum(moments)],
        }
        state = state_tensors(model, optimizers, average, keep=ranks.leads)
    if number == 0:
        torch.save(state, folder / "state.pt")
    sys.stdout.write(json.dumps(facts))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "True")
