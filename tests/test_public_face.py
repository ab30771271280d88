"""`import icereco` is all that a notebook or a plugin needs, costs nothing, and offers what docs/api.md lists."""

import os
import pkgutil
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import icereco
from icereco.runs.folder import RunFolder
from icereco.testing.random_events import random_events

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "api.md").read_text()
NAMES, MODULES = (
    re.findall(r"^\| `([\w.]+)` \|", part, re.MULTILINE)
    for part in PAGE.split("## Modules for plugin authors")
)


def fresh_process(program: str, folder: Path) -> str:
    """What a program prints in a process of its own, as a notebook's kernel would run it."""
    environment = {**os.environ, "COLUMNS": "120"}
    result = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment,
        timeout=200,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_the_page_of_public_names_lists_all_of_them_and_no_other():
    assert sorted(NAMES) == sorted(icereco.__all__)


@pytest.mark.parametrize("name", icereco.__all__)
def test_every_public_name_exists_and_is_documented(name):
    assert name in dir(icereco)
    value = getattr(icereco, name)
    assert value.__doc__ or name == "SCHEMA"
    assert re.search(rf"^\| `{name}` \| \S", PAGE, re.MULTILINE)


@pytest.mark.parametrize("module", MODULES)
def test_every_public_module_names_what_it_offers(module):
    imported = import_module(module)
    assert all(hasattr(imported, name) for name in imported.__all__)


def test_no_public_name_is_hidden_by_a_module_of_the_same_name():
    assert not set(icereco.__all__) & {module.name for module in pkgutil.iter_modules(icereco.__path__)}


def test_importing_the_package_imports_nothing_else(tmp_path):
    program = (
        "import sys; before = set(sys.modules); import icereco; dir(icereco)\n"
        "heavy = {'numpy', 'torch', 'polars', 'pyarrow', 'pydantic', 'rich', 'click', 'pluggy', 'textual', 'PIL'}\n"
        "print(sorted(heavy & set(sys.modules)), [m for m in sys.modules if m.startswith('icereco.')])"
    )
    assert fresh_process(program, tmp_path) == "[] []\n"


def test_declaring_a_component_imports_neither_numpy_nor_torch(tmp_path):
    program = (
        "import sys; from icereco import Component, hookimpl\n"
        "print(sorted({'numpy', 'torch', 'polars', 'pyarrow', 'pydantic', 'textual'} & set(sys.modules)))"
    )
    assert fresh_process(program, tmp_path) == "[]\n"


def test_a_misspelt_name_gives_the_nearest_spelling():
    with pytest.raises(AttributeError, match="did you mean 'read_events'"):
        icereco.read_event  # noqa: B018 -- that it raises is the point


NOTEBOOK = """
import icereco
events = icereco.read_events("events.parquet", limit=30)
print(len(events), events.truth is not None)
reconstruction = icereco.reconstruct(events, "linefit")
table = icereco.evaluate(reconstruction, events)
print("cascade" in repr(table), "<table>" in table._repr_html_(), table.summary["events"])
figure = icereco.draw_event(events[0], "linefit")
figure.save("event.svg")
print(figure._repr_png_()[:4], "linefit" in str(figure))
import sys
print("torch" in sys.modules, "textual.app" in sys.modules)
"""


def test_a_notebook_without_a_model_needs_neither_torch_nor_the_terminal_app(tmp_path):
    import pyarrow.parquet as pq

    pq.write_table(random_events(np.full(50, 40), seed=1), tmp_path / "events.parquet")
    assert fresh_process(NOTEBOOK, tmp_path).splitlines() == [
        "30 True",
        "True True 30",
        "b'\\x89PNG' True",
        "False False",
    ]
    assert (tmp_path / "event.svg").read_text().startswith("<svg")


def test_events_are_read_in_order_and_with_their_truth(tmp_path):
    import pyarrow.parquet as pq

    table = random_events(np.full(70, 20), seed=2)
    pq.write_table(table, tmp_path / "events.parquet")
    events = icereco.read_events(tmp_path / "events.parquet", reader="icereco")
    assert events.event_id.tolist() == table.column("event_id").to_pylist()
    assert events.truth is not None
    assert len(icereco.read_events(tmp_path / "events.parquet", limit=7)) == 7


