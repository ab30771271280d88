"""The command line from outside: what it imports, what it says, how it exits."""

import errno
import json
import os
import signal
import subprocess
import sys
import textwrap

import click
import pytest
from click.testing import CliRunner

from icereco.cli import COMMANDS, main
from icereco.cli.group import LazyGroup
from icereco.errors import IcerecoError
from icereco.runs.folder import RunFolder
from icereco.system import log

HEAVY = ("astropy", "torch", "polars", "pyarrow", "textual", "wandb")


def run(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-c", "from icereco.cli import main; main()", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment},
    )


def imported_by(*arguments):
    """The modules that a process has loaded after running a command."""
    program = textwrap.dedent("""
        import sys
        from icereco.cli import main
        main(standalone_mode=False)
        print(*sorted(sys.modules), file=sys.stderr)
    """)
    result = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=60, check=True
    )
    return set(result.stderr.split())


def test_help_imports_no_command_and_nothing_heavy():
    modules = imported_by("--help")
    assert not modules.intersection(HEAVY)
    assert not modules.intersection(module for module, _ in COMMANDS.values())
    assert not modules.intersection({"rich", "pydantic", "numpy"})


@pytest.mark.parametrize(
    "arguments",
    [
        ["plugins"],
        ["profiles"],
        ["profiles", "check"],
        ["profiles", "show", "hierarchical"],
        ["runs"],
        ["models"],
        ["data", "list"],
    ],
    ids=" ".join,
)
def test_listing_and_checking_import_nothing_heavy(arguments):
    assert not imported_by(*arguments).intersection(HEAVY)


def test_following_a_training_needs_no_terminal_app(tmp_path):
    RunFolder.create(tmp_path, "one").write_status("finished")
    modules = imported_by("tail", "one", "--runs-dir", str(tmp_path))
    assert not modules.intersection({"torch", "textual", "icereco.tui"})


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_lists_every_command_and_each_has_its_own_help(name):
    assert name in CliRunner().invoke(main, ["--help"]).output
    result = CliRunner().invoke(main, [name, "--help"])
    assert result.exit_code == 0, result.output
    assert f"Usage: main {name}" in result.output


def test_an_unknown_command_names_the_nearest():
    result = run("trian")
    assert result.returncode == 2
    assert "no command is called 'trian'; did you mean 'train'?" in result.stderr


def test_version_is_printed():
    assert run("--version").stdout.startswith("icereco, version ")


def test_plugins_json_has_components_and_plugins():
    document = json.loads(run("plugins", "--kind", "encoder", "--json").stdout)
    assert {one["kind"] for one in document["components"]} == {"encoder"}
    assert {plugin["distribution"] for plugin in document["plugins"]} >= {"icereco"}


def test_the_users_mistake_is_one_red_message_without_a_traceback():
    result = run("profiles", "show", "hierarchcal")
    assert result.returncode == 2
    assert result.stderr.startswith("error: no profile is called 'hierarchcal'; did you mean 'hierarchical'?")
    assert "Traceback" not in result.stderr


def test_verbose_shows_where_an_error_came_from():
    assert "Traceback" in run("--verbose", "profiles", "show", "hierarchcal").stderr


def test_checking_reports_every_file_and_exits_with_2(tmp_path):
    bad = tmp_path / "bad.toml"
    bad.write_text('extends = "quick"\n[train]\nepochs = 0\nevents = 0\n')
    result = run("profiles", "check", str(bad), "quick")
    assert result.returncode == 2
    assert "quick: ok" in result.stdout
    assert f"{bad}:3: train.epochs = 0" in result.stderr
    assert f"{bad}:4: train.events = 0" in result.stderr


def group_that(raises):
    @click.group(cls=LazyGroup, lazy_commands={}, invoke_without_command=True)
    def group():
        raise raises

    return group


INTERRUPTED_CLASS = RuntimeError("Error calling __set_name__")
INTERRUPTED_CLASS.__cause__ = KeyboardInterrupt()


