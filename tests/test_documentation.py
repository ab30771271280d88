"""The documentation runs, and leaves nothing out."""

import doctest
import os
import re
import shlex
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import click
import pytest

from icereco.cli import main
from icereco.data.catalog import data_sets
from icereco.detector.detector import detector_names
from icereco.plugins.component import KINDS
from icereco.plugins.discovery import CARD_HOOK, HOOKS, registry
from icereco.profiles import load_profile
from icereco.profiles.train_options import TrainOptions
from icereco.settings import settings_file
from icereco.tables.schema import SCHEMA
from icereco.testing.conformance import checks

DOCS = Path(__file__).resolve().parents[1] / "docs"
PLUGIN, PROFILES = (DOCS / "write-a-plugin.md").read_text(), (DOCS / "profiles.md").read_text()
DATA = (DOCS / "data.md").read_text()


def blocks(text, language):
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def install(folder, modules, project):
    for name, source in modules.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(source)
    info = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    requires = "".join(f"Requires-Dist: {one}\n" for one in project["dependencies"])
    head = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (info / "METADATA").write_text(head + requires)
    entries = "".join(f"{name} = {module}\n" for name, module in project["entry-points"]["icereco"].items())
    (info / "entry_points.txt").write_text("[icereco]\n" + entries)


def run(folder, program, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(folder), "ICERECO_STRICT_PLUGINS": "1"}
    command = [sys.executable, "-c", program, *arguments]
    result = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_the_first_plugin_runs_and_has_at_most_ten_lines(tmp_path):
    source, project = blocks(PLUGIN, "python")[0], tomllib.loads(blocks(PLUGIN, "toml")[0])["project"]
    assert len([line for line in source.splitlines() if line]) <= 10
    install(tmp_path, {"icereco_zenith.py": source}, project)
    program = """
from icereco.plugins.discovery import registry
component = registry().get("reconstructor", "from-above")
method = component.load_factory()(component.load_options()())
print(method(["event", "event"]).direction.tolist())
"""
    assert run(tmp_path, program) == "[[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]]\n"


def test_the_aggregator_of_the_tutorial_is_one_that_a_profile_can_use(tmp_path):
    modules = dict(
        zip(["__init__.py", "options.py", "aggregator.py"], blocks(PLUGIN, "python")[1:4], strict=True)
    )
    project = {
        "name": "icereco-mean",
        "version": "0.1",
        "dependencies": [],
        "entry-points": {"icereco": {"m": "icereco_mean"}},
    }
    install(tmp_path, {f"icereco_mean/{name}": source for name, source in modules.items()}, project)
    program = """
import sys
from icereco.profiles import load_profile
choice = load_profile("hierarchical", ["aggregator.use=mean", "aggregator.width=32"]).role("aggregator")
assert "torch" not in sys.modules
import torch
print(*choice.build(3).component(torch.ones(5, 3), torch.tensor([0, 1, 5])).shape)
"""
    assert run(tmp_path, program) == "2 32\n"
    (test,) = [block for block in blocks(PLUGIN, "python") if "icereco.testing" in block]
    (tmp_path / "test_mean.py").write_text(test)
    report = run(
        tmp_path, "import sys, pytest; sys.exit(pytest.main(sys.argv[1:]))", "-q", f"{tmp_path}/test_mean.py"
    )
    assert f"{len(checks('aggregator', 'deepsets'))} passed" in report


@pytest.mark.parametrize("kind", KINDS)
def test_every_promise_that_may_be_waived_is_documented(kind):
    for promise in getattr(import_module(f"icereco.testing.conformance.{kind}"), "WAIVABLE", ()):
        assert re.search(rf"\| {kind} \| [^|]*`{promise}`", PLUGIN)


