"""What a model learns and with what it does: plane waves, rates, Muon; an event as long as any, in little memory."""

import json
import resource
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from icereco.detector.detector import load_detector
from icereco.events.batch import EventBatch
from icereco.events.tensors import to_tensors
from icereco.events.truth import Truth
from icereco.model.model import build_model
from icereco.profiles import Profile, load_profile
from icereco.profiles.train_options import TrainOptions
from icereco.training.observer import TrainingObserver
from icereco.training.optimizer import build_optimizers
from icereco.training.schedule import rate_at
from icereco.training.stop_request import StopRequest
from icereco.training.trainer import Trainer

SMALL = (
    "aggregator.width=16", "aggregator.layers=1", "aggregator.heads=2", "encoder.layers=1", "encoder.heads=2",
    "train.log_every_steps=1",
)  # fmt: skip


def small_profile(*overrides: str) -> Profile:
    return load_profile("hierarchical", [*SMALL, *overrides])


def plane_waves(count: int, seed: int) -> EventBatch:
    """Events whose pulses are swept by a plane at the speed of light: as plain as a direction can be."""
    random = np.random.default_rng(seed)
    direction = random.normal(size=(count, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    doms = 12
    position = random.uniform(-400, 400, size=(count, doms, 3)).astype(np.float32)
    time_ns = 12_000 - (position @ direction[..., None])[..., 0] / 0.2998
    return EventBatch(
        event_id=np.arange(count), dom_offsets=np.arange(count + 1) * doms,
        sensor_id=np.tile(np.arange(doms, dtype=np.int32), count), position_m=position.reshape(-1, 3),
        pulse_offsets=np.arange(count * doms + 1), time_ns=time_ns.ravel().astype(np.float64),
        charge_pe=np.ones(count * doms, np.float32), auxiliary=np.zeros(count * doms, bool),
        truth=Truth(direction),
    )  # fmt: skip


@pytest.mark.parametrize("loss", ["vmf", "angular"])
def test_a_model_learns_the_direction_of_plane_waves(loss):
    class Waves:
        def __len__(self) -> int:
            return 32 * 120

        def epoch(self, epoch, start_batch=0):
            yield from (plane_waves(32, seed) for seed in range(120))

    profile = small_profile(
        f"loss.use={loss}",
        "aggregator.width=32",
        "train.epochs=1",
        "encoder.dropout=0.0",
        "aggregator.dropout=0.0",
        "train.learning_rate=0.003",
    )
    model = build_model(profile, load_detector("icecube86"))
    trainer = Trainer(
        model,
        build_optimizers(model, profile.train),
        profile.train,
        Waves(),
        lambda: iter([plane_waves(200, 10_000)]),
        TrainingObserver(),
    )
    untrained = trainer.validate()["median_deg"]
    assert trainer.run(StopRequest())
    assert 60 < untrained < 120
    assert trainer.validate()["median_deg"] < 25


def test_an_untrained_model_does_not_point_all_one_way():
    """The original collapsed to one direction; ours starts spread out, however many events look alike."""
    model = build_model(load_profile("hierarchical"), load_detector("icecube86"))
    model.centre_outputs(plane_waves(64, 2))
    direction = model.reconstruct(plane_waves(100, 1)).direction
    assert np.linalg.norm(direction.mean(axis=0)) < 0.5
    assert len(np.unique(direction.round(3), axis=0)) > 90


def test_the_learning_rate_rises_then_falls_to_zero():
    options = TrainOptions(warmup_fraction=0.1)
    rates = [rate_at(progress, options) for progress in np.linspace(0, 1, 101)]
    assert rates[0] == 0.0
    assert rates[10] == pytest.approx(1.0)
    assert all(first > second for first, second in pairwise(rates[10:]))
    assert rates[-1] == 0.0


def test_a_stable_learning_rate_falls_only_at_the_end():
    options = TrainOptions(schedule="warmup-stable-decay", warmup_fraction=0.1, decay_fraction=0.25)
    rates = [rate_at(progress, options) for progress in np.linspace(0, 1, 101)]
    assert rates[5] == pytest.approx(0.5)
    assert rates[10:76] == pytest.approx([1.0] * 66)
    assert rates[76:] == pytest.approx(np.linspace(0.96, 0.0, 25))


def test_outputs_are_the_same_alone_and_in_company():
    model = build_model(small_profile(), load_detector("icecube86"))
    batch = plane_waves(5, 2)
    together = model.reconstruct(batch).direction
    alone = np.concatenate([model.reconstruct(batch[i : i + 1]).direction for i in range(5)])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def huge_event(pulses: int = 178_250, doms: int = 2_500) -> EventBatch:
    random = np.random.default_rng(4)
    sensor_id = np.sort(random.choice(5160, doms, replace=False)).astype(np.int32)
    counts = 1 + random.multinomial(pulses - doms, random.dirichlet(np.full(doms, 0.3)))
    return EventBatch(
        event_id=np.array([7]), dom_offsets=np.array([0, doms]), sensor_id=sensor_id,
        position_m=load_detector("icecube86").position_m[sensor_id],
        pulse_offsets=np.concatenate([[0], np.cumsum(counts)]),
        time_ns=random.uniform(9_000, 30_000, pulses), charge_pe=random.exponential(1, pulses).astype(np.float32),
        auxiliary=np.zeros(pulses, bool), truth=Truth(np.array([[0.0, 0.0, 1.0]])),
    )  # fmt: skip


@pytest.mark.slow
def test_the_longest_event_trains_and_reconstructs_within_6_gib():
    program = (
        "import importlib.util, json, resource, sys\n"
        f"spec = importlib.util.spec_from_file_location('t', {str(Path(__file__))!r})\n"
        "t = importlib.util.module_from_spec(spec); spec.loader.exec_module(t)\n"
        "print(json.dumps(t.train_on_huge_event()))\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=280
    )
    result = json.loads(said.stdout)
    assert result["finite"]
    assert result["peak_gib"] < 6.0


def train_on_huge_event() -> dict[str, object]:
    profile = load_profile("hierarchical")
    model = build_model(profile, load_detector("icecube86"))
    batch = huge_event()
    trainer = Trainer(
        model,
        build_optimizers(model, profile.train),
        profile.train,
        [batch],
        lambda: iter([batch]),
        TrainingObserver(),
    )
    loss = trainer.step(batch)["loss"]
    direction = model.reconstruct(batch).direction
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {"finite": bool(np.isfinite(loss) and np.isfinite(direction).all()), "peak_gib": peak}


def test_tensors_keep_every_column():
    batch = plane_waves(2, 3)
    tensors = to_tensors(batch, torch.device("cpu"))
    np.testing.assert_array_equal(tensors.time_ns.numpy(), batch.time_ns)
    np.testing.assert_array_equal(tensors.position_m.numpy(), batch.position_m)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", [(3, 8, 24), (3, 24, 8)])
def test_muon_steps_are_orthogonal(shape, dtype):
    from icereco.training.muon import orthogonal

    random = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    values = torch.linalg.svdvals(orthogonal(random.to(dtype)).float())
    assert values.min() > 0.6
    assert values.max() < 1.3


@pytest.mark.parametrize("shape", [(6, 20), (20, 6), (8, 10)])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-6), (torch.bfloat16, 0.03)])
def test_muon_takes_the_rounds_of_newton_and_schulz(dtype, tolerance, shape):
    from icereco.training.muon import orthogonal

    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    expected = matrix / matrix.norm()
    for _ in range(5):
        square = expected @ expected.T
        expected = 3.4445 * expected + (-4.7750 * square + 2.0315 * square @ square) @ expected
    taken = orthogonal(matrix[None].to(dtype))[0].double()
    torch.testing.assert_close(taken, expected, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("shape", [(128, 512), (384, 128), (128, 128)])
def test_rounding_in_muon_does_not_grow_where_singular_values_are_tiny(shape):
    from icereco.training.muon import orthogonal

    random = torch.randn(2, *shape, generator=torch.Generator().manual_seed(3))
    left, values, right = torch.linalg.svd(random, full_matrices=False)
    matrices = left * 10.0 ** -torch.linspace(0, 6, values.shape[1]) @ right
    assert torch.linalg.matrix_norm(orthogonal(matrices.bfloat16()).float(), 2).max() < 1.25
