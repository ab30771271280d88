"""A package from `icereco plugins new` works as it is, and so does the example of a third party's package."""

import json
import shutil
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

from icereco.errors import IcerecoError
from icereco.plugins.component import KINDS
from icereco.plugins.scaffold import PLUGIN_KINDS, PluginName, plugin_files, write_plugin

needs_builder = pytest.mark.skipif(
    find_spec("hatchling") is None,
    reason="builds without isolation, so that nothing is downloaded",
)


@pytest.mark.parametrize("kind", PLUGIN_KINDS)
def test_every_file_is_complete_and_compiles(kind):
    files = plugin_files(PluginName("mean-charge"), kind)
    source = "src/icereco_mean_charge"
    work = (
        {f"{source}/mean-charge/detector.toml", f"{source}/mean-charge/sensors.csv"}
        if kind == "detector"
        else {f"{source}/options.py", f"{source}/{kind}.py"}
    )
    assert set(files) == work | {
        "pyproject.toml",
        "README.md",
        ".gitignore",
        f"{source}/__init__.py",
        f"{source}/py.typed",
        f"tests/test_{kind}.py",
    }
    for path, content in files.items():
        if path.endswith(".py"):
            compile(content, path, "exec")
    project = tomllib.loads(files["pyproject.toml"])["project"]
    assert project["entry-points"]["icereco"] == {"mean-charge": "icereco_mean_charge"}
    assert project["dependencies"] == ["icereco>=0.2,<0.3"]
    assert not [path for path, content in files.items() if "$class" in content or "$name" in content]


def test_its_tests_do_not_take_the_options_of_a_project_around_it(tmp_path):
    (tmp_path / "pyproject.toml").write_text(
        '[tool.pytest.ini_options]\naddopts = "--strict-config"\nnonsense = 5\n'
    )
    folder = write_plugin("mean-charge", "aggregator", tmp_path)
    collect = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    result = subprocess.run(collect, cwd=folder, capture_output=True, text=True)
    assert "nonsense" not in result.stdout + result.stderr
    assert "test_aggregator.py" in result.stdout  # found, though the package is not installed here


@pytest.mark.parametrize("kind", PLUGIN_KINDS)
def test_it_is_written_as_the_project_itself_is(kind, tmp_path, root):
    folder = write_plugin("mean-charge", kind, tmp_path)
    rules = tmp_path / "pyproject.toml"
    rules.write_text((root / "pyproject.toml").read_text().replace('"icereco-*"', ""))
    for arguments in (["check"], ["format", "--check"]):
        command = [sys.executable, "-m", "ruff", *arguments, "--config", str(rules)]
        ignored = ["--ignore=ANN,ARG,D1,I001"] if arguments == ["check"] else []
        result = subprocess.run([*command, *ignored, str(folder)], capture_output=True, text=True)
        assert (result.returncode, result.stderr) == (0, ""), result.stdout


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("MeanCharge", "mean-charge"),
        ("mean_charge", "mean-charge"),
        ("a b", "a-b"),
        ("7th", "lower-case words"),
    ],
)
def test_a_name_that_is_none_is_refused_with_one_that_is(text, hint, tmp_path):
    with pytest.raises(IcerecoError, match=hint):
        write_plugin(text, "loss", tmp_path)
    assert not list(tmp_path.iterdir())


def test_nothing_is_overwritten(tmp_path):
    write_plugin("mean-charge", "loss", tmp_path)
    with pytest.raises(IcerecoError, match="already exists"):
        write_plugin("icereco-mean-charge", "loss", tmp_path)


def test_nothing_is_left_where_it_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(IcerecoError, match="cannot write"):
        write_plugin("mean-charge", "loss", tmp_path / "file")


def listed(environment):
    document = json.loads(environment.icereco("plugins", "--json").stdout)
    return {(one["kind"], one["name"]): one["plugin"] for one in document["components"]}


@needs_builder
def test_the_example_package_is_discovered_and_passes_its_own_tests(fresh, root, tmp_path):
    example = tmp_path / "example"  # away from our own conftest and settings
    shutil.copytree(root / "tests" / "plugin_example", example)
    fresh.install(example)
    assert listed(fresh)["aggregator", "gated-mean"] == "icereco-example:example"
    result = fresh.pytest(example)
    assert result.returncode == 0, result.stdout


@needs_builder
@pytest.mark.slow
def test_generated_packages_of_every_kind_pass_their_own_tests_with_the_wheel(fresh, root, tmp_path):
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "dist")]
    subprocess.run(command, cwd=root, check=True, capture_output=True)
    fresh.install(*(tmp_path / "dist").glob("*.whl"))
    assert str(fresh.packages) in fresh.run("-c", "import icereco; print(icereco.__file__)").stdout
    folders = []
    for kind in PLUGIN_KINDS:
        result = fresh.icereco("plugins", "new", f"my-{kind}", "--kind", kind, "-o", str(tmp_path))
        assert result.returncode == 0, result.stderr
        folders.append(tmp_path / f"icereco-my-{kind}")
    fresh.install(*folders)
    assert {(kind, f"my-{kind}") for kind in KINDS} <= set(listed(fresh))
    assert "my-detector" in fresh.icereco("detectors").stdout
    for folder in folders:
        result = fresh.pytest(folder)
        assert result.returncode == 0, result.stdout
    _train_with_them(fresh, tmp_path)


def _train_with_them(fresh, tmp_path):
    roles = ("normalizer", "aggregator", "encoder", "loss")
    simulated = fresh.icereco(
        "simulate",
        "--simulator",
        "my-simulator",
        "--events",
        "200",
        "--workers",
        "1",
        "-o",
        "events",
        folder=tmp_path,
    )
    assert simulated.returncode == 0, simulated.stderr
    uses = [word for role in roles for word in ("-o", f"{role}.use=my-{role}")]
    trained = fresh.icereco(
        "train", "--profile", "quick", "--data", "events/events.parquet", "--name", "mine", "--wandb", "disabled",
        *uses, "-o", "train.validation_events=40", folder=tmp_path,
    )  # fmt: skip
    assert trained.returncode == 0, trained.stderr
    reconstructed = fresh.icereco(
        "reconstruct", "events/events.parquet", "--method", "my-reconstructor", folder=tmp_path
    )
    assert reconstructed.returncode == 0, reconstructed.stderr


def test_a_package_made_in_the_clone_does_not_break_its_lint(tmp_path):
    pytest.importorskip("ruff")
    shutil.copy(Path(__file__).resolve().parents[2] / "pyproject.toml", tmp_path)
    write_plugin("mine", "reader", tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--no-cache", "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
