"""What another machine lacks: modules of Unix, a home folder, a high limit on open files."""

import errno
import os
import pkgutil
import resource
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from click.testing import CliRunner

import icereco
from icereco.cli import main
from icereco.data.sources.source import open_source
from icereco.data.store.prepare import prepare
from icereco.model import checkpoint
from icereco.plugins.discovery import registry
from icereco.system.batch_tasks import batch_task
from icereco.system.cache import config_dir
from icereco.system.open_files import allow_many_open_files
from icereco.tables.mapped import open_mapped
from icereco.testing.random_events import random_events
from icereco.watch.files import event_files

WITHOUT_UNIX = """
import builtins, importlib, pkgutil, sys
UNIX = {"fcntl", "termios", "resource", "pwd", "grp", "tty", "pty"}
real = builtins.__import__
def refuse(name, globals=None, locals=None, fromlist=(), level=0):
    importer = (globals or {}).get("__name__", "")
    if level == 0 and name in UNIX and importer.partition(".")[0].startswith("icereco"):
        raise ImportError(f"{importer} imports {name}")
    return real(name, globals, locals, fromlist, level)
builtins.__import__ = refuse
for name in sys.argv[1:]:
    importlib.import_module(name)
"""


def run(*arguments, folder, **variables):
    return subprocess.run(
        [sys.executable, "-P", *map(str, arguments)],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


@pytest.fixture
def events(tmp_path) -> Path:
    pq.write_table(random_events(np.full(40, 12), seed=3), tmp_path / "events.parquet")
    return tmp_path / "events.parquet"


PLUGINS = sorted({declared.plugin.entry for declared in registry().declarations})


def modules_of(package):
    return [
        package.__name__,
        *(one.name for one in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")),
    ]


def test_every_module_can_be_imported_where_unix_modules_are_missing(tmp_path):
    shipped = [import_module(f"icereco_{name}") for name in PLUGINS]
    modules = [name for package in (icereco, *shipped) for name in modules_of(package)]
    assert len(modules) > 200
    assert {name.partition(".")[0] for name in modules} == {
        "icereco",
        *(f"icereco_{name}" for name in PLUGINS),
    }
    done = run(
        "-c",
        WITHOUT_UNIX,
        *(name for name in modules if not name.endswith("__main__")),
        folder=tmp_path,
        **os.environ,
    )
    assert done.returncode == 0, done.stderr


COMMAND_WITHOUT_UNIX = """
import sys
UNIX = ("fcntl", "resource", "pwd", "grp", "termios", "tty")
for name in UNIX:
    sys.modules.pop(name, None)
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name in UNIX:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Refuse())
from icereco.cli import main
main()
"""


@pytest.mark.parametrize(
    "command",
    [
        ("data", "show", "events.parquet"),
        ("data", "add", "mine", "events.parquet"),
        ("reconstruct", "events.parquet", "--method", "linefit"),
        ("runs",),
        ("train", "--profile", "quick", "--data", "events.parquet", "--threads", "1", "-o", "train.epochs=1"),
    ],
    ids=lambda words: words[0] + words[1] if len(words) > 1 else words[0],
)
def test_commands_work_where_unix_modules_are_missing(tmp_path, events, command):
    done = run(
        "-c",
        COMMAND_WITHOUT_UNIX,
        *command,
        folder=tmp_path,
        **{**os.environ, "ICERECO_CONFIG": str(tmp_path / "config"), "WANDB_MODE": "disabled"},
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def no_home(tmp_path, monkeypatch):
    """A user without home and name, as a container's with a number alone."""

    def refuse():
        raise RuntimeError("Could not determine home directory.")

    for name in ("ICERECO_CACHE", "ICERECO_CONFIG", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "WANDB_CONFIG_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", refuse)
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("no_home")
@pytest.mark.parametrize(
    "command",
    [("data", "show"), ("reconstruct", "--method", "linefit", "-o", "out.parquet"), ("doctor",)],
    ids=lambda words: words[0],
)
def test_a_user_without_home_reads_events(events, command):
    result = CliRunner().invoke(main, [*command, str(events)])
    assert isinstance(result.exception, SystemExit | None), result.exception
    assert "error:" not in result.output
    assert "40" in result.output


@pytest.mark.usefixtures("no_home")
@pytest.mark.parametrize(
    "command", [("train", "--profile", "quick"), ("data", "add", "mine")], ids=lambda words: words[0]
)
def test_what_needs_a_place_of_its_own_says_how_to_give_one(tmp_path, events, command):
    words = [*command, str(events)] if command[0] == "data" else list(command)
    result = CliRunner().invoke(main, words)
    assert isinstance(result.exception, SystemExit), result.exception
    assert ("set ICERECO_CACHE" if command[0] == "train" else "set ICERECO_CONFIG") in result.output
    assert not (tmp_path / "runs").exists()


def test_a_cache_that_cannot_be_written_to_says_how_to_give_another(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("ICERECO_CACHE", str(tmp_path / "file"))
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["train", "--profile", "quick"])
    assert "set ICERECO_CACHE to a folder that can be written to" in " ".join(result.output.split())
    assert not (tmp_path / "runs").exists()


def test_as_many_files_may_be_open_as_the_system_lets_us():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
        allow_many_open_files()
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == min(before[1], 65_536)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_link_to_nothing_is_called_so(tmp_path):
    (tmp_path / "events.parquet").symlink_to("/nowhere/events.parquet")
    result = CliRunner().invoke(
        main, ["reconstruct", str(tmp_path / "events.parquet"), "--method", "linefit"]
    )
    assert "is a link to /nowhere/events.parquet, which is not there" in " ".join(result.output.split())


# File systems and names


NO_MAPS = f"Memory mapping file failed: {os.strerror(errno.ENODEV)}"


@pytest.fixture
def no_maps(monkeypatch):
    """A file system that maps no files into memory, as some network and union mounts."""

    def refuse(*_arguments, **_options):
        raise OSError(NO_MAPS)

    monkeypatch.setattr(pa, "memory_map", refuse)
    monkeypatch.setattr(checkpoint, "safe_open", refuse)


def test_events_are_read_where_nothing_can_be_mapped(tmp_path, events, no_maps, monkeypatch):
    table = pq.read_table(events)
    with pa.ipc.new_file(tmp_path / "events.arrow", table.schema) as file:
        file.write_table(table)
    words = [
        "reconstruct",
        str(tmp_path / "events.arrow"),
        "--method",
        "linefit",
        "-o",
        str(tmp_path / "o.parquet"),
    ]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    assert pq.read_metadata(tmp_path / "o.parquet").num_rows == len(table)


def test_arrow_results_and_tables_are_read_where_nothing_can_be_mapped(tmp_path, events, no_maps):
    table = pq.read_table(events)
    feather = tmp_path / "events.feather"
    with pa.ipc.new_file(feather, table.schema) as file:
        file.write_table(table)
    reader = "table:event=event_id,sensor=sensor_id,time=time"
    out = str(tmp_path / "o.arrow")
    for words in (
        ["reconstruct", str(feather), "--reader", reader, "--method", "linefit", "-o", out],
        ["reconstruct", str(events), "--method", "linefit", "-o", out],
        ["evaluate", out],
    ):
        result = CliRunner().invoke(main, words)
        assert result.exit_code == 0, result.output


def test_stores_and_checkpoints_are_read_where_nothing_can_be_mapped(tmp_path, events, detector, no_maps):
    store = prepare(open_source(events), detector, tmp_path / "store", processes=1)
    assert sum(block.num_rows for block in store.blocks([0])) > 0
    tensors, metadata = {"a": torch.arange(3)}, {"b": "c"}
    checkpoint.write_tensors(tmp_path / "a.safetensors", tensors, metadata)
    read, facts = checkpoint.read_tensors(tmp_path / "a.safetensors")
    assert read["a"].tolist() == [0, 1, 2]
    assert facts["b"] == "c"


def test_another_error_of_a_file_is_not_one_of_mapping(tmp_path, monkeypatch):
    def fail(_path):
        raise OSError(errno.EIO, "input/output error")

    monkeypatch.setattr(pa, "memory_map", fail)
    with pytest.raises(OSError, match="input/output error"):
        open_mapped(tmp_path / "events.arrow")


@pytest.mark.parametrize(
    "command",
    [
        ("data", "show"),
        ("doctor",),
        ("evaluate",),
        ("reconstruct", "--method", "linefit"),
        ("view", "--", "1"),
    ],
    ids=lambda words: words[0],
)
def test_a_name_that_is_not_utf_8_is_refused_by_name(tmp_path, events, command):
    path = tmp_path / os.fsdecode(b"caf\xe9.parquet")
    events.rename(path)
    words = ["view", str(path), "1"] if command[0] == "view" else [*command, str(path)]
    result = CliRunner().invoke(main, words)
    assert isinstance(result.exception, SystemExit), result.exception
    assert "this name is not UTF-8" in " ".join(result.output.split())


def test_files_are_listed_beside_one_whose_name_is_not_utf_8(tmp_path, events):
    (tmp_path / os.fsdecode(b"caf\xe9.parquet")).write_bytes(events.read_bytes())
    views = {view.path.name: view for view in event_files(tmp_path)}
    assert views["events.parquet"].events == 40
    assert "is not UTF-8" in views[os.fsdecode(b"caf\xe9.parquet")].problem


# Tasks and streams


@pytest.mark.parametrize("variables", [("WORLD_SIZE", "RANK"), ("SLURM_NTASKS", "SLURM_PROCID")])
def test_a_second_task_of_the_same_training_is_refused(tmp_path, events, monkeypatch, variables):
    monkeypatch.chdir(tmp_path)
    for name, value in zip(variables, ("2", "1"), strict=True):
        monkeypatch.setenv(name, value)
    result = CliRunner().invoke(main, ["train", "--profile", "quick", "--data", str(events)])
    assert result.exit_code == 2
    assert "2 tasks of this command run side by side" in " ".join(result.output.split())
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("environment", "task"),
    [
        ({}, (0, 1)),
        ({"SLURM_NTASKS": "1", "SLURM_PROCID": "0"}, (0, 1)),
        ({"SLURM_NTASKS": "4"}, (0, 4)),
        ({"SLURM_NTASKS": "many"}, (0, 1)),
        ({"SLURM_NTASKS": "1", "WORLD_SIZE": "8", "RANK": "7"}, (7, 8)),
    ],
)
def test_the_environment_says_which_task_this_is(monkeypatch, environment, task):
    for name in ("SLURM_NTASKS", "SLURM_PROCID", "WORLD_SIZE", "RANK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert batch_task() == task


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_output_that_is_closed_goes_nowhere(tmp_path, events, closed):
    out = tmp_path / "out.parquet"
    words = [sys.executable, "-P", "-m", "icereco", "reconstruct", events, "--method", "linefit", "-o", out]
    line = f"{shlex.join(map(str, words))} {closed}"
    done = subprocess.run(["sh", "-c", line], cwd=tmp_path, capture_output=True, timeout=100, check=False)
    assert done.returncode == 0
    assert pq.read_metadata(out).num_rows == 40


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "command",
    [("data", "show"), ("doctor",), ("reconstruct", "--method", "linefit")],
    ids=lambda words: words[0],
)
def test_a_pipe_is_not_waited_for(tmp_path, command):
    os.mkfifo(tmp_path / "events.parquet")
    result = CliRunner().invoke(main, [*command, str(tmp_path / "events.parquet")])
    assert "is a pipe or a device" in " ".join(result.output.split())


@pytest.mark.timeout(60)
@pytest.mark.parametrize("output", ["pipe", "-", "/dev/null"])
def test_an_output_that_is_no_file_is_refused_at_once(tmp_path, events, monkeypatch, output):
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.chdir(tmp_path)
    words = ["reconstruct", str(events), "--method", "linefit", "--format", "kaggle", "-o", output]
    assert "is not a file but a pipe or a device" in " ".join(CliRunner().invoke(main, words).output.split())


def test_a_working_folder_that_is_gone_is_called_so(tmp_path, events):
    program = (
        "import os, sys; os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone'); from icereco.cli import main\n"
        "main(['reconstruct', sys.argv[1], '--method', 'linefit'])"
    )
    done = run("-c", program, events, folder=tmp_path, **os.environ)
    assert done.returncode == 1
    assert "the working folder is gone" in done.stderr


@pytest.mark.parametrize(("standard", "found"), [("relative", "home/.config"), ("/etc/xdg", "/etc/xdg")])
def test_a_relative_standard_folder_is_ignored_as_the_standard_says(tmp_path, monkeypatch, standard, found):
    monkeypatch.delenv("ICERECO_CONFIG", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", standard)
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    assert config_dir() == tmp_path / found / "icereco"
