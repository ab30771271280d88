"""Pre-training without truth, and trainings that go on from it."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch
from click.testing import CliRunner
from training_driver import SMALL, silently, train

from icereco.cli import main
from icereco.data.simulated import simulated_events
from icereco.detector.detector import load_detector
from icereco.errors import IcerecoError
from icereco.model.checkpoint import load_checkpoint, read_tensors
from icereco.model.model import build_model
from icereco.profiles import Profile, load_profile
from icereco.reconstruction.methods import model_method
from icereco.runs.folder import RunFolder, finished_runs
from icereco.trained.new_card import new_card
from icereco.training import session as sessions
from icereco.training.start import Start

SETTINGS = (*SMALL, "train.validation_events=40")


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


def small(name: str = "pretrain", *overrides: str) -> Profile:
    return load_profile(name, [*SETTINGS, *overrides])


@pytest.fixture(scope="module")
def labelled(kept_cache) -> Path:
    """160 simulated events."""
    profile = small()
    return simulated_events(profile.simulation, load_detector(profile.detector), 160, seed=3)


@pytest.fixture(scope="module")
def unlabelled(labelled, tmp_path_factory) -> Path:
    """The same without any truth."""
    path = tmp_path_factory.mktemp("real") / "real.parquet"
    files = sorted(labelled.glob("*.parquet")) if labelled.is_dir() else [labelled]
    table = pq.read_table(files)
    pq.write_table(table.select(["event_id", "sensor_id", "time", "charge", "auxiliary"]), path)
    return path


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory, unlabelled) -> RunFolder:
    run = RunFolder.create(tmp_path_factory.mktemp("runs"), "pretrained")
    with sessions.begin(small(), unlabelled, run, silently) as session:
        assert train(session)
    return run


def test_it_learns_from_events_without_truth(pretrained):
    losses = [line["validation/loss"] for line in pretrained.read_metrics() if "validation/loss" in line]
    assert losses[-1] < losses[0]
    assert pretrained.state() == "finished"


def test_no_figure_of_directions_is_reported(pretrained):
    keys = {key for line in pretrained.read_metrics() for key in line}
    assert not [key for key in keys if "deg" in key or "inside" in key]
    assert not pretrained.validation.exists()


def test_stopping_and_resuming_gives_the_same_bits(tmp_path, unlabelled):
    straight, halves = (RunFolder.create(tmp_path, name) for name in ("straight", "halves"))
    with sessions.begin(small(), unlabelled, straight, silently) as session:
        assert train(session)
    with sessions.begin(small(), unlabelled, halves, silently) as session:
        assert not train(session, steps=3)
    with sessions.resume(halves, silently) as session:
        assert train(session)
    first, second = (read_tensors(run.training_state)[0] for run in (straight, halves))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_each_step_hides_other_modules_and_each_validation_the_same(tmp_path, unlabelled, monkeypatch):
    run, draws = RunFolder.create(tmp_path, "watched"), []
    with sessions.begin(small(), unlabelled, run, silently) as session:
        loss = type(session.model.loss)
        hide = loss.hide
        monkeypatch.setattr(
            loss,
            "hide",
            lambda self, batch, draw: (draws.append((self.training, draw)), hide(self, batch, draw))[1],
        )
        assert train(session)
    in_steps = [draw for training, draw in draws if training]
    assert len(set(in_steps)) == len(in_steps)
    assert {draw for training, draw in draws if not training} == {0}


def test_a_training_with_truth_goes_on_from_it(tmp_path, pretrained, labelled):
    run = RunFolder.create(tmp_path, "tuned")
    start = Start.find(str(pretrained.path), tmp_path)
    with sessions.begin(small("hierarchical"), labelled, run, silently, start=start) as session:
        before = load_checkpoint(pretrained.best).model
        now = session.model.state_dict()
        for name, value in before.state_dict().items():
            if name.startswith(("aggregator.", "encoder.")):
                assert torch.equal(now[name], value)
        assert train(session)
    assert "self_supervised" not in run.provenance()
    assert [one.name for one in finished_runs(tmp_path)] == ["tuned"]


def test_it_is_never_chosen_to_reconstruct_and_refused_where_it_is_named(pretrained):
    assert finished_runs(pretrained.path.parent) == []
    with pytest.raises(IcerecoError, match="go on from it"):
        model_method(pretrained.best)
    with pytest.raises(IcerecoError, match="go on from it"):
        new_card("real", load_checkpoint(pretrained.best), pretrained)


def test_other_losses_still_need_truth_and_name_the_way_without(tmp_path, unlabelled):
    run = RunFolder.create(tmp_path, "refused")
    with (
        pytest.raises(IcerecoError, match="icereco train --profile pretrain"),
        sessions.begin(small("hierarchical"), unlabelled, run, silently),
    ):
        pass


@pytest.mark.parametrize("table", ["loss", "losses.energy"])
def test_further_losses_beside_it_are_refused_with_the_options_that_leave_them_out(table):
    profile = small("complete", f"{table}.use=masked-modules")
    with pytest.raises(IcerecoError, match=rf"\[{table}\] hides .* -o losses\.energy\.weight=0"):
        build_model(profile, load_detector(profile.detector))


def test_it_cannot_be_a_part_of_a_weighted_sum():
    options = ["loss.use=weighted-sum", 'loss.losses=["vmf", "masked-modules"]', "loss.weights=[1.0, 1.0]"]
    profile = small("hierarchical", *options)
    with pytest.raises(IcerecoError, match="'masked-modules' hides"):
        build_model(profile, load_detector(profile.detector))


def test_the_command_says_how_to_go_on(tmp_path, unlabelled, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = [word for override in SETTINGS for word in ("-o", override)]
    command = ["train", "--profile", "pretrain", "--data", str(unlabelled), "--name", "real", *options]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    assert "icereco train --profile hierarchical --from real --data" in result.output
