"""The tasks of the project; continuous integration runs the same ones.

nox                    lint, types and tests
nox -s tests -- -k dom    some tests
nox -s slow            the tests that take longer
nox -s endurance       kills at random moments, damaged inputs of every kind, flipped bits; -- --endurance-seconds 60
nox -s wheel           the tests against the built wheel, in an environment of its own
nox -s docs            the documentation as a site, in site/; needs `pip install -e '.[docs]'`

All but `wheel` run in the environment that nox itself is installed in: `pip install -e '.[dev]'`.
"""

import shutil
import sys
from pathlib import Path

import nox

nox.options.default_venv_backend = "none"
nox.options.sessions = ["lint", "types", "tests"]


@nox.session
def lint(session: nox.Session) -> None:
    """Style and formatting."""
    session.run(sys.executable, "-m", "ruff", "check", external=True)
    session.run(sys.executable, "-m", "ruff", "format", "--check", external=True)


@nox.session
def types(session: nox.Session) -> None:
    """Types, strictly."""
    session.run(sys.executable, "-m", "mypy", external=True)


@nox.session
def tests(session: nox.Session) -> None:
    """Everything but what is marked slow, on every core."""
    spread = ("-n", "auto", "--dist", "worksteal")
    # Thousands of tests start hundreds of processes, which would otherwise each compile what they import.
    kept = {"PYTHONDONTWRITEBYTECODE": ""}
    session.run(sys.executable, "-m", "pytest", *spread, *session.posargs, env=kept, external=True)


@nox.session
def slow(session: nox.Session) -> None:
    """What is marked slow."""
    session.run(sys.executable, "-m", "pytest", "-m", "slow", *session.posargs, external=True)


@nox.session
def endurance(session: nox.Session) -> None:
    """100 kills, 10,000 damaged inputs and 1,800 flipped bits, for at most ten minutes of each kind unless told otherwise."""
    time = session.posargs or ("--endurance-seconds", "600")
    session.run(
        sys.executable, "-m", "pytest", "-m", "slow or not slow", "tests/endurance", *time, external=True
    )


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation as a site; a broken link is an error."""
    command = ("mkdocs", "build", "--strict", "--config-file", "docs/website/mkdocs.yml")
    # The variable turns off a notice of the theme's makers about MkDocs 2, which pyproject.toml excludes.
    session.run(
        sys.executable, "-m", *command, *session.posargs, external=True, env={"NO_MKDOCS_2_WARNING": "1"}
    )


@nox.session(venv_backend="uv|virtualenv")
def wheel(session: nox.Session) -> None:
    """The tests against what users install."""
    session.install("hatchling")
    folder = Path(session.create_tmp()) / "dist"
    shutil.rmtree(folder, ignore_errors=True)
    session.run("hatchling", "build", "-t", "wheel", "-d", str(folder))
    (built,) = folder.glob("*.whl")
    session.install(f"{built}[dev]")
    # Without this a process that the tests start would import the checkout, not the wheel.
    session.run("pytest", *session.posargs, env={"PYTHONSAFEPATH": "1"})
