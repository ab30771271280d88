import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from reconstruct_driver import OVERRIDES, SIZES, events_of, icereco, run, written

from icereco.detector.detector import load_detector
from icereco.evaluation.streaming import RunningResolution
from icereco.events.truth import TARGETS
from icereco.model.checkpoint import file_hash, load_checkpoint, save_checkpoint
from icereco.model.model import build_model
from icereco.physics.sphere import direction_from_angles, opening_angle
from icereco.profiles import load_profile
from icereco.reconstruction.methods import Method, comparison_methods, model_method, untrained_method
from icereco.reconstruction.outputs import FALLBACK_ZENITH_RAD
from icereco.system.resources import data_dir
from icereco.tables.assembly import event_batch
from icereco.tables.reconstructions import provenance_of

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"


def test_every_event_has_its_row_in_input_order(tmp_path, method):
    events = written(tmp_path / "events.parquet", SIZES)
    outcome = run([events], method, tmp_path / "out.parquet")
    table = pq.read_table(tmp_path / "out.parquet")
    assert table["event_id"].to_pylist() == [100 + 7 * i for i in range(len(SIZES))]
    assert table["pulses_total"].to_pylist() == SIZES
    assert outcome.events == len(SIZES)
    assert outcome.without_pulses == 2


def test_each_row_is_what_the_method_says_of_that_event_alone(tmp_path, method):
    events = written(tmp_path / "events.parquet", SIZES)
    run([events], method, tmp_path / "out.parquet")
    table = pq.read_table(tmp_path / "out.parquet").to_pylist()
    batch = event_batch(events_of(SIZES), method.detector)
    for row, event in zip(table, batch, strict=True):
        alone = method(event.batch)
        if np.isnan(alone.direction).any():
            assert row["azimuth"] is None
            continue
        found = direction_from_angles(np.array(row["azimuth"]), np.array(row["zenith"]))
        assert opening_angle(found, alone.direction[0]) < 1e-5
        if alone.kappa is not None:
            assert row["kappa"] == pytest.approx(alone.kappa[0], rel=1e-4)


@pytest.mark.parametrize("pulses_per_call", [1, 100, 1000, 10**9])
def test_how_a_batch_is_cut_changes_nothing(checkpoint, pulses_per_call):
    from dataclasses import replace

    method = model_method(checkpoint)
    batch = event_batch(events_of(SIZES), method.detector)
    whole, cut = method(batch), replace(method, pulses_per_call=pulses_per_call)(batch)
    assert cut.direction == pytest.approx(whole.direction, abs=1e-5, nan_ok=True)
    assert cut.kappa == pytest.approx(whole.kappa, rel=1e-4, nan_ok=True)


def test_calls_are_bounded_and_no_event_is_cut(checkpoint):
    from dataclasses import replace

    method, seen = model_method(checkpoint), []

    def watch(part):
        seen.append(part.pulse_count.tolist())
        return method.reconstruct(part)

    batch = event_batch(events_of(SIZES), method.detector)
    replace(method, reconstruct=watch, pulses_per_call=500)(batch)
    assert [size for part in seen for size in part] == [size for size in SIZES if size]
    assert all(len(part) == 1 or sum(part) <= 500 for part in seen)


def test_several_files_are_one_after_the_other(tmp_path, method):
    paths = [
        written(tmp_path / f"{name}.parquet", [20, 5], first_id) for name, first_id in (("b", 500), ("a", 9))
    ]
    run(paths, method, tmp_path / "out.parquet")
    assert pq.read_table(tmp_path / "out.parquet")["event_id"].to_pylist() == [500, 507, 9, 16]


def test_truth_of_any_file_is_carried_along(tmp_path):
    without = events_of([30, 30]).drop_columns(["azimuth", "zenith", "energy", "kind"])
    pq.write_table(without, tmp_path / "without.parquet")
    paths = [tmp_path / "without.parquet", written(tmp_path / "with.parquet", [30], 900)]
    outcome = run(paths, untrained_method("linefit", "icecube86"), tmp_path / "out.parquet")
    table = pq.read_table(tmp_path / "out.parquet")
    assert table["true_azimuth"].null_count == 2
    assert table["true_kind"].to_pylist()[:2] == [None, None]
    assert table["true_energy"].to_pylist()[2] == events_of([30], 900)["energy"].to_pylist()[0]
    assert outcome.error.events == 1


def test_where_one_file_has_truth_every_batch_has_every_target(tmp_path, monkeypatch):
    seen, reconstruct = [], Method.__call__

    def watched(method, batch):
        seen.append(batch.truth)
        return reconstruct(method, batch)

    monkeypatch.setattr(Method, "__call__", watched)
    without = events_of([30, 30], 900).drop_columns(["azimuth", "zenith"])
    pq.write_table(without, tmp_path / "without.parquet")
    paths = [written(tmp_path / "with.parquet", [30, 30]), tmp_path / "without.parquet"]
    run(paths, untrained_method("linefit", "icecube86"), tmp_path / "out.parquet")
    assert [one.targets for one in seen] == [TARGETS, TARGETS]
    known = [{target: bool(one.known(target).all()) for target in TARGETS} for one in seen]
    assert known == [
        {target: target in ("direction", "energy_gev", "kind") for target in TARGETS},
        dict.fromkeys(TARGETS, False),
    ]


