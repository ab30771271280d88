"""Trainings of several processes: they share the events of each step, and give what one process gives."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
import torch
from click.testing import CliRunner
from training_driver import SMALL

from icereco.cli import main
from icereco.data.simulated import simulated_events
from icereco.detector.detector import load_detector
from icereco.errors import INTERRUPTED, IcerecoError
from icereco.model.checkpoint import read_tensors
from icereco.profiles import load_profile
from icereco.profiles.train_options import TrainOptions
from icereco.runs.folder import RunFolder
from icereco.system.batch_tasks import torchrun_task
from icereco.training.ranks import Ranks
from icereco.training.step_sharing import changes_to_share, require_shares

SETTINGS = (
    *SMALL, "train.optimizer=muon", "train.ema_decay=0.9", "train.batches_per_step=2", "train.events_per_batch=8",
    "train.epochs=2", "train.validations_per_epoch=2", "train.validation_events=30", "train.precision=float32",
    "train.rotate=true", "train.kept_pulses=0.6",
)  # fmt: skip
CLOCK = ("time", "seconds", "train/events_per_second/")
TORCHRUN = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")


@pytest.fixture(scope="module")
def events(tmp_path_factory) -> Path:
    """141 simulated events: the last step of an epoch has a batch for one process alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ICERECO_CACHE", str(tmp_path_factory.mktemp("cache")))
        profile = load_profile("hierarchical")
        return simulated_events(profile.simulation, load_detector(profile.detector), 141, seed=3)


def words(name: str, events: Path, *more: str) -> list[str]:
    options = [word for text in SETTINGS for word in ("-o", text)]
    data = ["--data", str(events), "--name", name, "--threads", "1", "--device", "cpu"]
    return ["train", "--profile", "hierarchical", *data, "--wandb", "disabled", *options, *more]


def begun(folder: Path, *words: str, module: str = "icereco") -> subprocess.Popen:
    environment = {name: value for name, value in os.environ.items() if name not in TORCHRUN}
    return subprocess.Popen(
        [sys.executable, "-m", *module.split(), *words],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen) -> tuple[int, str]:
    _, said = process.communicate(timeout=200)
    return process.returncode, said


