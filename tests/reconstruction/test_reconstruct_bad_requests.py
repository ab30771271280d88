import resource
import signal
import subprocess
import time

import numpy as np
import pyarrow.parquet as pq
import pytest
from reconstruct_driver import COMMAND, SIZES, events_of, icereco, written


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


SPOILED = [
    nan_charge,
    foreign_sensor,
    truncated,
    damaged_in_the_middle,
    no_events,
    missing_column,
    duplicate_ids,
]


@pytest.mark.parametrize("spoil", SPOILED)
def test_bad_input_is_one_message_and_leaves_the_old_output(tmp_path, invoke, spoil):
    path, words = spoil(tmp_path / "bad.parquet")
    written(tmp_path / "good.parquet", [30] * 200, 10**6)
    assert invoke("reconstruct", "good.parquet", "--method", "linefit", "-o", "out.parquet").exit_code == 0
    before = (tmp_path / "out.parquet").read_bytes()
    done = invoke("reconstruct", path, "--method", "linefit", "-o", "out.parquet")
    assert done.exit_code == 2, done.output
    assert words in done.stderr
    assert str(path) in done.stderr
    assert (tmp_path / "out.parquet").read_bytes() == before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["bad.parquet", "good.parquet", "out.parquet"]


@pytest.mark.parametrize("spoil", SPOILED)
def test_a_bad_file_among_others_is_named_and_they_are_done(tmp_path, invoke, spoil):
    path, words = spoil(tmp_path / "bad.parquet")
    good = [written(tmp_path / f"good_{first}.parquet", [30] * 20, first) for first in (10**6, 2 * 10**6)]
    words_of = ("reconstruct", good[0], path, good[1], "--method", "linefit", "-o", "out.parquet")
    done = invoke(*words_of)
    assert done.exit_code == 2, done.output
    assert words in done.stderr
    assert str(path) in done.stderr
    if spoil in (truncated, no_events, missing_column):  # which is known before the first event
        assert not (tmp_path / "out.parquet").exists()
        return
    assert pq.read_table(tmp_path / "out.parquet")["event_id"].to_pylist() == [
        event for one in good for event in pq.read_table(one)["event_id"].to_pylist()
    ]
    assert (tmp_path / "out.parquet.missing.jsonl").exists()


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["gone.parquet"], "no such file"),
        (["events.parquet", "--run", "unknown"], "no run"),
        (["events.parquet", "--model", "gone.safetensors"], "gone.safetensors"),
        (["events.parquet", "--model", "events.parquet"], "not a checkpoint"),
        (["events.parquet", "--method", "linfit"], "did you mean 'linefit'"),
        (["events.parquet", "--method", "linefit", "--detector", "icecube68"], "did you mean 'icecube86'"),
        (["events.parquet", "--method", "linefit", "--run", "a"], "cannot be combined"),
        (["events.parquet", "--run", "a", "--detector", "icecube86"], "--detector"),
        (["events.parquet", "--method", "linefit", "-o", "events.parquet"], "overwritten"),
        (["events.parquet", "--method", "linefit", "-o", "notes.csv"], "notes.csv exists"),
        (["events.parquet", "--method", "linefit", "-o", "notes.txt"], "is not written"),
        (["events.parquet", "--method", "linefit", "-o", "folder"], "is a folder"),
        (["folder", "--method", "linefit", "-o", "folder/out.parquet"], "inside the input folder"),
        (["events.parquet", "--method", "linefit", "-o", "notes.csv/out.parquet"], "cannot write"),
        (["events.parquet", "--method", "linefit", "-o", "/proc/out.parquet"], "cannot write"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_request_is_explained_and_nothing_is_written(tmp_path, invoke, args, words):
    written(tmp_path / "events.parquet", SIZES)
    (tmp_path / "notes.csv").write_text("mine")
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