@pytest.mark.parametrize(
    ("error", "exit_code", "message"),
    [
        (IcerecoError("no such thing"), 2, "error: no such thing\n"),
        (KeyboardInterrupt(), 130, "error: interrupted\n"),
        (INTERRUPTED_CLASS, 130, "error: interrupted\n"),
        (
            OSError(errno.ENOSPC, "No space left on device", "out.parquet"),
            1,
            "error: out.parquet: no space left",
        ),
        (OSError(errno.EROFS, "Read-only file system", "/x/y"), 1, "error: /x/y: read-only file system\n"),
        (PermissionError(errno.EACCES, "Permission denied", "a"), 1, "error: a: permission denied\n"),
        (OSError("nothing more is known"), 1, "error: nothing more is known\n"),
    ],
)
def test_errors_become_one_message_and_an_exit_code(error, exit_code, message):
    result = CliRunner().invoke(group_that(error), [])
    assert result.exit_code == exit_code
    assert result.stderr.startswith(message)
    assert result.stderr.count("\n") == 1


def test_an_interruption_in_a_nested_group_is_reported_once():
    @click.group(cls=LazyGroup, lazy_commands={})
    def outer():
        pass

    outer.get_command = lambda *_: group_that(KeyboardInterrupt())
    outer.lazy_commands = {"inner": ("", "")}
    result = CliRunner().invoke(outer, ["inner"])
    assert (result.exit_code, result.stderr) == (130, "error: interrupted\n")


def test_a_bug_is_not_hidden():
    assert isinstance(CliRunner().invoke(group_that(ZeroDivisionError()), []).exception, ZeroDivisionError)


@pytest.mark.skipif(sys.platform == "win32", reason="needs bash and SIGPIPE")
@pytest.mark.parametrize("command", ["profiles show hierarchical", "detectors --json", "plugins"])
def test_a_reader_who_leaves_early_ends_the_program_quietly_as_sigpipe_does(command):
    program = f"'{sys.executable}' -c 'from icereco.cli import main; main()' {command}"
    pipe = f"{program} | true; exit ${{PIPESTATUS[0]}}"
    result = subprocess.run(["bash", "-c", pipe], capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stderr) == (128 + signal.SIGPIPE, "")


@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal")
def test_ctrl_c_exits_with_130():
    program = "import os, signal; from icereco.cli import main; from icereco.cli.group import LazyGroup\n"
    program += "LazyGroup.get_command = lambda *_: os.kill(os.getpid(), signal.SIGINT)\nmain(['plugins'])"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert result.returncode == 128 + signal.SIGINT
    assert result.stderr == "error: interrupted\n"


def test_log_messages_are_plain_outside_a_terminal(capsys):
    log.configure()
    log.get_logger("icereco.somewhere").warning("the ice is %s", "dark")
    log.get_logger("icereco.somewhere").debug("not shown")
    assert capsys.readouterr().err == "WARNING the ice is dark\n"


@pytest.mark.parametrize(("level", "colour"), [("debug", 34), ("info", 32), ("warning", 33), ("error", 31)])
def test_log_messages_are_coloured_on_a_terminal(capsys, monkeypatch, level, colour):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    log.configure(verbose=True)
    getattr(log.get_logger("a_plugin"), level)("hello")
    assert f"\033[{colour}m{level.upper()}\033[0m" in capsys.readouterr().err


def test_no_color_is_respected(capsys, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    log.configure()
    log.get_logger("icereco").error("hello")
    assert "\033" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["train"],
        ["simulate"],
        ["compare"],
        ["sweep"],
        ["plugins", "check"],
        ["plugins", "new"],
        ["likelihood", "scan"],
    ],
)
def test_examples_in_the_help_stay_on_lines_of_their_own(arguments):
    lines = run(*arguments, "--help").stdout.splitlines()
    assert any(line.startswith(f"  icereco {' '.join(arguments)} ") for line in lines)
    assert not any("\\b" in line for line in lines)
