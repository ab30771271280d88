"""Files that arrive in a folder are reconstructed once each, whatever happens to the process that does it."""

import json
import os
import resource
import signal
import subprocess
import sys

import pyarrow.parquet as pq
import pytest
from follow_driver import QUICKLY, begin, entries, wait_for
from reconstruct_driver import SIZES, written

from icereco.online.follower import follower
from icereco.reconstruction.wanted import Wanted
from icereco.runs.folder import RunFolder

LINEFIT = ("follow", "in", "-o", "out", "--method", "linefit", "--once", *QUICKLY)


@pytest.fixture
def incoming(tmp_path):
    """A folder with two files that are whole, and others that are not."""
    folder = tmp_path / "in"
    folder.mkdir()
    for number, name in enumerate(("a.parquet", "b.parquet")):
        written(folder / name, SIZES, seed=number)
    whole = (folder / "a.parquet").read_bytes()
    for name in (".c.parquet.Xz3", "d.parquet.part", "e.parquet.TMP"):
        (folder / name).write_bytes(whole[:1000])
    return folder


def rows(path):
    return pq.read_table(path).to_pylist()


def test_each_file_is_reconstructed_as_by_itself_and_temporary_ones_are_left_alone(invoke, incoming):
    done = invoke(*LINEFIT, "--json")
    assert done.exit_code == 0, done.output
    said = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(one["file"], one["state"], one["events"]) for one in said] == [
        ("a.parquet", "done", 15),
        ("b.parquet", "done", 15),
    ]
    assert invoke("reconstruct", "in/b.parquet", "--method", "linefit", "-o", "b.reco.parquet").exit_code == 0
    assert rows("out/b.parquet.reco.parquet") == rows("b.reco.parquet")
    assert invoke("evaluate", "out/b.parquet.reco.parquet").exit_code == 0


def test_what_is_done_is_not_repeated_and_what_has_changed_is(invoke, incoming, tmp_path):
    assert invoke(*LINEFIT).exit_code == 0
    (tmp_path / "out" / "a.parquet.reco.parquet").unlink()  # taken away by who uses it
    written(incoming / "b.parquet", [5, 6])
    written(incoming / "new.parquet", [7])
    assert invoke(*LINEFIT).exit_code == 0
    counts = {name: [one["events"] for one in lines] for name, lines in entries(tmp_path / "out").items()}
    assert counts == {"a.parquet": [15], "b.parquet": [15, 2], "new.parquet": [1]}
    assert not (tmp_path / "out" / "a.parquet.reco.parquet").exists()


def test_a_damaged_file_is_one_message_and_the_others_go_on(invoke, incoming, tmp_path):
    (incoming / "0.parquet").write_bytes((incoming / "a.parquet").read_bytes()[:2000])
    os.utime(incoming / "0.parquet", (0, 0))  # the first
    done = invoke(*LINEFIT)
    assert done.exit_code == 2, done.output
    assert done.stderr.count("error: in/0.parquet: ") == 1
    assert "Traceback" not in done.stderr
    (entry,) = entries(tmp_path / "out")["0.parquet"]
    assert entry["state"] == "failed"
    assert "0.parquet" in entry["reason"]
    assert len(list((tmp_path / "out").glob("*.reco.parquet"))) == 2
    again = invoke(*LINEFIT)
    assert again.exit_code == 2
    assert "no result of 1 (0.parquet)" in again.stderr
    assert len(entries(tmp_path / "out")["0.parquet"]) == 1
    assert invoke(*LINEFIT, "--retry-failed").exit_code == 2
    assert len(entries(tmp_path / "out")["0.parquet"]) == 2
    written(incoming / "0.parquet", [9])
    assert invoke(*LINEFIT).exit_code == 0


def test_where_nothing_is_named_the_first_file_decides(invoke, incoming, tmp_path, checkpoint):
    run = RunFolder.create(tmp_path / "runs", "newest")
    run.best.write_bytes(checkpoint.read_bytes())
    run.write_status("finished")
    done = invoke("follow", "in", "-o", "out", "--once", "--threads", "1", *QUICKLY)
    assert done.exit_code == 0, done.output
    assert done.stderr.count("reconstructing with run newest") == 1
    assert entries(tmp_path / "out")["b.parquet"][0]["model"].startswith("run newest")


