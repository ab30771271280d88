"""The shell completes commands and values: click's protocol in a real process, and the script in a real bash."""

import os
import resource
import shutil
import subprocess
import sys
from contextlib import chdir

import click
import pytest
from click.testing import CliRunner

from icereco.cli import main
from icereco.detector.cards import detector_names
from icereco.plugins.component import KINDS
from icereco.plugins.discovery import registry
from icereco.profiles import load_profile, profile_names
from icereco.profiles.train_options import TrainOptions
from icereco.runs.folder import RunFolder

PROGRAM = "import sys; sys.argv[0] = 'icereco'; from icereco.cli import main; main()"
SHOW_TORCH = "; ".join(
    [
        "import atexit, sys",
        "atexit.register(lambda: print([m for m in ('torch', 'polars', 'pyarrow', 'textual') if m in sys.modules]))",
        PROGRAM,
    ]
)


@pytest.fixture
def machine(tmp_path):
    """A folder with two runs, and settings with a data set."""
    for name in ("first-run", "second-run"):
        RunFolder.create(tmp_path / "runs", name).write_status("finished")
    (tmp_path / "settings.toml").write_text('[data.tracks]\npath = "/somewhere"\n')
    return tmp_path


def question(machine, words, shell="bash"):
    """What a shell puts into the environment."""
    asked = {"COMP_WORDS": "\n".join(["icereco", *words]), "COMP_CWORD": str(len(words))}
    if shell == "fish":
        asked["COMP_CWORD"] = words[-1]
    return {"ICERECO_CONFIG": str(machine), "_ICERECO_COMPLETE": f"{shell}_complete", **asked}


def answer(machine, *words, shell="bash"):
    """The answer in this process, which spares starting Python for each question."""
    with chdir(machine):
        done = CliRunner().invoke(main, [], prog_name="icereco", env=question(machine, words, shell))
    assert done.exit_code == 0
    assert done.stderr == ""
    return done.stdout.splitlines()


def answer_of_a_process(machine, *words, program=PROGRAM):
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=machine,
        env={**os.environ, **question(machine, words)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def completed(machine, *words):
    return [line.removeprefix("plain,") for line in answer(machine, *words)]


def test_commands_are_completed_at_every_level(machine):
    assert completed(machine, "") == list(main.lazy_commands)
    assert completed(machine, "sw") == ["sweep"]
    assert completed(machine, "data", "re") == ["remove"]
    assert "--events" in completed(machine, "simulate", "--e")
    assert completed(machine, "runs", "st") == ["stop"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("train", "--profile", ""), lambda: profile_names()),
        (("train", "--resume", "fi"), lambda: ["first-run"]),
        (("train", "--data", ""), lambda: ["tracks"]),
        (("reconstruct", ""), lambda: ["tracks"]),
        (("reconstruct", "x", "--run", "se"), lambda: ["second-run"]),
        (("reconstruct", "x", "--method", ""), lambda: [*registry().names("reconstructor"), "hybrid"]),
        (("reconstruct", "x", "--reader", ""), lambda: registry().names("reader")),
        (("view", "x", "1", "--detector", ""), lambda: detector_names()),
        (("detectors", "show", ""), lambda: detector_names()),
        (("profiles", "show", ""), lambda: profile_names()),
        (("tail", ""), lambda: ["first-run", "second-run"]),
        (("runs", "stop", "f"), lambda: ["first-run"]),
        (("plugins", "check", "kag"), lambda: ["kaggle"]),
        (("data", "remove", ""), lambda: ["tracks"]),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, tuple) else "",
)
def test_values_are_those_of_this_machine(machine, words, expected):
    assert sorted(completed(machine, *words)) == sorted(expected())


def test_runs_are_those_of_the_folder_that_was_named(machine):
    RunFolder.create(machine / "others", "third-run").write_status("finished")
    assert completed(machine, "tail", "--runs-dir", "others", "") == ["third-run"]
    assert completed(machine, "runs", "--runs-dir", "others", "stop", "") == ["third-run"]


def test_overrides_are_the_keys_of_the_chosen_profile(machine):
    keys = set(completed(machine, "train", "-o", ""))
    profile = load_profile("hierarchical")
    for role, choice in profile.roles.items():
        assert {f"{role}.{name}=" for name in type(choice.options).model_fields} <= keys
    assert {f"train.{name}=" for name in TrainOptions.model_fields} <= keys
    after = set(completed(machine, "train", "-o", "encoder.use=deepsets", "-o", "encoder."))
    deepsets = registry().get("encoder", "deepsets").load_options().model_fields
    assert after == {"encoder.use=", *(f"encoder.{name}=" for name in deepsets)}


