"""Trainings that end before their last epoch because the loss has stopped to fall."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from training_driver import SMALL, silently, train

from icereco.data.simulated import simulated_events
from icereco.detector.detector import load_detector
from icereco.errors import IcerecoError
from icereco.model.checkpoint import load_checkpoint, read_tensors
from icereco.profiles import Profile, load_profile
from icereco.runs.folder import RunFolder
from icereco.training import session as sessions
from icereco.training.trainer import Trainer

SETTINGS = (*SMALL, "train.epochs=4", "train.validations_per_epoch=2")


@pytest.fixture(scope="module")
def events(tmp_path_factory) -> Path:
    """100 simulated events."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ICERECO_CACHE", str(tmp_path_factory.mktemp("cache")))
        profile = small_profile()
        return simulated_events(profile.simulation, load_detector(profile.detector), 100, seed=3)


def small_profile(*overrides: str) -> Profile:
    return load_profile("hierarchical", [*SETTINGS, *overrides])


@pytest.fixture
def losses(monkeypatch):
    """Sets the losses that the next validations find, whatever the weights."""

    def find(values: Sequence[float]) -> None:
        left = iter(values)
        monkeypatch.setattr(Trainer, "validate", lambda _: {"loss": next(left), "median_deg": 1.0})

    return find


def validations(run: RunFolder) -> list[float]:
    return [line["validation/loss"] for line in run.read_metrics() if "validation/loss" in line]


def test_a_training_ends_once_the_loss_has_not_fallen_for_so_many_validations(
    tmp_path, events, losses, caplog
):
    run = RunFolder.create(tmp_path, "run")
    found = [3.0, 2.0, 2.5, 1.5, 1.5, float("nan"), 1.6]
    losses(found)
    with sessions.begin(small_profile("train.patience=3"), events, run, silently) as session:
        assert train(session)
    assert len(validations(run)) == len(found)
    status = run.status()
    assert status.phase == "finished"
    assert status.epoch < status.epochs
    assert status.eta_seconds is None
    assert "ended early, after 3." in status.message
    assert "3 validations (train.patience)" in status.message
    assert load_checkpoint(run.best).provenance["step"] == 10
    assert run.validation.is_file()
    with pytest.raises(IcerecoError, match=r"(?s)has finished: it ended early.*icereco train --from run"):
        sessions.resume(run, silently).__enter__()


def test_without_patience_a_training_goes_on_to_its_end(tmp_path, events, losses):
    run = RunFolder.create(tmp_path, "run")
    losses([1.0, *[2.0] * 7])
    with sessions.begin(small_profile(), events, run, silently) as session:
        assert train(session)
    assert len(validations(run)) == 8
    assert run.status().message is None


def test_patience_that_ends_with_the_last_epoch_is_no_early_end(tmp_path, events, losses):
    run = RunFolder.create(tmp_path, "run")
    losses([1.0, *[2.0] * 7])
    with sessions.begin(small_profile("train.patience=7"), events, run, silently) as session:
        assert train(session)
    assert run.status().message is None
    assert run.status().epoch == 4


def test_patience_is_counted_on_over_a_stop(tmp_path, events, losses):
    found = [1.0, 2.0, 2.0, 2.0, 0.5]
    straight, halves = (RunFolder.create(tmp_path, name) for name in ("straight", "halves"))
    profile = small_profile("train.patience=3", "encoder.dropout=0.1")
    losses(found)
    with sessions.begin(profile, events, straight, silently) as session:
        assert train(session)
    losses(found)
    with sessions.begin(profile, events, halves, silently) as session:
        assert not train(session, steps=9)
    with sessions.resume(halves, silently) as session:
        assert train(session)
    assert validations(halves) == validations(straight) == found[:4]
    first, second = (read_tensors(run.training_state)[0] for run in (straight, halves))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_run_killed_after_its_early_end_is_finished_without_another_step(
    tmp_path, events, losses, monkeypatch
):
    run = RunFolder.create(tmp_path, "run")
    losses([1.0, 2.0, 2.0])

    def killed(*_):
        raise KeyboardInterrupt

    profile = small_profile("train.patience=2")
    with monkeypatch.context() as patch:
        patch.setattr(sessions.Session, "_reconstruct_validation", killed)
        with (
            pytest.raises(KeyboardInterrupt),
            sessions.begin(profile, events, run, silently) as session,
        ):
            train(session)
    steps = session.position.step
    with sessions.resume(run, silently) as session:
        assert train(session)
    assert session.position.step == steps
    assert run.state() == "finished"
    assert "ended early" in run.status().message
    assert run.validation.is_file()
