# ruff: noqa: TID253 -- makes Arrow tables and a model
import csv
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from icereco.checkpoint import file_hash, load_checkpoint, save_checkpoint
from icereco.cli import main
from icereco.data.batches import event_batch
from icereco.data.reconstructions import provenance_of
from icereco.data.sources import open_source
from icereco.data.table import SCHEMA
from icereco.detector import load_detector
from icereco.directions import direction_from_angles, opening_angle
from icereco.evaluation.running import RunningResolution
from icereco.inference.job import reconstruct
from icereco.inference.methods import baseline, model_method, untrained_method
from icereco.inference.outputs import FALLBACK_ZENITH_RAD, open_output
from icereco.model import build_model
from icereco.profiles import load_profile
from icereco.resources import data_dir
from icereco.runs import RunFolder

SHARED = Path(__file__).resolve().parents[1].parent / "shared" / "data"
COMMAND = Path(sys.executable).with_name("icereco")
SIZES = [40, 3, 0, 700, 12, 1, 90, 0, 2500, 33, 8, 150, 60, 5, 310]
OVERRIDES = [
    "aggregator.width=16",
    "aggregator.layers=1",
    "aggregator.heads=2",
    "encoder.layers=1",
    "encoder.heads=2",
]


def events_of(sizes, first_id=100, seed=3, **changes):
    """A table of the own layout with truth; `changes` replace columns."""
    random = np.random.default_rng(seed)
    count = len(sizes)
    columns = {
        "event_id": np.arange(count) * 7 + first_id,
        "sensor_id": [random.integers(0, 5160, size) for size in sizes],
        "time": [np.sort(random.uniform(9_000, 14_000, size)) for size in sizes],
        "charge": [random.lognormal(0, 0.5, size) for size in sizes],
        "auxiliary": [random.random(size) < 0.6 for size in sizes],
        "azimuth": random.uniform(0, 2 * np.pi, count),
        "zenith": random.uniform(0, np.pi, count),
        "energy": random.uniform(1e2, 1e5, count),
        "kind": random.choice(["cascade", "through_track"], count),
    } | changes
    fields = [field for field in SCHEMA if field.name in columns]
    return pa.table([pa.array(list(columns[f.name]), f.type) for f in fields], schema=pa.schema(fields))


