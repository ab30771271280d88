"""Trainings that go on from a trained model."""

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from training_driver import SMALL, silently, train

from icereco.cli import main
from icereco.data.simulated import simulated_events
from icereco.detector.detector import load_detector
from icereco.errors import IcerecoError
from icereco.events.tensors import to_tensors
from icereco.model.checkpoint import load_checkpoint, read_tensors
from icereco.profiles import Profile, load_profile
from icereco.runs.folder import RunFolder
from icereco.trained.library import Library
from icereco.trained.new_card import new_card
from icereco.training import session as sessions
from icereco.training.observer import TrainingObserver
from icereco.training.start import Start

SETTINGS = (*SMALL, "encoder.layers=2", "train.validation_events=40")
OTHER_DETECTOR = "deepcore"


@pytest.fixture(scope="module", autouse=True)
def kept_cache(tmp_path_factory):
    """One cache for the whole file, so that events are simulated once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ICERECO_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def own_cache(kept_cache, tmp_path_factory, monkeypatch):
    """In place of that of `conftest.py`, which would hide the kept one."""
    monkeypatch.setenv("ICERECO_CONFIG", str(tmp_path_factory.mktemp("config")))


def small_profile(*overrides: str, name: str = "hierarchical") -> Profile:
    return load_profile(name, [*SETTINGS, *overrides])


@pytest.fixture(scope="module")
def events(kept_cache) -> Path:
    """120 simulated events."""
    profile = small_profile()
    return simulated_events(profile.simulation, load_detector(profile.detector), 120, seed=3)


@pytest.fixture(scope="module")
def begun(tmp_path_factory, events) -> RunFolder:
    """A run that was trained for a few steps, with a fitted normalizer."""
    run = RunFolder.create(tmp_path_factory.mktemp("runs"), "begun")
    with sessions.begin(small_profile("normalizer.use=fitted"), events, run, silently) as session:
        assert train(session)
    return run


def start_of(run: RunFolder) -> Start:
    return Start.find(run.name, run.path.parent)


def test_before_its_first_step_the_model_is_that_of_the_checkpoint(tmp_path, events, begun):
    start = start_of(begun)
    before = start.checkpoint.model
    with sessions.begin(
        start.profile(), events, RunFolder.create(tmp_path, "next"), silently, start=start
    ) as session:
        tensors = session.model.state_dict()
        assert all(torch.equal(tensors[name], value) for name, value in before.state_dict().items())
        for batch in session.material.validation(session.profile.train):
            made, expected = session.model.reconstruct(batch), before.reconstruct(batch)
            np.testing.assert_array_equal(made.direction, expected.direction)
        loss = session.trainer(TrainingObserver()).validate()["loss"]
    best = min(line["validation/loss"] for line in begun.read_metrics() if "validation/loss" in line)
    assert loss == pytest.approx(best, rel=1e-6)


def test_a_run_that_goes_on_is_resumed_to_the_same_bits_without_the_checkpoint(tmp_path, events, begun):
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes(begun.best.read_bytes())
    start = Start.find(str(copy), tmp_path)
    straight, halves = (RunFolder.create(tmp_path, name) for name in ("straight", "halves"))
    with sessions.begin(start.profile(), events, straight, silently, start=start) as session:
        assert train(session)
    with sessions.begin(start.profile(), events, halves, silently, start=start) as session:
        assert not train(session, steps=2)
    copy.unlink()
    with sessions.resume(halves, silently) as session:
        assert train(session)
    first, second = (read_tensors(run.training_state)[0] for run in (straight, halves))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_the_provenance_and_the_card_name_the_start_and_add_up_its_events(tmp_path, events, begun):
    start = start_of(begun)
    run = RunFolder.create(tmp_path, "next")
    with sessions.begin(start.profile(), events, run, silently, start=start) as session:
        assert train(session)
    facts, first = run.provenance(), begun.provenance()
    assert facts["start"]["from"] == begun.name
    assert facts["start"]["sha256"] == start.checkpoint.sha256
    assert facts["start"]["run"] == begun.name
    seen = load_checkpoint(begun.best).provenance["events"]
    assert facts["start"]["events"] == seen
    again = Start.find("next", tmp_path)
    assert again.events == seen + load_checkpoint(run.best).provenance["events"]
    assert again.record()["start"]["run"] == begun.name  # the chain is kept

    card = new_card("next", load_checkpoint(run.best), run)
    assert card.events == facts["train_events"]  # the same data count once
    assert begun.name in card.data
    checkpoint = load_checkpoint(run.best)
    checkpoint.provenance["start"]["data_fingerprint"] = "others"
    assert new_card("next", checkpoint, None).events == facts["train_events"] + first["train_events"]


def test_another_profile_takes_what_fits_and_says_what_does_not(tmp_path, events, begun, caplog):
    start = start_of(begun)
    profile = small_profile("normalizer.use=fitted", "encoder.layers=3", "losses.energy.use=log-energy")
    caplog.set_level(logging.INFO, logger="icereco")
    with sessions.begin(
        profile, events, RunFolder.create(tmp_path, "next"), silently, start=start
    ) as session:
        model, before = session.model, start.checkpoint.model
        heads = model.heads
        assert torch.equal(heads["direction"].out.bias, before.heads["direction"].out.bias)
        assert torch.equal(heads["direction"].hidden.weight, before.heads["direction"].hidden.weight)
        batch = session.material.first_batch(profile.train)
        model.eval()
        outputs = model(to_tensors(batch, torch.device("cpu")))
        counts = [head.out.out_features for head in heads.values()]
        direction, energy = torch.split(outputs, counts, -1)
        torch.testing.assert_close(energy.mean(0), torch.zeros(counts[1]), atol=1e-5, rtol=0)
        assert not torch.allclose(direction.mean(0), torch.zeros(counts[0]), atol=1e-3)
    first = caplog.messages[0]
    assert first.startswith(f"starting from {begun.name}")
    block = next(message for message in caplog.messages if "left at their first values" in message)
    assert "head.heads.energy" in block
    assert "layers.2" in block
    assert "aggregator" not in block


def test_a_head_of_another_loss_starts_anew(tmp_path, events, begun):
    start = start_of(begun)
    profile = small_profile("normalizer.use=fitted", "loss.use=angular")
    with sessions.begin(
        profile, events, RunFolder.create(tmp_path, "next"), silently, start=start
    ) as session:
        own, before = session.model.state_dict(), start.checkpoint.model.state_dict()
        assert not torch.equal(own["head.hidden.weight"], before["head.hidden.weight"])
        inside = [name for name in before if name.startswith(("aggregator.", "encoder."))]
        assert all(torch.equal(own[name], before[name]) for name in inside)


def test_weights_of_which_nothing_fits_are_refused_and_leave_no_run(tmp_path, events, begun):
    profile = small_profile("aggregator.width=24", "aggregator.heads=2")
    run = RunFolder.create(tmp_path, "next")
    with (
        pytest.raises(IcerecoError, match=r"no weight of its aggregator or encoder"),
        sessions.begin(profile, events, run, silently, start=start_of(begun)),
    ):
        pass
    assert not run.exists


def test_with_another_detector_the_constants_of_the_normalizer_are_made_for_it(tmp_path, begun, caplog):
    start = start_of(begun)
    profile = start.profile([f"detector.use={OTHER_DETECTOR}"])
    detector = load_detector(OTHER_DETECTOR)
    data = simulated_events(profile.simulation, detector, 60, seed=3)
    caplog.set_level(logging.INFO, logger="icereco")
    with sessions.begin(profile, data, RunFolder.create(tmp_path, "next"), silently, start=start) as session:
        own, before = session.model.state_dict(), start.checkpoint.model.state_dict()
        assert not torch.equal(own["normalizer.spread"], before["normalizer.spread"])
        others = [name for name in before if not name.startswith("normalizer.")]
        assert all(torch.equal(own[name], before[name]) for name in others)
    assert any(f"going on with {OTHER_DETECTOR}" in message for message in caplog.messages)
    assert not any("left at" in message for message in caplog.messages)


def test_on_the_command_line_a_model_by_name_goes_on_with_its_profile(tmp_path, events, begun, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Library.of_user().add(new_card("kept", load_checkpoint(begun.best), begun), begun.best)
    command = ["train", "--from", "kept", "--data", str(events), "--name", "next"]
    result = CliRunner().invoke(main, [*command, "-o", "train.validation_events=20"])
    assert result.exit_code == 0, result.output
    run = RunFolder(tmp_path / "runs" / "next")
    facts = run.provenance()
    assert facts["start"]["model"] == "kept"
    assert facts["validation_events"] == 20
    assert load_checkpoint(run.best).profile.role("normalizer").component.name == "fitted"
    log = run.log.read_text().splitlines()
    assert "starting from kept" in log[0]


def test_without_data_it_goes_on_with_the_data_of_the_checkpoint(begun, events):
    (choice,) = start_of(begun).data()
    assert choice.data.path.resolve() == events.resolve()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--from", "begum"), "did you mean 'begun'"),
        (("--from", "linefit"), "method without weights"),
        (("--from", "profile.toml"), "not a checkpoint"),
        (("--from", "begun", "--resume", "begun"), "takes no --from"),
    ],
)
def test_what_no_training_can_start_from_is_refused(begun, monkeypatch, arguments, message):
    monkeypatch.chdir(begun.path)
    result = CliRunner().invoke(main, ["train", *arguments, "--runs-dir", str(begun.path.parent)])
    assert result.exit_code != 0
    assert message in " ".join(result.stderr.split())
