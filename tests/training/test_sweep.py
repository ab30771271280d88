"""Sweeps: the grid, what is still to do, and real trainings that are stopped, resumed and ranked."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from icereco.errors import IcerecoError
from icereco.profiles import ProfileError
from icereco.runs.folder import list_runs
from icereco.testing.random_events import random_events
from icereco.training.data_choice import DataChoice, cut
from icereco.training.sweep import grid, prepare_cell, ranking

TINY = [
    "aggregator.use=deepsets",
    "aggregator.width=16",
    "encoder.heads=2",
    "encoder.layers=1",
    "train.events=60",
    "train.validation_events=30",
    "train.validations_per_epoch=1",
]


def names(cells):
    return [cell.run.name for cell in cells]


def test_the_grid_is_every_combination_the_last_changing_first(tmp_path):
    cells = grid(
        "quick",
        ["encoder.layers=[1,2]", "train.learning_rate=[1e-3, 3e-4]", "train.epochs=5"],
        "it",
        tmp_path,
    )
    assert [tuple(cell.settings.values()) for cell in cells] == [(1, 1e-3), (1, 3e-4), (2, 1e-3), (2, 3e-4)]
    assert names(cells)[0] == "it-layers-1-learning_rate-0.001"
    assert cells[3].label == "encoder.layers=2, train.learning_rate=0.0003"
    assert all(cell.profile.train.epochs == 5 for cell in cells)
    assert cells[2].profile.role("encoder").options.layers == 2


def test_keys_with_the_same_last_word_differ_in_names(tmp_path):
    cells = grid("quick", ["encoder.layers=[1,2]", "aggregator.layers=[3]"], "it", tmp_path)
    assert names(cells) == [
        "it-encoder.layers-1-aggregator.layers-3",
        "it-encoder.layers-2-aggregator.layers-3",
    ]


def test_names_in_a_list_need_no_quotes(tmp_path):
    cells = grid("quick", ["aggregator.use=[deepsets,flex-attention]"], "it", tmp_path)
    assert [cell.profile.role("aggregator").component.name for cell in cells] == [
        "deepsets",
        "flex-attention",
    ]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["encoder.layers=2"], "nothing to try"),
        (["encoder.layers=[]"], "nothing to try"),
        (["encoder.layers=[1,"], "the list is not closed"),
        (["train.seed=[1,1]"], "two trainings would be called it-seed-1"),
        ([f"train.seed={list(range(300))}"], "300 trainings are more than a small grid"),
        (["encoder.layrs=[1,2]"], "did you mean 'layers'"),
    ],
)
def test_a_bad_grid_is_refused_before_anything_is_trained(tmp_path, overrides, message):
    with pytest.raises(IcerecoError, match=message):
        grid("quick", overrides, "it", tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_problems_of_all_cells_are_reported_at_once(tmp_path):
    with pytest.raises(ProfileError) as reported:
        grid("quick", ["train.learning_rate=[1e-3,7,8]"], "it", tmp_path)
    assert len(reported.value.problems) == 2


@pytest.fixture
def cell(tmp_path):
    return grid("quick", ["encoder.layers=[2]"], "it", tmp_path)[0]


def begin(cell, profile=None, data=None):
    cell.run.checkpoints.mkdir(parents=True)
    cell.run.write_profile((profile or cell.profile).resolved_toml())
    cell.run.write_provenance({"data_sets": data or []})


def test_what_is_to_do_follows_from_the_run(cell):
    assert prepare_cell(cell, []) == "begin"
    begin(cell)
    cell.run.write_status("training")
    assert prepare_cell(cell, []) == "running"
    cell.run.write_status("finished")
    assert prepare_cell(cell, []) == "done"
    cell.run.write_status("stopped")
    cell.run.training_state.write_bytes(b"weights")
    assert prepare_cell(cell, []) == "resume"
    cell.run.training_state.rename(cell.run.best)
    assert prepare_cell(cell, []) == "left"
    cell.run.best.unlink()
    assert prepare_cell(cell, []) == "begin"
    assert not cell.run.path.exists()


def test_a_run_of_another_profile_or_other_data_is_not_taken_for_ours(cell, tmp_path):
    (other,) = grid("quick", ["encoder.layers=[2]", "train.epochs=9"], "it", tmp_path)
    begin(cell, other.profile)
    with pytest.raises(IcerecoError, match="with another profile; give the sweep another --name"):
        prepare_cell(cell, [])
    cell.run.write_profile(cell.profile.resolved_toml())
    cell.run.write_provenance({"data": "/else/where.parquet", "data_sets": [{"path": "/else/where.parquet"}]})
    with pytest.raises(IcerecoError, match=r"trained on /else/where\.parquet"):
        prepare_cell(cell, [])


@pytest.fixture
def events(tmp_path):
    pq.write_table(random_events(np.full(160, 12), seed=3), tmp_path / "events.parquet")
    return tmp_path / "events.parquet"


CONDITION = "row < 150"


def command(events, *more):
    overrides = [word for override in (*TINY, *more) for word in ("-o", override)]
    return [
        *(sys.executable, "-m", "icereco", "sweep", "quick", "--data", str(events), "--name", "it"),
        *("--where", CONDITION),
        *("--wandb", "disabled", "--json", *overrides),
    ]


def sweep(folder, events, *more):
    result = subprocess.run(command(events, *more), cwd=folder, capture_output=True, text=True, timeout=250)
    return result, json.loads(result.stdout) if result.stdout else None


def test_a_sweep_trains_ranks_and_has_nothing_to_do_the_second_time(tmp_path, events):
    result, ranked = sweep(tmp_path, events, "train.seed=[1,2]")
    assert result.returncode == 0, result.stderr
    assert [run.provenance()["sweep"] for run in list_runs(tmp_path / "runs")] == [True, True]
    assert {one["run"] for one in ranked} == {"it-seed-1", "it-seed-2"}
    assert ranked[0]["median_deg"] <= ranked[1]["median_deg"]
    for one in ranked:
        assert (tmp_path / "runs" / one["run"] / "checkpoints" / "best.safetensors").is_file()
        assert one["state"] == "finished"
    cells = grid("quick", [*TINY, "train.seed=[1,2]"], "it", tmp_path / "runs")
    data = DataChoice.all_of(events)
    assert [prepare_cell(cell, cut(data, CONDITION)) for cell in cells] == ["done", "done"]
    with pytest.raises(IcerecoError, match=f"trained on .* where {CONDITION}"):
        prepare_cell(cells[0], data)
    assert [one.median_deg for one in ranking(cells)] == [one["median_deg"] for one in ranked]


@pytest.mark.slow
def test_a_training_that_fails_leaves_the_others_alone(tmp_path, events):
    result, ranked = sweep(tmp_path, events, "encoder.heads=[2,3]")
    assert result.returncode == 1
    good, bad = ranked
    assert (good["settings"], good["state"]) == ({"encoder.heads": 2}, "finished")
    assert bad["state"] == "failed"
    assert "not a multiple of encoder.heads = 3" in bad["message"]
    assert not (tmp_path / "runs" / bad["run"]).exists()


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c_saves_every_training_and_the_same_command_goes_on(tmp_path, events):
    more = ("train.seed=[1,2]", "train.epochs=300")
    process = subprocess.Popen(
        [*command(events, *more), "--jobs", "2"], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    runs = [tmp_path / "runs" / f"it-seed-{seed}" for seed in (1, 2)]
    wait_for(lambda: all(_step(run) > 3 for run in runs))
    process.send_signal(signal.SIGINT)
    _, reported = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "go on with the same command" in reported
    assert [_status(run)["phase"] for run in runs] == ["stopped", "stopped"]
    steps = [_step(run) for run in runs]
    process = subprocess.Popen(command(events, *more), cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: _step(runs[0]) > steps[0] and _status(runs[0])["phase"] == "training")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert _status(runs[0])["phase"] == "stopped"


def wait_for(reached, seconds=90):
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end, "not reached in time"
        time.sleep(0.1)


def _status(run: Path):
    try:
        return json.loads((run / "status.json").read_text())
    except (OSError, ValueError):
        return {"phase": "", "step": 0}


def _step(run: Path):
    return _status(run)["step"]


@pytest.mark.parametrize("name", ["../other", "/other", "", ".", "a/b"])
def test_the_runs_of_a_sweep_have_names_and_no_places(tmp_path, name):
    (tmp_path / "other-layers-2").mkdir()
    (tmp_path / "other-layers-2" / "metrics.jsonl").write_text("mine\n")
    with pytest.raises(IcerecoError, match="cannot begin the name of a run"):
        grid("quick", ["encoder.layers=[2]"], name, tmp_path / "runs")


def test_a_folder_with_other_files_is_not_removed_to_begin_again(cell):
    begin(cell)
    cell.run.write_status("stopped")
    (cell.run.path / "thesis.txt").write_text("years of work")
    assert prepare_cell(cell, []) == "left"
    assert (cell.run.path / "thesis.txt").is_file()