def written(path, *args, **changes):
    pq.write_table(events_of(*args, **changes), path, row_group_size=5)
    return path


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A small model with the weights that it starts with."""
    profile = load_profile("quick", OVERRIDES)
    detector = load_detector(profile.detector)
    path = tmp_path_factory.mktemp("model") / "small.safetensors"
    save_checkpoint(path, build_model(profile, detector), profile, detector, {"step": 0})
    return path


@pytest.fixture(params=["model", "linefit"])
def method(request):
    if request.param == "linefit":
        return untrained_method("linefit", "icecube86")
    return model_method(request.getfixturevalue("checkpoint"))


def run(sources, method, path, form="parquet"):
    with open_output(path, form, {"method": method.name}) as output:
        return reconstruct([open_source(source) for source in sources], method, output)


def icereco(*args, cwd, **kwargs):
    command = [COMMAND, *map(str, args)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "NO_COLOR": "1"}
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, **kwargs
    )


@pytest.fixture
def invoke(tmp_path, monkeypatch):
    """The command line in this process, which spares starting Python for each case."""
    monkeypatch.chdir(tmp_path)
    return lambda *args: CliRunner().invoke(main, [str(arg) for arg in args])


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
    assert table["kind"].to_pylist()[:2] == [None, None]
    assert table["energy"].to_pylist()[2] == events_of([30], 900)["energy"].to_pylist()[0]
    assert outcome.error.events == 1


def test_without_truth_there_are_no_truth_columns(tmp_path):
    pq.write_table(
        events_of([30]).drop_columns(["azimuth", "zenith", "energy", "kind"]), tmp_path / "in.parquet"
    )
    outcome = run(
        [tmp_path / "in.parquet"], untrained_method("linefit", "icecube86"), tmp_path / "out.parquet"
    )
    assert not {"true_azimuth", "kind"} & set(pq.read_schema(tmp_path / "out.parquet").names)
    assert outcome.error is None


def test_a_file_of_empty_events_has_the_same_columns(tmp_path, method):
    run([written(tmp_path / "some.parquet", [30])], method, tmp_path / "some.out")
    outcome = run([written(tmp_path / "none.parquet", [0, 0])], method, tmp_path / "none.out")
    assert outcome.without_direction == outcome.events == 2
    assert set(pq.read_schema(tmp_path / "none.out").names) == set(
        pq.read_schema(tmp_path / "some.out").names
    )
    assert pq.read_table(tmp_path / "none.out")["azimuth"].null_count == 2


def test_the_line_fit_stands_beside_every_reconstruction(tmp_path, checkpoint):
    events = written(tmp_path / "events.parquet", SIZES)
    run([events], model_method(checkpoint), tmp_path / "model.out")
    run([events], untrained_method("linefit", "icecube86"), tmp_path / "linefit.out")
    fitted, beside = pq.read_table(tmp_path / "linefit.out"), pq.read_table(tmp_path / "model.out")
    for name in ("azimuth", "zenith"):
        assert beside[f"linefit_{name}"] == fitted[name]
    assert baseline() is not None


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


@pytest.fixture
def folder_with_run(tmp_path, checkpoint):
    """A working folder with a finished run, and an older one beside it."""
    for name in ("older", "newest"):
        folder = RunFolder.create(tmp_path / "runs", name)
        folder.best.write_bytes(checkpoint.read_bytes())
        folder.write_status("finished")
        time.sleep(0.02)
    written(tmp_path / "events.parquet", SIZES)
    return tmp_path


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


def test_a_run_or_a_checkpoint_can_be_named(folder_with_run, checkpoint, invoke):
    by_run = icereco(
        "reconstruct", "events.parquet", "--run", "older", "-o", "a.out", "--json", cwd=folder_with_run
    )
    assert json.loads(by_run.stdout)["used"] == "run older"
    by_file = icereco(
        "reconstruct", "events.parquet", "--model", checkpoint, "-o", "b.out", cwd=folder_with_run
    )
    assert by_file.returncode == 0, by_file.stderr
    assert pq.read_table(folder_with_run / "a.out") == pq.read_table(folder_with_run / "b.out")


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


def nan_charge(path):
    charge = [np.ones(size) for size in SIZES]
    charge[11][3] = np.nan
    return written(path, SIZES, charge=charge), "event_id 177"


def foreign_sensor(path):
    sensor = [np.zeros(size, dtype=int) for size in SIZES]
    sensor[11][3] = 5160
    return written(path, SIZES, sensor_id=sensor), "5160"


def truncated(path):
    whole = written(path, [200] * 200).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    return path, "truncated"


def damaged_in_the_middle(path):
    whole = bytearray(written(path, [200] * 200).read_bytes())
    middle = len(whole) // 2
    whole[middle : middle + 4000] = b"\xff" * 4000
    path.write_bytes(whole)
    return path, "cannot be read"


def no_events(path):
    return written(path, []), "no events"


def missing_column(path):
    pq.write_table(events_of(SIZES).drop_columns(["charge"]), path)
    return path, "charge"


def duplicate_ids(path):
    return written(path, SIZES, event_id=np.arange(len(SIZES)) % 11), "more than once"


@pytest.mark.parametrize(
    "spoil",
    [nan_charge, foreign_sensor, truncated, damaged_in_the_middle, no_events, missing_column, duplicate_ids],
)
def test_bad_input_is_one_message_and_leaves_the_old_output(tmp_path, invoke, spoil):
    path, words = spoil(tmp_path / "bad.parquet")
    good = written(tmp_path / "good.parquet", [30] * 2000, 10**6)
    assert invoke("reconstruct", good, "--method", "linefit", "-o", "out.parquet").exit_code == 0
    before = (tmp_path / "out.parquet").read_bytes()
    done = invoke("reconstruct", good, path, "--method", "linefit", "-o", "out.parquet")
    assert done.exit_code == 2, done.output
    assert words in done.stderr
    assert str(path) in done.stderr
    assert (tmp_path / "out.parquet").read_bytes() == before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["bad.parquet", "good.parquet", "out.parquet"]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["gone.parquet"], "no such file"),
        (["events.parquet"], "icereco train"),
        (["events.parquet", "--run", "unknown"], "no run"),
        (["events.parquet", "--model", "gone.safetensors"], "gone.safetensors"),
        (["events.parquet", "--model", "events.parquet"], "not a checkpoint"),
        (["events.parquet", "--method", "linfit"], "did you mean 'linefit'"),
        (["events.parquet", "--method", "linefit", "--detector", "icecube68"], "did you mean 'icecube86'"),
        (["events.parquet", "--method", "linefit", "--run", "a"], "exclude each other"),
        (["events.parquet", "--run", "a", "--detector", "icecube86"], "--detector"),
        (["events.parquet", "--method", "linefit", "-o", "events.parquet"], "overwritten"),
        (["events.parquet", "--method", "linefit", "-o", "notes.txt"], "notes.txt exists"),
        (["events.parquet", "--method", "linefit", "-o", "folder"], "is a folder"),
        (["folder", "--method", "linefit", "-o", "folder/out.parquet"], "inside the input folder"),
        (["events.parquet", "--method", "linefit", "-o", "notes.txt/out.parquet"], "cannot write"),
        (["events.parquet", "--method", "linefit", "-o", "/proc/out.parquet"], "cannot write"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_request_is_explained_and_nothing_is_written(tmp_path, invoke, args, words):
    written(tmp_path / "events.parquet", SIZES)
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "folder").mkdir()
    written(tmp_path / "folder" / "events.parquet", SIZES)
    before = {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")}
    done = invoke("reconstruct", *args)
    assert done.exit_code == 2, done.output
    assert words in done.stderr
    assert {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")} == before


@pytest.mark.parametrize("form", ["parquet", "kaggle"])
def test_a_full_disk_is_one_message_and_leaves_nothing(tmp_path, form):
    written(tmp_path / "events.parquet", [30] * 2000)

    def small_files():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a write beyond the limit then fails as on a full disk
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    arguments = ("reconstruct", "events.parquet", "--method", "linefit", "--format", form)
    done = icereco(*arguments, cwd=tmp_path, preexec_fn=small_files)
    assert done.returncode == 2, done.stdout
    assert "cannot write" in done.stderr
    assert "Traceback" not in done.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["events.parquet"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_leaves_nothing(tmp_path, checkpoint, number):
    written(tmp_path / "events.parquet", [300] * 3000)
    command = [COMMAND, "reconstruct", "events.parquet", "--model", str(checkpoint)]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    while not list(tmp_path.glob(".*.partial")) and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(number)
    _, message = process.communicate()
    assert process.returncode == 130, message
    assert [file.name for file in tmp_path.iterdir()] == ["events.parquet"]


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
