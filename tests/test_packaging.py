"""What is installed is what is in the tree."""

import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PLUGINS = sorted(path.name for path in (ROOT / "plugins").iterdir() if (path / "__init__.py").is_file())
MODELS = ROOT / "icereco" / "_data" / "models"
MOST_BYTES_OF_MODELS = 12_000_000


def test_every_plugin_folder_is_packaged():
    included = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]
    assert included == ["icereco", *(f"plugins/{name}" for name in PLUGINS), "geometry", "profiles"]


def test_every_plugin_folder_has_an_entry_point():
    assert sorted(PROJECT["project"]["entry-points"]["icereco"].values()) == PLUGINS


def test_every_plugin_folder_is_type_checked():
    assert sorted(PROJECT["tool"]["mypy"]["packages"]) == ["icereco", *PLUGINS]
    for name in PLUGINS:
        assert (ROOT / "plugins" / name / "py.typed").is_file()


def test_the_data_folders_hold_no_code():
    assert not [path for kind in ("geometry", "profiles") for path in (ROOT / kind).rglob("*.py")]


def test_the_trained_models_together_are_small():
    assert sum(path.stat().st_size for path in MODELS.rglob("*") if path.is_file()) <= MOST_BYTES_OF_MODELS


def test_package_and_project_have_the_same_version():
    from icereco import __version__

    assert PROJECT["project"]["version"] == __version__


REQUIREMENTS = [Requirement(text) for text in PROJECT["project"]["dependencies"]]


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda one: one.name)
def test_every_dependency_has_a_lowest_version_and_is_installed_as_required(requirement):
    assert any(one.operator == ">=" for one in requirement.specifier)
    assert requirement.specifier.contains(version(requirement.name))


@pytest.mark.parametrize(
    ("package", "without"),
    [
        ("numpy", "1.26.4"),  # no trapezoid
        ("pyarrow", "18.1.0"),  # no concat_batches
        ("pyarrow", "19.0.0"),  # reads no file that newer ones wrote: apache/arrow#45283
        ("wandb", "0.19.0"),  # takes no Path
        ("click", "8.1.8"),  # mixes standard output and error in tests
        ("filelock", "3.29.0"),  # no lock_descriptor
    ],
)
def test_versions_that_lack_what_is_used_are_excluded(package, without):
    (requirement,) = [one for one in REQUIREMENTS if one.name == package]
    assert not requirement.specifier.contains(without)


def build(tree, folder):
    pytest.importorskip("hatchling", reason="builds without isolation, so that nothing is downloaded")
    for target in ("wheel", "sdist"):
        command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)]
        subprocess.run(command, cwd=tree, check=True, capture_output=True)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    build(ROOT, folder)
    return folder


def shipped(names):
    return {name for name in names if not name.endswith("/")}


@pytest.mark.slow
def test_the_wheel_has_plugins_geometry_and_profiles(built):
    (wheel,) = built.glob("*.whl")
    names = shipped(zipfile.ZipFile(wheel).namelist())
    for kind in ("geometry", "profiles"):
        files = [path.relative_to(ROOT / kind) for path in (ROOT / kind).rglob("*") if path.is_file()]
        assert files
        assert {f"icereco/_data/{kind}/{path.as_posix()}" for path in files} <= names
    assert {f"{name}/__init__.py" for name in PLUGINS} <= names
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"icereco", *PLUGINS}


@pytest.mark.slow
def test_wheel_and_sdist_have_every_trained_model(tmp_path):
    left_out = shutil.ignore_patterns(
        ".git", ".venv", ".*_cache", ".hypothesis", "__pycache__", "runs", "dist"
    )
    shutil.copytree(ROOT, tmp_path / "tree", ignore=left_out)
    planted = tmp_path / "tree" / MODELS.relative_to(ROOT) / "planted"
    planted.mkdir(parents=True)
    for name in ("model.safetensors", "card.toml"):
        (planted / name).write_text("planted")
    build(tmp_path / "tree", tmp_path)
    models = {f"icereco/_data/models/planted/{name}" for name in ("model.safetensors", "card.toml")}
    models |= {path.relative_to(ROOT).as_posix() for path in MODELS.rglob("*") if path.is_file()}
    (wheel,), (sdist,) = tmp_path.glob("*.whl"), tmp_path.glob("*.tar.gz")
    sizes = {one.filename: one.file_size for one in zipfile.ZipFile(wheel).infolist()}
    assert {name for name in sizes if name.startswith("icereco/_data/models/")} == models
    assert sum(sizes[name] for name in models) <= MOST_BYTES_OF_MODELS
    with tarfile.open(sdist) as archive:
        assert models <= {name.partition("/")[2] for name in archive.getnames()}


@pytest.mark.slow
def test_the_sdist_can_be_built_and_tested(built):
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {
        "pyproject.toml",
        "LICENSE",
        "README.md",
        "profiles/base.toml",
        "tests/test_packaging.py",
    } <= names


@pytest.mark.slow
def test_the_command_runs_from_the_unpacked_wheel_alone(built, tmp_path):
    (wheel,) = built.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path)
    program = (
        "import icereco; print(icereco.__file__); from icereco.cli import main; main(['profiles', 'check'])"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(str(tmp_path / "icereco"))
    assert "hierarchical: ok" in result.stdout
