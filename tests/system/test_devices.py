"""Devices are found by name, and one that is not there is refused with those that are."""

import json
import re
from pathlib import Path

import click
import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from click.testing import CliRunner

from icereco import load_model
from icereco.cli import main
from icereco.errors import IcerecoError
from icereco.system.devices import device_names, find_device
from icereco.testing.random_events import random_events


@pytest.fixture
def gpus(monkeypatch):
    """Machines with so many GPUs, as far as torch says."""

    def pretend(count):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)

    return pretend


@pytest.mark.parametrize(
    ("count", "name", "device"),
    [
        (0, None, "cpu"),
        (0, "auto", "cpu"),
        (0, "cpu", "cpu"),
        (2, None, "cuda:0"),
        (2, "auto", "cuda:0"),
        (2, "cuda", "cuda:0"),
        (2, "cuda:1", "cuda:1"),
        (2, "cpu", "cpu"),
    ],
)
def test_a_device_is_found_by_its_name(gpus, count, name, device):
    gpus(count)
    assert find_device(name) == torch.device(device)
    assert device in device_names()


@pytest.mark.parametrize(
    ("count", "name", "words"),
    [
        (0, "cuda", "this machine has: cpu\n  the installed torch"),
        (2, "cuda:2", "this machine has: cpu, cuda:0, cuda:1"),
        (2, "cdua", "no device 'cdua'; did you mean"),
        (0, "gpu", "this machine has: cpu"),
        (1, "mps", "Apple's GPUs (mps) are not supported: times are float64"),
    ],
)
def test_a_device_that_is_not_there_is_refused_with_those_that_are(gpus, count, name, words):
    gpus(count)
    with pytest.raises(IcerecoError) as caught:
        find_device(name)
    assert words in str(caught.value)


@pytest.fixture
def events(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pq.write_table(random_events(np.full(40, 12), seed=3), tmp_path / "events.parquet")
    return "events.parquet"


@pytest.mark.parametrize(
    "command",
    [
        ("train", "--profile", "quick"),
        ("reconstruct", "events.parquet", "--method", "likelihood"),
        ("reconstruct", "events.parquet", "--method", "linefit"),
        ("sweep", "quick", "-o", "encoder.layers=[1,2]"),
        ("doctor", "events.parquet"),
        ("likelihood", "scan", "events.parquet", "1"),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_every_command_that_computes_refuses_a_device_that_is_not_there(gpus, tmp_path, events, command):
    gpus(0)
    result = CliRunner().invoke(main, [*command, "--device", "cuda:7"])
    assert result.exit_code == 2, result.output
    assert "this machine has: cpu" in " ".join(result.output.split())
    assert not (tmp_path / "runs").exists()


def test_a_line_fit_has_no_use_for_a_gpu(gpus, events):
    gpus(1)
    result = CliRunner().invoke(main, ["reconstruct", events, "--method", "linefit", "--device", "cuda"])
    assert "'linefit' computes on the CPU alone; leave out --device cuda" in " ".join(result.output.split())


def test_an_option_of_a_method_and_that_of_the_command_name_devices_alike(gpus, events):
    gpus(0)
    words = ["reconstruct", events, "--method", "likelihood", "-o", "likelihood.device=cuda"]
    assert "this machine has: cpu" in CliRunner().invoke(main, words).output
    with pytest.raises(IcerecoError, match="this machine has: cpu"):
        load_model("likelihood", device="cuda")


def commands_with(option, command=main, path=()):
    if any(option in parameter.opts for parameter in command.params):
        yield " ".join(path)
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            yield from commands_with(option, command.get_command(click.Context(command), name), (*path, name))


def test_the_page_about_machines_names_every_command_that_computes():
    page = (Path(__file__).resolve().parents[2] / "docs" / "machines.md").read_text(encoding="utf-8")
    threads = set(commands_with("--threads"))
    assert threads - {"evaluate", "export"} == set(
        commands_with("--device")
    )  # these compute on the CPU alone
    for name in threads:
        assert re.search(rf"`(icereco )?{name}[` ]", page), name


@pytest.fixture
def threads_restored():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("threads_restored")
def test_a_run_says_where_and_with_how_many_threads_it_was_trained(tmp_path, events):
    small = ["-o", "train.epochs=1", "-o", "train.validation_events=8", "-o", "aggregator.width=8"]
    small += ["-o", "aggregator.heads=2", "-o", "encoder.heads=2", "--wandb", "disabled", "--name", "one"]
    words = ["train", "--profile", "quick", "--data", events, *small, "--device", "cpu", "--threads", "1"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    facts = json.loads((tmp_path / "runs/one/provenance.json").read_text())
    assert (facts["device"], facts["threads"]) == ("cpu", 1)
    words = ["reconstruct", events, "--run", "one", "--device", "cpu", "--threads", "2", "-o", "out.parquet"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("threads_restored")
def test_a_training_says_that_it_leaves_busy_processors_out_and_resumes_with_as_many(
    tmp_path, events, monkeypatch
):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("icereco.system.processors.free_processors", lambda: 1)
    monkeypatch.setattr("icereco.cli.train_compute.available_processors", lambda: 2)
    small = ["-o", "train.epochs=1", "-o", "train.validation_events=8", "-o", "aggregator.width=8"]
    small += ["-o", "aggregator.heads=2", "-o", "encoder.heads=2", "--wandb", "disabled", "--name", "one"]
    result = CliRunner().invoke(main, ["train", "--profile", "quick", "--data", events, *small])
    assert result.exit_code == 0, result.output
    assert "computing with 1 of 2 processors" in " ".join(result.output.split())
    monkeypatch.setattr("icereco.system.processors.free_processors", lambda: pytest.fail("looked again"))
    result = CliRunner().invoke(main, ["train", "--resume", "one", "--wandb", "disabled"])
    assert "has finished" in result.output
    assert torch.get_num_threads() == 1