@pytest.mark.parametrize("joined", [True, False], ids=["a whole word", "a word that bash has split"])
def test_values_of_overrides_are_completed_also_where_bash_splits_words(machine, joined):
    """Bash breaks words at = and replaces the last part alone."""
    words = ("encoder.use=deep",) if joined else ("encoder.use", "=", "deep")
    expected = "encoder.use=deepsets" if joined else "deepsets"
    assert completed(machine, "train", "-o", *words) == [expected]
    assert (
        completed(machine, "reconstruct", "x", "--method", "likelihood", ":", "hypothesis", "=", "ca")[0]
        == "cascade"
    )
    assert sorted(completed(machine, "train", "-o", "loss.use", "=")) == registry().names("loss")
    assert completed(machine, "train", "--profile", "=", "qui") == ["quick"]


def test_options_of_a_method_come_after_its_name(machine):
    words = ("reconstruct", "x", "--method", "linefit", "-o", "linefit.")
    fields = registry().get("reconstructor", "linefit").load_options().model_fields
    assert completed(machine, *words) == [f"linefit.{name}=" for name in fields]


def test_files_are_left_to_the_shell_where_no_name_fits(machine):
    assert answer(machine, "train", "--data", "./ev") == ["file,./ev"]
    assert answer(machine, "doctor", "zz") == ["file,zz"]


def test_zsh_and_fish_get_the_same(machine):
    assert answer(machine, "train", "--resume", "fi", shell="zsh")[:2] == ["plain", "first-run"]
    assert answer(machine, "train", "--resume", "fi", shell="fish")[0].startswith("plain")


def test_faults_complete_nothing_and_print_nothing(machine):
    (machine / "settings.toml").write_text("[data")
    assert answer(machine, "reconstruct", "") == ["file,"]
    assert answer(machine, "no-such-command", "x") == [""]
    assert answer(machine, "train", "--profile", "no-such-profile", "-o", "") == [""]


@pytest.mark.parametrize(
    "words",
    [
        ("tr",),
        ("train", "-o", "encoder."),
        ("reconstruct", "--method", ""),
        ("view", "x", "1", "--detector", ""),
    ],
    ids=" ".join,
)
def test_completion_is_quick_and_imports_nothing_heavy(machine, words):
    *values, heavy = answer_of_a_process(machine, *words, program=SHOW_TORCH)
    assert heavy == "[]"
    assert values == answer(machine, *words)

    def seconds():
        """Of a processor, as on a busy machine an answer waits."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        answer_of_a_process(machine, *words)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert any(seconds() < 1.5 for _ in range(5))  # 0.1 to 0.3 s


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["train", "--resume", "se"], ["second-run"]),
        (["train", "-o", "encoder.use", "=", "deep"], ["deepsets"]),
        (["swe"], ["sweep"]),
    ],
)
def test_the_script_works_in_bash(machine, words, expected):
    program = machine / "icereco"
    program.write_text(f"#!{sys.executable}\n{PROGRAM}\n")
    program.chmod(0o755)
    path = f"{machine}{os.pathsep}{os.environ['PATH']}"
    script = f"""
eval "$(_ICERECO_COMPLETE=bash_source icereco)"
COMP_WORDS=(icereco {" ".join(words)}); COMP_CWORD={len(words)}
_icereco_completion icereco
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        cwd=machine,
        env={**os.environ, "PATH": path, "ICERECO_CONFIG": str(machine)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == expected


def parameters(command, path=()):
    """Every parameter of every command with the words before it."""
    context = click.Context(command)
    yield from ((path, parameter) for parameter in command.params)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            yield from parameters(command.get_command(context, name), (*path, name))


NAMED = (
    "--profile",
    "--data",
    "--reader",
    "--detector",
    "--method",
    "--resume",
    "--run",
    "--model",
    "--simulator",
    "--device",
)


@pytest.mark.parametrize("option", NAMED)
def test_every_option_that_names_something_is_completed(option):
    found = [(path, one) for path, one in parameters(main) if option in one.opts]
    assert found
    missing = [" ".join(path) for path, one in found if one._custom_shell_complete is None]
    assert missing == []


def test_the_kinds_of_components_are_those_that_can_be_checked(machine):
    names = {name for kind in KINDS for name in registry().names(kind)}
    assert set(completed(machine, "plugins", "check", "")) == names