def wait_for_step(run: RunFolder, step: int, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 120
    while not any(line.get("step", 0) >= step for line in run.read_metrics() if run.metrics.exists()):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def followers(process: subprocess.Popen) -> list[int]:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [int(one) for one in children if "follower" in Path(f"/proc/{one}/cmdline").read_text()]


def figures(run: RunFolder) -> list[dict]:
    return [
        {name: value for name, value in line.items() if not name.startswith(CLOCK)}
        for line in run.read_metrics()
    ]


def state(run: RunFolder) -> dict[str, torch.Tensor]:
    tensors, _ = read_tensors(run.training_state)
    return {name: one for name, one in tensors.items() if not name.startswith("random/")}


@pytest.fixture(scope="module")
def alone(tmp_path_factory, events) -> RunFolder:
    """The training by one process, with the same batches in each step."""
    root = tmp_path_factory.mktemp("alone")
    assert ended(begun(root, *words("alone", events)))[0] == 0
    return RunFolder(root / "runs" / "alone")


@pytest.fixture(scope="module")
def together(tmp_path_factory, events) -> RunFolder:
    root = tmp_path_factory.mktemp("together")
    code, said = ended(begun(root, *words("together", events, "--processes", "2")))
    assert code == 0, said
    return RunFolder(root / "runs" / "together")


def assert_close(first: RunFolder, second: RunFolder) -> None:
    """Whether two trainings are equal up to rounding."""
    for one, other in zip(figures(first), figures(second), strict=True):
        assert one == pytest.approx(other, rel=1e-4)
    for name, one in state(first).items():
        torch.testing.assert_close(state(second)[name], one, rtol=1e-3, atol=1e-5)


def test_two_processes_train_as_one_does(alone, together):
    assert_close(alone, together)
    seen = [pl.read_parquet(run.validation) for run in (alone, together)]
    assert seen[0]["event_id"].equals(seen[1]["event_id"])
    assert together.provenance()["processes"] == 2
    first = next(line for line in together.read_metrics() if "train/loss" in line)
    rates = {name: rate for name, rate in first.items() if "events_per_second" in name}
    assert [*rates] == ["train/events_per_second/0", "train/events_per_second/1"]
    assert min(rates.values()) > 0
    assert not any("events_per_second" in name for line in alone.read_metrics() for name in line)
    assert together.state() == "finished"


@pytest.mark.slow
def test_torchrun_starts_the_same_training(tmp_path, events, together):
    torchrun = "torch.distributed.run --standalone --nproc-per-node 2 -m icereco"
    line = words("torchrun", events, "--resume-or-start")
    code, said = ended(begun(tmp_path, *line, module=torchrun))
    assert code == 0, said
    run = RunFolder(tmp_path / "runs" / "torchrun")
    assert figures(run) == figures(together)
    assert said.count("finished: median") == 1, "the others are silent"
    code, said = ended(begun(tmp_path, *line, module=torchrun))
    assert code == 0, "none waits for another"
    assert said.count("has finished") == 1


@pytest.mark.slow
def test_a_stop_reaches_all_and_any_number_of_processes_goes_on(tmp_path, events, together, alone):
    process = begun(tmp_path, *words("stopped", events, "--processes", "2"))
    run = RunFolder(tmp_path / "runs" / "stopped")
    wait_for_step(run, 3, process)
    process.send_signal(signal.SIGTERM)  # the first process alone gets it
    code, said = ended(process)
    assert code == INTERRUPTED, said
    assert run.state() == "stopped"
    copy = RunFolder(run.path.with_name("copy"))
    shutil.copytree(run.path, copy.path)

    resume = ("train", "--wandb", "disabled", "--resume")
    code, said = ended(begun(tmp_path, *resume, "stopped"))
    assert code == 0, said
    assert figures(run) == figures(together), "as many processes"
    assert all(torch.equal(one, state(run)[name]) for name, one in state(together).items())

    code, said = ended(begun(tmp_path, *resume, "copy", "--processes", "1"))
    assert code == 0, said
    assert_close(alone, copy)


def test_a_process_that_dies_ends_the_training_with_one_message_and_the_last_checkpoint(tmp_path, events):
    process = begun(tmp_path, *words("killed", events, "--processes", "2", "-o", "train.epochs=50"))
    run = RunFolder(tmp_path / "runs" / "killed")
    wait_for_step(run, 12, process)  # after the first validation
    (follower,) = followers(process)
    os.kill(follower, signal.SIGKILL)
    code, said = ended(process)
    assert code == 2
    assert "process 1 ended by SIGKILL" in " ".join(said.split())
    assert said.count("error: ") == 1
    assert "icereco train --resume killed" in " ".join(said.split())
    assert run.state() == "failed"
    assert run.training_state.is_file()
    assert not Path(f"/proc/{follower}").exists()


def test_killing_the_first_process_ends_the_others(tmp_path, events):
    process = begun(tmp_path, *words("killed", events, "--processes", "2", "-o", "train.epochs=50"))
    wait_for_step(RunFolder(tmp_path / "runs" / "killed"), 1, process)
    (follower,) = followers(process)
    process.kill()
    ended(process)
    deadline = time.monotonic() + 20
    while Path(f"/proc/{follower}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_same_line_begins_resumes_and_finds_a_training_finished(tmp_path, events):
    line = words("mine", events, "--resume-or-start")
    run = RunFolder(tmp_path / "runs" / "mine")
    process = begun(tmp_path, *line)
    wait_for_step(run, 3, process)
    process.send_signal(signal.SIGUSR1)
    assert ended(process)[0] == INTERRUPTED
    code, said = ended(begun(tmp_path, *line))
    assert (code, run.state()) == (0, "finished")
    assert "goes on with the settings that it began with" in said
    before = run.metrics.read_bytes()
    code, said = ended(begun(tmp_path, *line))
    assert code == 0
    assert "has finished" in said
    assert run.metrics.read_bytes() == before


def test_resuming_or_starting_needs_a_name():
    result = CliRunner().invoke(main, ["train", "--resume-or-start"])
    assert result.exit_code == 2
    assert "--resume-or-start needs the --name" in result.output


MESSAGES = """
import json, sys
from pathlib import Path
import torch
from icereco.training.processes import joined
from icereco.training.ranks import Ranks
folder, number, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
with joined(folder, number, count, torch.device("cpu")) as ranks:
    stack = torch.arange(4 * 2 * 3, dtype=torch.float32).reshape(4, 2, 3)
    print(json.dumps({
        "total": ranks.total([1.0, number]),
        "any": [ranks.any(number == 2), ranks.any(False)],
        "gathered": ranks.gathered(f"of {number}"),
        "of_leader": [ranks.of_leader("first" if ranks.leads else None), ranks.of_leader(None)],
        "dealt": [list(one) for one in ranks.dealt(range(7), lambda item: (item * item, number))],
        "spread": ranks.spread(lambda some: 2 * some, stack).tolist() == (2 * stack).tolist(),
    }))
"""


def test_three_processes_find_the_same(tmp_path):
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", MESSAGES, str(tmp_path), str(number), "3"],
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(3)
    ]
    said = [json.loads(process.communicate(timeout=100)[0]) for process in processes]
    assert said[0] == said[1] == said[2]
    assert said[0] == {
        "total": [3.0, 3.0],
        "any": [True, False],
        "gathered": ["of 0", "of 1", "of 2"],
        "of_leader": ["first", None],
        "dealt": [[item, [item * item, item % 3]] for item in range(7)],
        "spread": True,
    }


@pytest.mark.parametrize("processes", [1, 2, 3, 8])
def test_each_step_keeps_its_events_when_more_processes_share_it(processes):
    before = TrainOptions(batches_per_step=2, events_per_batch=48)
    changes = changes_to_share(before, processes)
    after = load_profile(
        "hierarchical", ["train.batches_per_step=2", "train.events_per_batch=48", *changes]
    ).train
    require_shares(after, Ranks(0, processes))
    assert after.batches_per_step * after.events_per_batch == 96
    assert bool(changes) == bool(2 % processes)


def test_batches_that_do_not_come_out_even_are_refused():
    with pytest.raises(
        IcerecoError, match=r"3 processes cannot share the 4 batches.*--processes 1 or 2 or 4"
    ):
        require_shares(TrainOptions(batches_per_step=4), Ranks(0, 3))


@pytest.mark.parametrize(
    ("environment", "task"),
    [
        ({}, None),
        ({"RANK": "1", "WORLD_SIZE": "2"}, None),
        ({"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "a", "MASTER_PORT": "1"}, (1, 2)),
        ({"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "a", "MASTER_PORT": "1"}, None),
    ],
)
def test_what_torchrun_has_started_is_one_training(monkeypatch, environment, task):
    for name in TORCHRUN:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert torchrun_task() == task