def test_without_truth_there_are_no_truth_columns(tmp_path):
    pq.write_table(
        events_of([30]).drop_columns(["azimuth", "zenith", "energy", "kind"]), tmp_path / "in.parquet"
    )
    outcome = run(
        [tmp_path / "in.parquet"], untrained_method("linefit", "icecube86"), tmp_path / "out.parquet"
    )
    assert not {"true_azimuth", "true_kind"} & set(pq.read_schema(tmp_path / "out.parquet").names)
    assert outcome.error is None


def test_a_file_of_empty_events_has_the_same_columns(tmp_path, method):
    run([written(tmp_path / "some.parquet", [30])], method, tmp_path / "some.out")
    outcome = run([written(tmp_path / "none.parquet", [0, 0])], method, tmp_path / "none.out")
    assert outcome.without_direction == outcome.events == 2
    assert set(pq.read_schema(tmp_path / "none.out").names) == set(
        pq.read_schema(tmp_path / "some.out").names
    )
    assert pq.read_table(tmp_path / "none.out")["azimuth"].null_count == 2


def test_every_reconstruction_includes_the_line_fit(tmp_path, checkpoint):
    events = written(tmp_path / "events.parquet", SIZES)
    run([events], model_method(checkpoint), tmp_path / "model.out")
    run([events], untrained_method("linefit", "icecube86"), tmp_path / "linefit.out")
    fitted, beside = pq.read_table(tmp_path / "linefit.out"), pq.read_table(tmp_path / "model.out")
    for name in ("azimuth", "zenith"):
        assert beside[f"linefit_{name}"] == fitted[name]
    assert "linefit" in comparison_methods()


def test_kappa_columns_only_where_the_method_has_them(tmp_path, checkpoint):
    events = written(tmp_path / "events.parquet", [30])
    run([events], model_method(checkpoint), tmp_path / "model.out")
    run([events], untrained_method("linefit", "icecube86"), tmp_path / "linefit.out")
    assert {"kappa", "sigma"} <= set(pq.read_schema(tmp_path / "model.out").names)
    assert not {"kappa", "sigma"} & set(pq.read_schema(tmp_path / "linefit.out").names)