def test_bad_events_can_be_left_out(invoke, incoming, tmp_path):
    charge = [[1.0] * size for size in SIZES]
    charge[3][7] = -1.0
    written(incoming / "a.parquet", SIZES, charge=charge)
    assert invoke(*LINEFIT).exit_code == 2
    assert invoke(*LINEFIT, "--retry-failed", "--skip-bad").exit_code == 0
    assert len(rows("out/a.parquet.reco.parquet")) == len(SIZES) - 1
    assert "negative" in (tmp_path / "out" / "a.parquet.reco.parquet.skipped.jsonl").read_text()


def test_the_method_is_loaded_once(incoming, tmp_path):
    calls = []

    def choose(data, sources):
        calls.append(sources)
        return Wanted(method="linefit").choice(data, sources)

    with follower(incoming, tmp_path / "out", choose) as following:
        assert list(following.look()) == []
        assert len(list(following.look())) == 2
    assert len(calls) == 1


def test_a_file_that_grows_is_not_read_before_it_is_whole(incoming, tmp_path):
    whole = (incoming / "a.parquet").read_bytes()
    process = begin(tmp_path, "in", "-o", "out", "--method", "linefit")
    try:
        wait_for(lambda: len(entries(tmp_path / "out")) == 2, process)
        with (incoming / "slow.parquet").open("wb") as file:
            for start in range(0, len(whole), 4000):  # several looks long, and never at rest for two
                file.write(whole[start : start + 4000])
                file.flush()
                wait_for(Elapsed(0.02), process)
        wait_for(lambda: "slow.parquet" in entries(tmp_path / "out"), process)
    finally:
        process.send_signal(signal.SIGTERM)
        said = process.communicate()[1]
    assert [one["state"] for one in entries(tmp_path / "out")["slow.parquet"]] == ["done"], said


class Elapsed:
    """Whether so many seconds have passed."""

    def __init__(self, seconds):
        import time

        self.end, self.now = time.monotonic() + seconds, time.monotonic

    def __call__(self):
        return self.now() >= self.end


def test_a_file_that_is_written_to_while_it_is_read_waits(incoming, tmp_path):
    def choose(data, sources):
        with (incoming / "a.parquet").open("ab") as file:  # between the look and the reading
            file.write(b"more")
        return Wanted(method="linefit").choice(data, sources)

    with follower(incoming, tmp_path / "out", choose) as following:
        list(following.look())
        assert [entry.file for entry in following.look()] == ["b.parquet"]
    assert not (tmp_path / "out" / "a.parquet.reco.parquet").exists()


def test_a_file_that_kills_every_process_does_not_hold_up_the_others(incoming, tmp_path):
    killing = (
        "import os, sys\n"
        "from icereco.online import follower\n"
        "from icereco.cli import main\n"
        "real = follower.reconstruct\n"
        "follower.reconstruct = lambda sources, *rest: (\n"
        "    os.kill(os.getpid(), 9) if sources[0].path.name == 'a.parquet' else real(sources, *rest))\n"
        "main(sys.argv[1:])"
    )
    command = [sys.executable, "-c", killing, *LINEFIT]
    codes = [
        subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=60).returncode for _ in range(4)
    ]
    assert codes == [-9, -9, -9, 2]
    found = {name: lines[-1] for name, lines in entries(tmp_path / "out").items()}
    assert "3 processes were killed" in found["a.parquet"]["reason"]
    assert found["b.parquet"]["state"] == "done"
    assert not list((tmp_path / "out").glob(".*.partial"))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_after_any_end_everything_is_done_once_and_whole(tmp_path, checkpoint, number):
    (tmp_path / "in").mkdir()
    written(tmp_path / "in" / "a.parquet", [300] * 300)
    written(tmp_path / "in" / "b.parquet", [300] * 300, seed=1)
    arguments = ("in", "-o", "out", "--model", checkpoint)
    process = begin(tmp_path, *arguments)
    out = tmp_path / "out"
    wait_for(lambda: list(out.glob(".b*.partial")) or (out / "b.parquet.reco.parquet").exists(), process)
    process.send_signal(number)
    _, said = process.communicate()
    assert (process.returncode, "Traceback" in said) == (-9 if number == signal.SIGKILL else 130, False)
    if number != signal.SIGKILL:
        assert "the same command goes on" in said
        assert not list(out.glob(".*.partial"))
    first = (out / "a.parquet.reco.parquet").stat().st_mtime_ns
    again = begin(tmp_path, *arguments, "--once")
    _, said = again.communicate()
    assert again.returncode == 0, said
    assert {name: len(lines) for name, lines in entries(out).items()} == {"a.parquet": 1, "b.parquet": 1}
    assert (out / "a.parquet.reco.parquet").stat().st_mtime_ns == first
    assert len(rows(out / "b.parquet.reco.parquet")) == 300
    assert not list(out.glob(".*.partial"))