@pytest.mark.parametrize(
    ("request_", "complaint"),
    [
        (lambda: icereco.read_events("not-there.parquet"), "no such file"),
        (lambda: icereco.read_events("not-there.parquet", limit=0), "at least 1"),
        (lambda: icereco.load_model("linefitt"), "did you mean 'linefit'"),
        (lambda: icereco.load_model("best.safetensors"), "there is no checkpoint best.safetensors"),
        (lambda: icereco.simulate(2, minimum_energy=3), "did you mean 'minimum_energy_gev'"),
        (lambda: icereco.simulate(2, "icecube"), "did you mean 'icecube86'"),
        (lambda: icereco.simulate(0), "at least 1"),
        (lambda: icereco.simulate(1, seed=-1), "must not be negative"),
        (lambda: icereco.load_detector("icecube"), "did you mean 'icecube86'"),
    ],
)
def test_a_wrong_argument_gives_one_message(request_, complaint, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(icereco.IcerecoError, match=complaint):
        request_()


@pytest.fixture(scope="module")
def simulated():
    return icereco.simulate(40, seed=5)


def test_simulated_events_depend_on_their_seed_alone(simulated):
    again, other = icereco.simulate(40, seed=5), icereco.simulate(40, seed=6)
    assert np.array_equal(simulated.time_ns, again.time_ns)
    assert not np.array_equal(simulated.truth.direction, other.truth.direction)


def test_events_without_truth_or_of_another_number_are_not_evaluated(simulated):
    reconstruction = icereco.reconstruct(simulated, "linefit")
    assert icereco.evaluate(reconstruction, simulated.truth).summary["pulses"] == {}
    with pytest.raises(icereco.IcerecoError, match="40 events, and the truth of 10"):
        icereco.evaluate(reconstruction, simulated[:10])
    direction = np.full((40, 3), np.nan)
    with pytest.raises(icereco.IcerecoError, match="no event with a known true direction"):
        icereco.evaluate(reconstruction, icereco.Truth(direction))


def test_a_confident_reconstruction_of_the_truth_is_exact_and_covered(simulated):
    direction = simulated.truth.direction
    exact = icereco.Reconstruction(direction, icereco.VmfMixture.single(direction, np.full(40, 100.0)))
    table = icereco.evaluate(exact, simulated)
    assert table.summary["median_deg"] == pytest.approx(0, abs=1e-4)
    assert table.coverage == {"50%": 1.0, "90%": 1.0}


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run of an untrained model, in the working directory."""
    from icereco.model.checkpoint import save_checkpoint

    monkeypatch.chdir(tmp_path)
    profile, detector = icereco.load_profile("quick"), icereco.load_detector("icecube86")
    folder = RunFolder.create(Path("runs"), "first")
    save_checkpoint(folder.best, icereco.build_model(profile, detector), profile, detector, {})
    folder.profile.write_text(profile.resolved_toml())
    return folder


def test_a_model_is_named_by_run_folder_or_checkpoint(run, simulated):
    models = [icereco.load_model(name) for name in ("first", run.path, run.best, str(run.best))]
    directions = [icereco.reconstruct(simulated, model).direction for model in models]
    assert all(np.array_equal(directions[0], direction) for direction in directions)
    assert np.allclose(np.linalg.norm(directions[0], axis=1), 1)
    assert models[0].provenance["run"] == "first"
    with pytest.raises(icereco.IcerecoError, match="did you mean 'first'"):
        icereco.load_model("frist")
    with pytest.raises(icereco.IcerecoError, match="no checkpoint best"):
        icereco.load_model("best.safetensors")


def test_events_of_another_detector_are_refused_by_a_model_and_a_picture(run):
    events = icereco.simulate(2, "gen2", noise_scale=0)
    with pytest.raises(icereco.IcerecoError, match=r"trained for icecube86(.|\n)*-o detector.use"):
        icereco.reconstruct(events, "first")
    with pytest.raises(icereco.IcerecoError, match="detector=NAME"):
        icereco.draw_event(events[0])
    assert "gen2" in str(icereco.draw_event(events[0], detector="gen2"))
