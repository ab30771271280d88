"""Finding runs: the list, the newest finished one, by name; and what `icereco runs` prints."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from icereco.cli.runs import command
from icereco.errors import IcerecoError
from icereco.runs.folder import RunFolder, finished_runs, list_runs, resolve, runs_dir


def edit_status(run, **changes):
    path = run.path / "status.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def finish(root, name, heartbeat, phase="finished", weights=True):
    run = RunFolder.create(root, name)
    run.write_status(phase)
    edit_status(run, heartbeat=heartbeat)
    if weights:
        run.best.write_bytes(b"weights")
    return run


def test_runs_are_listed_by_their_last_activity(tmp_path):
    for name, heartbeat in (("old", 100.0), ("new", 300.0), ("middle", 200.0)):
        finish(tmp_path, name, heartbeat)
    (tmp_path / "no-run").mkdir()
    (tmp_path / "file").write_text("")
    assert [run.name for run in list_runs(tmp_path)] == ["new", "middle", "old"]
    assert list_runs(tmp_path / "missing") == []


def test_a_run_of_a_sweep_is_not_taken_unasked(tmp_path):
    for name, facts in {"alone": {}, "sweep-lr": {"sweep": True}}.items():
        run = RunFolder.create(tmp_path, name)
        run.write_provenance(facts)
        run.best.parent.mkdir(exist_ok=True)
        run.best.write_bytes(b"weights")
        run.write_status("finished")
        time.sleep(0.02)
    assert [run.name for run in list_runs(tmp_path)] == ["sweep-lr", "alone"]
    assert [run.name for run in finished_runs(tmp_path)] == ["alone"]


def test_finished_runs_have_weights_and_the_newest_is_first(tmp_path):
    finish(tmp_path, "good", 100.0)
    finish(tmp_path, "better", 200.0)
    finish(tmp_path, "empty", 300.0, weights=False)
    finish(tmp_path, "halfway", 400.0, phase="stopped")
    assert [run.name for run in finished_runs(tmp_path)] == ["better", "good"]


def test_a_run_is_found_by_name_and_by_path(tmp_path):
    run = finish(tmp_path, "quiet-muon", 1.0)
    assert resolve("quiet-muon", tmp_path) == run
    assert resolve(run.path, Path("elsewhere")) == run


def test_a_run_that_is_not_there_is_named_with_the_nearest(tmp_path):
    with pytest.raises(IcerecoError, match="holds no runs"):
        resolve("quiet-moun", tmp_path)
    finish(tmp_path, "quiet-muon", 1.0)
    with pytest.raises(IcerecoError, match="did you mean 'quiet-muon'"):
        resolve("quiet-moun", tmp_path)


def test_runs_are_kept_in_the_working_directory():
    assert runs_dir() == Path("runs")


def test_reading_runs_imports_nothing_heavy():
    code = "import sys, icereco.runs.folder, icereco.runs.provenance, icereco.cli.runs; print({'torch','polars','pyarrow','wandb','textual'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "set()\n"


# icereco runs


def test_the_command_lists_runs_with_their_state(tmp_path):
    run = finish(tmp_path, "quiet-muon", time.time() - 7300)
    run.write_profile('name = "quick"\n')
    edit_status(run, step=1234, steps=2000, epoch=1.5, epochs=3, best_median_deg=12.345)
    killed = finish(tmp_path, "bold-pion", time.time() - 90_000, phase="training")
    edit_status(killed, started="another boot:1")
    shown = invoke("--runs-dir", str(tmp_path)).output
    first, second = (line for line in shown.splitlines() if "ago" in line)
    for part in ("quiet-muon", "finished", "quick", "1,234 / 2,000", "1.5 / 3", "12.35°", "2 h ago"):
        assert part in first
    for part in ("bold-pion", "crashed", "1 d ago"):
        assert part in second


def test_the_command_speaks_json(tmp_path):
    run = finish(tmp_path, "quiet-muon", 100.0)
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "metrics.jsonl").write_text("{")
    found = {one["name"]: one for one in json.loads(invoke("--runs-dir", str(tmp_path), "--json").output)}
    assert found["quiet-muon"]["state"] == "finished"
    assert found["quiet-muon"]["path"] == str(run.path)
    assert found["quiet-muon"]["status"]["phase"] == "finished"
    assert found["torn"] == {
        "name": "torn",
        "path": str(tmp_path / "torn"),
        "state": "crashed",
        "profile": None,
        "status": None,
    }


def test_the_command_says_how_to_begin(tmp_path):
    assert "train one with: icereco train" in invoke("--runs-dir", str(tmp_path / "missing")).output


def invoke(*arguments):
    result = CliRunner().invoke(command, arguments, env={"COLUMNS": "140"})
    assert result.exit_code == 0, result.output
    return result


@pytest.mark.parametrize("columns", ["60", "80", "100", "200"])
def test_the_list_shows_every_name_in_one_piece(tmp_path, columns):
    from io import StringIO

    from icereco.cli.console import Console
    from icereco.cli.runs import _print

    name = "hierarchical-simulated-v12-strong-neutron"
    RunFolder.create(tmp_path, name).write_status("finished", step=1_234_567, steps=1_234_567, epochs=20)
    screen = StringIO()
    _print([RunFolder(tmp_path / name)], Console(file=screen, width=int(columns), force_terminal=True))
    assert name in screen.getvalue()
    assert ("step" in screen.getvalue()) == (columns in ("100", "200"))
