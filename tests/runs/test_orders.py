"""Orders to a training: obeyed between steps, acknowledged, and without a trace in the numbers."""

import json
import threading
import time
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from icereco.cli.runs import command
from icereco.data.simulated import simulated_events
from icereco.detector.detector import load_detector
from icereco.errors import IcerecoError
from icereco.model.checkpoint import read_tensors
from icereco.profiles import load_profile
from icereco.runs.folder import RunFolder
from icereco.runs.orders import OrderReader, give_order, wait_for_answer
from icereco.training import session as sessions
from icereco.training.observer import TrainingObserver
from icereco.training.stop_request import StopRequest
from icereco.training.wandb import Tracker

SMALL = (
    "aggregator.width=16", "aggregator.layers=1", "aggregator.heads=2", "aggregator.dropout=0.1",
    "encoder.layers=1", "encoder.heads=2", "train.epochs=1", "train.events_per_batch=16",
    "train.validation_events=20", "train.log_every_steps=2",
)  # fmt: skip


@pytest.fixture(scope="module")
def events(tmp_path_factory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ICERECO_CACHE", str(tmp_path_factory.mktemp("cache")))
        profile = load_profile("hierarchical")
        return simulated_events(profile.simulation, load_detector(profile.detector), 100, seed=3)


def silently(_stage):
    return lambda _done, _total: None


class At(TrainingObserver):
    """Does things at steps."""

    def __init__(self, **deeds) -> None:
        self.deeds = {int(name.removeprefix("step")): deed for name, deed in deeds.items()}

    def on_step(self, position, _loss) -> None:
        if deed := self.deeds.get(position.step):
            deed()


def train(root: Path, name: str, events: Path, **deeds) -> tuple[RunFolder, bool]:
    run = RunFolder.create(root, name)
    bound = {step: lambda deed=deed: deed(run) for step, deed in deeds.items()}
    with sessions.begin(load_profile("hierarchical", SMALL), events, run, silently) as session:
        return run, session.train(StopRequest(), Tracker(None), At(**bound))


def state_of(run: RunFolder) -> dict[str, torch.Tensor]:
    return read_tensors(run.training_state)[0]


def figures_of(run: RunFolder) -> list[dict]:
    return [{k: v for k, v in row.items() if k not in ("time", "seconds")} for row in run.read_metrics()]


def wait_for(what, seconds: float = 90.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def go_on_once_paused(run: RunFolder, seen: list[str]) -> None:
    wait_for(lambda: (status := run.status()) is not None and status.phase == "paused")
    seen.append(run.state())
    seen.append(wait_for_answer(give_order(run, "resume"), 90.0))


def test_pausing_and_saving_change_no_bit(tmp_path, events):
    seen: list[str] = []
    other = threading.Thread(target=lambda: go_on_once_paused(RunFolder(tmp_path / "ordered"), seen))

    def pause(run):
        give_order(run, "pause")
        other.start()

    straight, _ = train(tmp_path, "straight", events)
    ordered, ended = train(
        tmp_path, "ordered", events, step1=lambda run: give_order(run, "checkpoint"), step2=pause
    )
    other.join(20.0)

    assert ended
    assert seen == ["running", "going on from step 2"]
    first, second = state_of(straight), state_of(ordered)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert figures_of(straight) == figures_of(ordered)


def test_an_ordered_stop_saves_and_the_rest_gives_the_same_bits(tmp_path, events):
    straight, _ = train(tmp_path, "straight", events)
    halves, ended = train(tmp_path, "halves", events, step2=lambda run: give_order(run, "stop"))
    status = halves.status()
    assert not ended
    assert (halves.state(), status.step, status.answer) == ("stopped", 2, "stopping after step 2")
    assert status.answered == halves.control.stat().st_size
    with sessions.resume(halves, silently) as session:
        assert session.train(StopRequest(), Tracker(None), At())
    assert all(torch.equal(value, state_of(halves)[name]) for name, value in state_of(straight).items())


def test_a_checkpoint_is_there_once_it_is_acknowledged(tmp_path, events):
    found = []

    def order(run):
        give_order(run, "checkpoint")
        assert not run.training_state.exists()

    train(tmp_path, "saved", events, step1=order, step2=lambda run: found.append(run.training_state.exists()))
    assert found == [True]


def test_validated_events_can_be_looked_at_before_the_end(tmp_path, events):
    profile = load_profile("hierarchical", [*SMALL, "train.validations_per_epoch=2"])
    run = RunFolder.create(tmp_path, "watched")
    seen = []
    with sessions.begin(profile, events, run, silently) as session:
        session.train(StopRequest(), Tracker(None), At(step4=lambda: seen.append(run.validation.is_file())))
    assert seen == [True]


def test_a_stop_ends_the_preparation_too(tmp_path):
    run = RunFolder.create(tmp_path, "early")
    profile = load_profile("quick", ["train.events=300", "train.validation_events=20"])

    def stages(_stage):
        return lambda _done, _total: give_order(run, "stop") if not run.control.exists() else None

    with (
        pytest.raises(IcerecoError, match="stopped before the first step"),
        sessions.begin(profile, None, run, stages),
    ):
        pass
    assert run.state() == "stopped"
    assert run.status().answer == "stopped before the first step"


def test_a_line_that_is_no_order_is_answered_and_does_no_harm(tmp_path, events):
    def scribble(run):
        with run.control.open("a") as file:
            file.write('{"order": "explode"}\n[1]\n\xff\n')

    run, ended = train(tmp_path, "scribbled", events, step1=scribble)
    assert ended
    assert run.status().answer.startswith("not an order")


def test_orders_of_an_earlier_training_are_not_obeyed(tmp_path):
    path = tmp_path / "control.jsonl"
    path.write_text('{"order": "stop"}\n')
    reader = OrderReader(path)
    assert reader.new() == []
    with path.open("a") as file:
        file.write('{"order": "pause"}\n{"order": "res')
        file.flush()
        assert [order for order, _ in reader.new()] == ["pause"]
        file.write('ume"}\n')
    assert [order for order, _ in reader.new()] == ["resume"]
    path.write_text('{"order": "stop"}\n')
    assert [order for order, _ in reader.new()] == ["stop"]


def test_who_does_not_train_takes_no_orders(tmp_path):
    run = RunFolder.create(tmp_path, "done")
    run.write_status("finished")
    with pytest.raises(IcerecoError, match="is not running, it is finished"):
        give_order(run, "stop")
    assert not run.control.exists()


# The command line


def ask(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(command, list(arguments))
    return result.exit_code, result.output + (str(result.exception) if result.exception else "")


def test_the_command_line_gives_orders_too(tmp_path, events):
    answers = []

    def order(run):
        arguments = ("--runs-dir", str(tmp_path), "stop", run.name)
        other = threading.Thread(target=lambda: answers.append(ask(*arguments)))
        other.start()
        wait_for(run.control.exists)
        others.append(other)

    others: list[threading.Thread] = []
    _, ended = train(tmp_path, "ordered", events, step1=order)
    others[0].join(20.0)
    assert not ended
    code, said = answers[0]
    assert code == 0
    assert said.endswith("ordered: stopping after step 1\n")  # the training's own log may come before


def test_a_run_is_deleted_only_when_said_and_never_while_it_runs(tmp_path):
    run = RunFolder.create(tmp_path, "old")
    run.write_status("training")
    run.write_profile('name = "any"\n')
    assert "is running" in ask("--runs-dir", str(tmp_path), "delete", "--yes", "old")[1]
    run.write_status("finished")
    result = CliRunner().invoke(command, ["--runs-dir", str(tmp_path), "delete", "old"], input="n\n")
    assert result.exit_code == 1
    assert json.loads((run.path / "status.json").read_text())["phase"] == "finished"
    assert ask("--runs-dir", str(tmp_path), "delete", "--yes", "old")[0] == 0
    assert not run.path.exists()


@pytest.mark.parametrize("name", [".", "..", "", "../victim", "/victim", "runs"])
def test_nothing_but_a_run_in_the_folder_of_runs_is_deleted(tmp_path, monkeypatch, name):
    """A project folder may hold a profile.toml of its own."""
    folders = (tmp_path, tmp_path / "victim", tmp_path / "runs")
    for folder in folders:
        folder.mkdir(exist_ok=True)
        for file in ("profile.toml", "log.txt", "thesis.txt"):
            (folder / file).write_text("years of work")
    monkeypatch.chdir(tmp_path)
    code, said = ask("delete", "--yes", name)
    assert code != 0, said
    assert all((folder / "thesis.txt").is_file() for folder in folders)


def test_a_folder_with_one_file_of_a_run_is_not_deleted(tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "profile.toml").write_text("")
    assert (
        "not the folder of a run; nothing is deleted"
        in ask("--runs-dir", str(tmp_path), "delete", "--yes", "notes")[1]
    )
    assert (tmp_path / "notes" / "profile.toml").is_file()
