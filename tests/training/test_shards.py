"""Trainings whose weights are divided over several processes: what they give is what any others give."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from test_processes import assert_close, begun, ended, events, figures, followers, state, wait_for_step, words

from icereco.cli import main
from icereco.errors import INTERRUPTED
from icereco.model.checkpoint import load_checkpoint
from icereco.runs.folder import RunFolder
from icereco.runs.orders import give_order, wait_for_answer

__all__ = ["events"]  # a fixture

STEPS = Path(__file__).with_name("shard_steps.py")


def after_steps(folder: Path, count: int, shard: bool) -> tuple[list[dict], dict[str, torch.Tensor]]:
    """What each of so many processes says after three steps, and the state that the first one gathers."""
    folder.mkdir()
    processes = [
        subprocess.Popen(
            [sys.executable, STEPS, folder, str(number), str(count), str(shard)],
            stdout=subprocess.PIPE,
            text=True,
            # Its folder, which is not on the path of a program where Python is told to be safe.
            env={**os.environ, "PYTHONPATH": str(STEPS.parent)},
        )
        for number in range(count)
    ]
    try:
        said = [json.loads(process.communicate(timeout=100)[0]) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    return said, torch.load(folder / "state.pt")


@pytest.mark.slow
def test_three_processes_hold_a_third_each_and_take_the_same_steps(tmp_path):
    whole, of_whole = after_steps(tmp_path / "whole", 3, shard=False)
    divided, of_divided = after_steps(tmp_path / "divided", 3, shard=True)
    for one, other in zip(whole, divided, strict=True):
        assert other["norms"] == pytest.approx(one["norms"], rel=1e-5)
        assert other["loss"] == pytest.approx(one["loss"], rel=1e-5)
    for place, of_all in enumerate(whole[0]["numbers"]):  # of weights, gradients, and moments
        assert max(one["numbers"][place] for one in divided) < 0.42 * of_all
    assert of_whole.keys() == of_divided.keys()
    for name, one in of_whole.items():
        torch.testing.assert_close(of_divided[name], one, rtol=1e-3, atol=1e-6)


@pytest.fixture(scope="module")
def divided(tmp_path_factory, events) -> RunFolder:
    root = tmp_path_factory.mktemp("divided")
    code, said = ended(begun(root, *words("divided", events, "--processes", "2", "--shard")))
    assert code == 0, said
    return RunFolder(root / "runs" / "divided")


def test_a_training_of_divided_weights_is_that_of_one_process(tmp_path, events, divided):
    assert ended(begun(tmp_path, *words("alone", events)))[0] == 0
    alone = RunFolder(tmp_path / "runs" / "alone")
    assert_close(alone, divided)
    assert (divided.provenance()["shard"], divided.state()) == (True, "finished")
    one, other = (load_checkpoint(run.best).model.state_dict() for run in (alone, divided))
    assert one.keys() == other.keys()
    for name, value in one.items():
        torch.testing.assert_close(other[name], value, rtol=1e-3, atol=1e-5)


@pytest.mark.slow
def test_it_goes_on_after_a_stop_divided_or_not_with_any_number_of_processes(tmp_path, events, divided):
    process = begun(tmp_path, *words("stopped", events, "--processes", "2", "--shard"))
    run = RunFolder(tmp_path / "runs" / "stopped")
    wait_for_step(run, 2, process)
    assert "saved at step" in wait_for_answer(give_order(run, "checkpoint"), 60)
    process.send_signal(signal.SIGTERM)
    code, said = ended(process)
    assert (code, run.state()) == (INTERRUPTED, "stopped"), said
    for name in ("whole", "one"):
        shutil.copytree(run.path, run.path.with_name(name))

    resume = ("train", "--wandb", "disabled", "--resume")
    code, said = ended(begun(tmp_path, *resume, "stopped"))
    assert code == 0, said
    assert figures(run) == figures(divided), "as many processes, and divided as before"
    assert all(torch.equal(one, state(run)[name]) for name, one in state(divided).items())
    for name, more in (("whole", ["--no-shard"]), ("one", ["--processes", "1"])):
        code, said = ended(begun(tmp_path, *resume, name, *more))
        assert code == 0, said
        assert_close(divided, RunFolder(run.path.with_name(name)))


@pytest.mark.slow
def test_torchrun_divides_too_and_goes_on_from_whole_weights(tmp_path, events, divided):
    process = begun(tmp_path, *words("whole", events))
    run = RunFolder(tmp_path / "runs" / "whole")
    wait_for_step(run, 2, process)
    process.send_signal(signal.SIGTERM)
    assert ended(process)[0] == INTERRUPTED
    torchrun = "torch.distributed.run --standalone --nproc-per-node 2 -m icereco"
    code, said = ended(begun(tmp_path, "train", "--resume", "whole", "--shard", module=torchrun))
    assert code == 0, said
    assert_close(divided, run)


def test_one_process_has_nothing_to_divide():
    result = CliRunner().invoke(main, ["train", "--shard"])
    assert result.exit_code == 2
    assert "--shard divides the weights over several processes: add --processes N" in " ".join(
        result.output.split()
    )


def test_a_process_that_dies_ends_the_training_with_the_last_checkpoint(tmp_path, events):
    process = begun(
        tmp_path, *words("killed", events, "--processes", "2", "--shard", "-o", "train.epochs=50")
    )
    run = RunFolder(tmp_path / "runs" / "killed")
    wait_for_step(run, 12, process)  # after the first validation
    (follower,) = followers(process)
    os.kill(follower, signal.SIGKILL)
    code, said = ended(process)
    assert (code, run.state()) == (2, "failed")
    assert "process 1 ended by SIGKILL" in " ".join(said.split())
    assert said.count("error: ") == 1
    assert run.training_state.is_file()