def test_the_detector_card_of_the_tutorial_is_found_by_its_name(tmp_path):
    (card,) = [one for one in blocks(PLUGIN, "toml") if "file_origins_m" in one]
    (hook,) = [one for one in blocks(PLUGIN, "python") if CARD_HOOK in one]
    folder = tmp_path / "icereco_lake" / "lake"
    folder.mkdir(parents=True)
    (folder / "detector.toml").write_text(card)
    (folder / "sensors.csv").write_text(blocks(PLUGIN, "csv")[0])
    project = {
        "name": "icereco-lake",
        "version": "0.1",
        "dependencies": [],
        "entry-points": {"icereco": {"lake": "icereco_lake"}},
    }
    install(tmp_path, {"icereco_lake/__init__.py": hook}, project)
    program = """
from icereco.detector.detector import load_detector
lake = load_detector("lake")
print(lake.name, lake.string.tolist(), lake.medium.kind, lake.noise_rate_hz.tolist(), lake.file_origins_m)
"""
    assert run(tmp_path, program) == ("lake [1, 1] water [560.0, 560.0] {'prometheus': (0.0, 0.0, -970.0)}\n")


@pytest.mark.parametrize("kind", KINDS)
def test_every_hook_is_documented(kind):
    assert f"| `{HOOKS[kind]}` |" in PLUGIN


def test_the_example_profile_is_sound(tmp_path):
    (tmp_path / "deeper.toml").write_text(blocks(PROFILES, "toml")[0])
    assert load_profile(tmp_path / "deeper.toml").role("encoder").options.layers == 8


@pytest.mark.parametrize(("name", "field"), TrainOptions.model_fields.items())
def test_every_training_option_is_documented_as_it_is(name, field):
    assert field.description
    assert re.search(rf"\| `{name}` \| .* \| {re.escape(field.description)} \|", PROFILES)


COMMANDS = re.findall(r"(?:^\$ |`|then )(icereco [^`#\n]+)", DATA, re.MULTILINE)


@pytest.mark.parametrize("line", sorted(set(COMMANDS)))
def test_every_command_about_data_is_one_that_exists(line):
    command = main
    context = click.Context(main)
    words = shlex.split(line.strip())[1:]
    while words and isinstance(command, click.Group) and not words[0].startswith("-"):
        command = command.get_command(context, words.pop(0))
        assert command is not None, line
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("-")} <= known


def test_the_page_about_data_names_every_reader_card_and_column():
    for reader in registry().names("reader"):
        assert f"`{reader}`" in DATA
    for card in detector_names():
        assert f"`{card}`" in DATA
    for column in SCHEMA.names:
        assert f"`{column}`" in DATA


def test_the_settings_of_the_page_about_data_are_sound():
    (text,) = blocks(DATA, "toml")
    settings_file().parent.mkdir(parents=True, exist_ok=True)
    settings_file().write_text(text)
    assert list(data_sets()) == ["kaggle", "arca"]


def test_the_tour_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = subprocess.run(
        [
            sys.executable,
            "-m",
            "icereco",
            "simulate",
            "--events",
            "200",
            "--seed",
            "7",
            "-o",
            "tour",
            "--workers",
            "1",
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert made.returncode == 0, made.stderr
    failed, tried = doctest.testfile(str(DOCS / "tour.md"), module_relative=False)
    assert tried > 15
    assert failed == 0


SCRIPTS = [
    (page.name, script) for page in sorted(DOCS.glob("*.md")) for script in blocks(page.read_text(), "bash")
]


@pytest.mark.parametrize(("page", "script"), SCRIPTS, ids=[page for page, _ in SCRIPTS])
def test_scripts_are_bash_and_their_commands_exist(page, script):
    done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{page}: {done.stderr}"
    for name, options in re.findall(r"icereco (\w+)([^\n&|]*)", script.replace("\\\n", " ")):
        command = main.get_command(click.Context(main), name)
        assert command is not None, f"{page}: {name}"
        known = {text for one in command.params for text in one.opts}
        assert {word for word in options.split() if word.startswith("--")} <= known, f"{page}: {options}"