def test_a_submission_has_a_finite_direction_for_every_event(tmp_path, method):
    events = written(tmp_path / "events.parquet", SIZES)
    run([events], method, tmp_path / "out.csv", "kaggle")
    with (tmp_path / "out.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["event_id", "azimuth", "zenith"]
    assert [int(row["event_id"]) for row in rows] == [100 + 7 * i for i in range(len(SIZES))]
    assert np.isfinite([[float(row["azimuth"]), float(row["zenith"])] for row in rows]).all()
    assert float(rows[2]["zenith"]) == FALLBACK_ZENITH_RAD


@pytest.mark.parametrize("events", [1, 2, 5000, 5001])
def test_the_running_resolution_is_that_of_all_events(events):
    error = np.random.default_rng(4).exponential(0.3, events).clip(0, np.pi)
    running = RunningResolution()
    for part in np.array_split(np.append(error, np.nan), 7):
        running.add(part)
    result = running.result()
    assert result.events == events
    assert result.mean_deg == pytest.approx(np.degrees(error.mean()))
    assert result.median_deg == pytest.approx(np.degrees(np.median(error)), abs=1e-3)


def test_the_newest_finished_run_is_taken_and_named(folder_with_run, checkpoint):
    done = icereco("reconstruct", "events.parquet", cwd=folder_with_run)
    assert done.returncode == 0, done.stderr
    assert "run newest, the newest finished one" in done.stderr
    assert "icereco evaluate events.reco.parquet" in done.stdout
    facts = provenance_of(folder_with_run / "events.reco.parquet")
    assert facts["run"] == "newest"
    assert facts["checkpoint_sha256"] == file_hash(checkpoint)
    assert facts["profile"] == "quick"
    assert facts["detector"]["name"] == "icecube86"
    assert facts["detector"]["fingerprint"] == load_detector("icecube86").fingerprint
    assert facts["inputs"][0]["path"] == str(folder_with_run / "events.parquet")
    evaluated = icereco("evaluate", "events.reco.parquet", "--json", cwd=folder_with_run)
    document = json.loads(evaluated.stdout)
    assert document["resolution"]["events"] == len(SIZES)
    assert document["resolution"]["without_direction"] == 2
    assert set(document["coverage"]) == {"50%", "90%"}
    table = icereco("evaluate", "events.reco.parquet", cwd=folder_with_run)
    assert "linefit" in table.stdout
    assert "…" not in table.stdout
    assert max(map(len, table.stdout.split("angular error in degrees")[0].splitlines())) <= 80


def test_options_of_the_likelihood_fit_choose_it(tmp_path):
    written(tmp_path / "events.parquet", [30, 1])
    done = icereco("reconstruct", "events.parquet", "-o", "likelihood.hops=0", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "method likelihood, hops=0" in done.stderr
    assert provenance_of(tmp_path / "events.reco.parquet")["method"] == "likelihood"
    with_card = icereco("reconstruct", "events.parquet", "--detector", "icecube86-plain", cwd=tmp_path)
    assert with_card.returncode == 2
    assert "icecube86-plain" in with_card.stderr


def test_a_run_or_a_checkpoint_can_be_named(folder_with_run, checkpoint, invoke):
    by_run = icereco(
        "reconstruct", "events.parquet", "--run", "older", "-o", "a.parquet", "--json", cwd=folder_with_run
    )
    assert json.loads(by_run.stdout)["used"] == "run older"
    by_file = icereco(
        "reconstruct", "events.parquet", "--model", checkpoint, "-o", "b.parquet", cwd=folder_with_run
    )
    assert by_file.returncode == 0, by_file.stderr
    assert pq.read_table(folder_with_run / "a.parquet") == pq.read_table(folder_with_run / "b.parquet")


def test_linefit_needs_no_torch(tmp_path):
    written(tmp_path / "events.parquet", SIZES)
    program = (
        "import sys\n"
        "from icereco.cli import main\n"
        "main(['reconstruct', 'events.parquet', '--method', 'linefit'], standalone_mode=False)\n"
        "assert 'torch' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "events.reco.parquet").exists()


@pytest.mark.skipif(not SHARED.exists(), reason="needs the photon-by-photon events in ../shared/data")
def test_a_kaggle_folder_and_its_batch_file_give_the_same(tmp_path):
    method = untrained_method("linefit", "icecube86")
    outcome = run([SHARED / "icecube_ppc"], method, tmp_path / "folder.out")
    run([SHARED / "icecube_ppc" / "train" / "batch_1.parquet"], method, tmp_path / "file.out")
    folder = pq.read_table(tmp_path / "folder.out")
    assert folder == pq.read_table(tmp_path / "file.out")
    meta = pq.read_table(SHARED / "icecube_ppc" / "train_meta.parquet")
    assert folder["event_id"] == meta["event_id"]
    assert folder["pulses_total"].to_pylist() == meta["n_pulses"].to_pylist()
    assert outcome.error.median_deg == pytest.approx(33.1, abs=0.5)


def test_a_checkpoint_brings_its_detector_along(tmp_path):
    """Also one that is not installed where it is used: a card of another plugin, or in a folder that is gone."""
    lake = shutil.copytree(data_dir("geometry") / "km3net-orca6", tmp_path / "lake")
    profile = load_profile("quick", [*OVERRIDES, f"detector.use={lake}"])
    detector = load_detector(lake)
    save_checkpoint(tmp_path / "model.safetensors", build_model(profile, detector), profile, detector, {})
    shutil.rmtree(lake)
    found = load_checkpoint(tmp_path / "model.safetensors").detector
    for name in ("name", "noise_rate_hz", "file_origins_m", "fingerprint"):
        assert getattr(found, name) == getattr(detector, name)
    for name in ("string", "om", "position_m", "alive", "dom_id"):
        np.testing.assert_array_equal(getattr(found, name), getattr(detector, name))
    assert found.medium.kind == "water"
    np.testing.assert_array_equal(found.medium.absorption_length_m, [60.0])


def test_the_precision_around_a_model_changes_nothing(checkpoint):
    events = event_batch(events_of(SIZES), load_detector("icecube86"))
    model = load_checkpoint(checkpoint).model
    with torch.autocast("cpu", torch.bfloat16):
        around = model.reconstruct(events).direction
    np.testing.assert_array_equal(model.reconstruct(events).direction, around)
    apart = opening_angle(model_method(checkpoint)(events).direction, around)
    assert np.degrees(np.nanmax(apart)) < 0.02


@pytest.mark.parametrize("highest_gev", [1e4, 1e6])
def test_energies_that_a_model_was_not_trained_on_are_reported_once(
    tmp_path, checkpoint, caplog, highest_gev
):
    events = [written(tmp_path / f"{number}.parquet", SIZES, first_id=1000 * number) for number in (1, 2)]
    energy = np.concatenate([pq.read_table(path)["energy"].to_numpy() for path in events])
    method = model_method(checkpoint)
    method.provenance["trained"] |= {"energy_range_gev": [1.0, highest_gev]}
    run(events, method, tmp_path / "out.parquet")
    above = int((energy > highest_gev).sum())
    message = f"{above} of {len(energy)} events have energies outside 1 to {highest_gev:.3g} GeV"
    assert caplog.text.count(message) == (above > 0)
    assert (above > 0) == (highest_gev == 1e4)