def test_a_result_that_was_written_but_not_noted_is_not_made_again(invoke, incoming, tmp_path):
    assert invoke(*LINEFIT).exit_code == 0
    ledger, result = tmp_path / "out" / "follow.jsonl", tmp_path / "out" / "b.parquet.reco.parquet"
    whole, before = ledger.read_text(), result.stat().st_mtime_ns
    ledger.write_text(whole[:-40])  # killed in the middle of the line
    assert invoke(*LINEFIT).exit_code == 0
    assert result.stat().st_mtime_ns == before
    last = json.loads(ledger.read_text().splitlines()[-1])
    assert (last["file"], last["state"], last["events"]) == ("b.parquet", "done", 15)
    assert len(ledger.read_text().splitlines()) == 3


def test_a_second_follower_of_the_same_results_is_refused(invoke, incoming, tmp_path):
    process = begin(tmp_path, "in", "-o", "out", "--method", "linefit")
    try:
        wait_for(lambda: entries(tmp_path / "out"), process)
        done = invoke(*LINEFIT)
        assert done.exit_code == 2
        assert f"out is in use by another icereco follow, process {process.pid}" in done.stderr
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate()


@pytest.mark.parametrize("detector", [(), ("--detector", "icecube86")], ids=["at the first file", "before"])
def test_results_of_two_models_are_not_mixed_unnoticed(invoke, incoming, detector):
    assert invoke(*LINEFIT).exit_code == 0
    written(incoming / "c.parquet", [7])
    other = [word.replace("linefit", "linefit:weight_by_charge=true") for word in LINEFIT]
    done = invoke(*other, *detector)
    assert done.exit_code == 2
    assert "out has results of method linefit" in done.stderr
    assert "--new-model" in done.stderr
    assert invoke(*other, "--new-model").exit_code == 0
    assert invoke(*LINEFIT, "--new-model").exit_code == 0


def test_a_full_disk_is_not_the_fault_of_a_file(incoming, tmp_path, monkeypatch):
    written(incoming / "large.parquet", [30] * 2000)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(
        signal.SIGXFSZ, signal.SIG_IGN
    )  # a write beyond the limit then fails as on a full disk
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        process = begin(tmp_path, "in", "-o", "out", "--method", "linefit", "--once")
        _, said = process.communicate()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert process.returncode == 2
    assert "cannot write out/large.parquet.reco.parquet" in said
    assert "large.parquet" not in entries(tmp_path / "out")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["gone", "-o", "out"], "there is no folder gone"),
        (["in", "-o", "in"], "the folder that files arrive in"),
        (["in", "-o", "out", "--run", "nothing"], "there is no run 'nothing'"),
        (["in", "-o", "out", "--run", "a", "--method", "linefit"], "cannot be combined"),
        (["in", "-o", "in/a.parquet/x"], "cannot write"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_request_is_explained(invoke, incoming, arguments, words):
    done = invoke("follow", *arguments, *QUICKLY)
    assert done.exit_code == 2, done.output
    assert words in done.stderr
