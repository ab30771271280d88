"""Losses in which events count as a column of the data says."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from training_driver import SMALL, silently, train

from icereco.data.catalog import DataSet
from icereco.data.simulated import simulated_events
from icereco.detector.detector import load_detector
from icereco.errors import IcerecoError
from icereco.model.checkpoint import read_tensors
from icereco.profiles import Profile, load_profile
from icereco.runs.folder import RunFolder
from icereco.training import session as sessions
from icereco.training.data_choice import DataChoice
from icereco.training.event_losses import outputs_and_losses


@pytest.fixture(scope="module")
def events(tmp_path_factory) -> Path:
    """100 simulated events."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ICERECO_CACHE", str(tmp_path_factory.mktemp("cache")))
        profile = small_profile()
        return simulated_events(profile.simulation, load_detector(profile.detector), 100, seed=3)


@pytest.fixture
def weighted(tmp_path, events):
    """Writes the events with a column of weights, a function of the energy."""

    def write(weight: pl.Expr) -> Path:
        path = tmp_path / "weighted.parquet"
        pl.read_parquet(events).with_columns(flux=weight).write_parquet(path)
        return path

    return write


def small_profile(*overrides: str) -> Profile:
    return load_profile("hierarchical", [*SMALL, *overrides])


def state(run: RunFolder) -> dict[str, torch.Tensor]:
    return read_tensors(run.training_state)[0]


def weighted_profile() -> Profile:
    return small_profile("train.event_weights=flux")


def test_the_loss_of_an_event_is_multiplied_by_its_weight_over_the_mean(tmp_path, weighted):
    path = weighted(pl.when(pl.col("energy") > 1e3).then(2.0).otherwise(1.0))
    with sessions.begin(weighted_profile(), path, RunFolder.create(tmp_path, "run"), silently) as session:
        batch = next(session.batches.epoch(0))
        weights = batch.event_extras["flux"]
        assert set(weights) == {1.0, 2.0}
        with torch.no_grad():
            session.model.train()
            precision = torch.autocast("cpu", enabled=False)
            outputs, weighted_losses = outputs_and_losses(
                session.model, batch, precision, session.material.weights
            )
            _, losses = outputs_and_losses(session.model, batch, precision, None)
        mean = np.mean([w for one in session.batches.epoch(0) for w in one.event_extras["flux"]])
        torch.testing.assert_close(
            weighted_losses["loss"], losses["loss"] * torch.tensor(weights / mean, dtype=torch.float32)
        )
        assert len(outputs) == len(batch)


@pytest.mark.parametrize("scale", [1.0, 1e-9])
def test_only_ratios_of_weights_matter(tmp_path, weighted, scale):
    """Weights that are all alike leave a training as it is without, bit for bit where the mean is exact."""
    path = weighted(pl.lit(scale))
    plain, alike = (RunFolder.create(tmp_path, name) for name in ("plain", "alike"))
    for profile, run in ((small_profile(), plain), (weighted_profile(), alike)):
        with sessions.begin(profile, path, run, silently) as session:
            assert train(session)
    first, second = state(plain), state(alike)
    for name in first:
        torch.testing.assert_close(first[name], second[name], rtol=1e-4, atol=1e-6)
    if scale == 1.0:
        assert all(torch.equal(first[name], second[name]) for name in first)


def test_events_of_weight_zero_teach_nothing(tmp_path, weighted):
    """A training in which they are turned upside down has the same losses, but for dropout, of which there is none."""
    bright = pl.when(pl.col("energy") > 1e3).then(1.0).otherwise(0.0)
    path = weighted(bright)
    turned = tmp_path / "turned.parquet"
    zenith = pl.when(pl.col("flux") == 0).then(np.pi - pl.col("zenith")).otherwise(pl.col("zenith"))
    pl.read_parquet(path).with_columns(zenith=zenith).write_parquet(turned)
    profile = small_profile("train.event_weights=flux", "loss.use=cosine")
    runs = [RunFolder.create(tmp_path, name) for name in ("straight", "turned")]
    losses = []
    for data, run in zip((path, turned), runs, strict=True):
        with sessions.begin(profile, data, run, silently) as session:
            assert train(session)
        losses.append([line["train/loss"] for line in run.read_metrics() if "train/loss" in line])
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_a_weighted_training_is_resumed_to_the_same_bits(tmp_path, weighted):
    path = weighted(pl.col("energy") ** -0.5)
    straight, halves = (RunFolder.create(tmp_path, name) for name in ("straight", "halves"))
    with sessions.begin(weighted_profile(), path, straight, silently) as session:
        assert train(session)
    with sessions.begin(weighted_profile(), path, halves, silently) as session:
        assert not train(session, steps=2)
    with sessions.resume(halves, silently) as session:
        assert train(session)
    first, second = state(straight), state(halves)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_the_mean_is_that_of_an_epoch_of_all_data_sets(tmp_path, weighted):
    path = weighted(pl.col("energy"))
    chosen = [DataChoice(DataSet(path=path), 2.0), DataChoice(DataSet(path=path), where="energy > 1e3")]
    with sessions.begin(weighted_profile(), chosen, RunFolder.create(tmp_path, "run"), silently) as session:
        seen = [w for batch in session.batches.epoch(0) for w in batch.event_extras["flux"]]
        assert session.material.weights.mean == pytest.approx(np.mean(seen))


@pytest.mark.parametrize(
    ("weight", "column", "message"),
    [
        (pl.lit(1.0), "fluks", r"no column 'fluks' .*did you mean 'flux'\? \(those that it has: flux\)"),
        (pl.when(pl.col("energy") > 1e3).then(None).otherwise(1.0), "flux", r"flux of event \d+ \(row \d+\) is nan"),
        (-pl.col("energy"), "flux", r"is -.*; a weight in the loss must be a number, 0 or more"),
        (pl.lit(0.0), "flux", "'flux' is zero for all events to train on"),
    ],
    ids=["unknown", "null", "negative", "zero"],
)  # fmt: skip
def test_weights_that_cannot_be_used_are_refused(tmp_path, weighted, weight, column, message):
    run = RunFolder.create(tmp_path, "run")
    with (
        pytest.raises(IcerecoError, match=message),
        sessions.begin(small_profile(f"train.event_weights={column}"), weighted(weight), run, silently),
    ):
        pass
    assert not run.exists
