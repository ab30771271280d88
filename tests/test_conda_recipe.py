"""The recipe for conda-forge asks for what pyproject.toml asks for, and tests with commands that exist."""

import re
import shlex
import tomllib
from pathlib import Path

import click
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from icereco.cli import main

ROOT = Path(__file__).resolve().parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
PATH = ROOT / "docs" / "conda" / "recipe.yaml"
# conda-forge has the same name for all others.
CONDA_NAMES = {"astropy": "astropy-base", "matplotlib": "matplotlib-base", "torch": "pytorch"}


def recipe():
    """The recipe with the values of its context in place."""
    text = PATH.read_text(encoding="utf-8")
    context = yaml.safe_load(text)["context"]
    return yaml.safe_load(re.sub(r"\$\{\{ (version|python_min) \}\}", lambda found: context[found[1]], text))


def bounds(requirements):
    """Version bounds by conda-forge's name, from `name bounds`; what conda calls `3.11.*` is `==3.11.*` elsewhere."""
    split = [re.sub(r" (?=\d)", " ==", text).partition(" ") for text in requirements]
    assert len({name for name, _, _ in split}) == len(split)
    return {name: SpecifierSet(versions) for name, _, versions in split}


def expected(requirements):
    """The same of requirements as pyproject.toml has them."""
    parsed = [Requirement(text) for text in requirements]
    return {CONDA_NAMES.get(one.name, one.name): one.specifier for one in parsed}


def test_it_is_this_version_of_this_package():
    assert recipe()["package"] == {"name": PROJECT["name"], "version": PROJECT["version"]}


def test_it_is_described_and_licensed_as_the_project_is():
    about = recipe()["about"]
    assert (about["summary"], about["license"]) == (PROJECT["description"], PROJECT["license"])
    assert [about["license_file"]] == PROJECT["license-files"]


def test_its_source_is_this_tree():
    assert (PATH.parent / recipe()["source"]["path"]).resolve() == ROOT


def test_it_runs_with_the_dependencies_of_the_project_within_the_same_bounds_and_with_no_others():
    python = {"python": SpecifierSet(PROJECT["requires-python"])}
    assert bounds(recipe()["requirements"]["run"]) == python | expected(PROJECT["dependencies"])


def test_it_is_built_by_the_backend_of_the_project_on_its_oldest_python():
    host = bounds(recipe()["requirements"]["host"])
    oldest = SpecifierSet(f"=={PROJECT['requires-python'].removeprefix('>=')}.*")
    builders = {"python": oldest, "pip": SpecifierSet()}
    assert host == builders | expected(PYPROJECT["build-system"]["requires"])


def test_it_has_the_commands_of_the_project_on_every_system():
    scripts = [f"{name} = {target}" for name, target in PROJECT["scripts"].items()]
    build = recipe()["build"]
    assert (build["noarch"], build["python"]) == ("python", {"entry_points": scripts})


def test_it_imports_the_package_and_every_plugin_and_checks_what_they_require():
    (test,) = [one["python"] for one in recipe()["tests"] if "python" in one]
    assert test["imports"] == [PROJECT["name"], *PROJECT["entry-points"]["icereco"].values()]
    assert test["pip_check"]


COMMANDS = [line for one in recipe()["tests"] for line in one.get("script", [])]


@pytest.mark.parametrize("line", COMMANDS)
def test_it_tests_with_commands_that_exist(line):
    program, *words = shlex.split(line)
    assert program in PROJECT["scripts"]
    command, context = main, click.Context(main)
    while words and isinstance(command, click.Group) and not words[0].startswith("-"):
        command = command.get_command(context, words.pop(0))
        assert command is not None
    known = {text for one in command.get_params(context) for text in one.opts}
    assert {word for word in words if word.startswith("-")} <= known
