"""A reconstruction that is killed goes on where it was; events that fail are named, and the others are done."""

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow.parquet as pq
import pytest
from reconstruct_driver import SIZES, events_of, run, written

from icereco.data.sources.source import open_source
from icereco.errors import IcerecoError
from icereco.events.reconstruction import Reconstruction
from icereco.reconstruction import kept as keeping
from icereco.reconstruction.kept import kept_pieces
from icereco.reconstruction.methods import Method, untrained_method
from icereco.reconstruction.outputs import open_output
from icereco.reconstruction.pipeline import reconstruct

# A command in which every piece is kept at once, with some time after that for a kill.
SLOW = """
import sys, time
from icereco.cli import main
from icereco.reconstruction.kept import KeptPieces
def add_slowly(kept, key, piece, add=KeptPieces.add):
    add(kept, key, piece)
    kept.save()
    time.sleep(0.5)
KeptPieces.add = add_slowly
if __name__ == "__main__":
    main(sys.argv[1:])
"""


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """Every piece is kept as soon as it is made."""
    monkeypatch.setattr("icereco.system.work.kept.SAVE_SECONDS", 0.0)


class Counting:
    """A line fit of a few events at once, which counts them and may refuse some."""

    def __init__(self, refused=(), name="linefit"):
        self.fit = untrained_method(name, "icecube86")
        self.refused, self.events, self.batches = refused, 0, 0

    def method(self, **facts) -> Method:
        return Method(
            name=self.fit.name,
            detector=self.fit.detector,
            reconstruct=self,
            pulses_per_call=10**6,
            events_per_batch=5,
            provenance=self.fit.provenance | facts,
        )

    def __call__(self, batch) -> Reconstruction:
        self.batches += 1
        if self.batches in self.refused:
            raise IcerecoError("no fit today")
        self.events += len(batch)
        return self.fit.reconstruct(batch)


class StopHereError(Exception):
    pass


def reconstructed(path, out, method, stop_after=None, go_on=True):
    """As the command does it."""
    done = 0

    def advance(events):
        nonlocal done
        done += events
        if stop_after is not None and done >= stop_after:
            raise StopHereError

    with kept_pieces(out, method) as kept:
        with open_output(out, "parquet", {"method": method.name}) as output:
            outcome = reconstruct([open_source(path)], method, output, advance, kept=kept, go_on=go_on)
        if not outcome.missing:
            kept.remove()
    return outcome


@pytest.fixture
def events(tmp_path):
    """30 events, of which 4 have no pulses."""
    return written(tmp_path / "events.parquet", SIZES * 2)


@pytest.fixture
def interrupted(events, tmp_path):
    """The file of an output that was interrupted after 20 of 30 events."""
    with pytest.raises(StopHereError):
        reconstructed(events, tmp_path / "out.parquet", Counting().method(), stop_after=20)
    assert not (tmp_path / "out.parquet").exists()
    return tmp_path / "out.parquet"


def test_what_was_done_is_not_done_again_and_the_bytes_are_those_of_one_start(events, interrupted, tmp_path):
    again = Counting()
    outcome = reconstructed(events, interrupted, again.method())
    whole = reconstructed(events, tmp_path / "whole.parquet", Counting().method())
    assert (outcome.kept, outcome.events, whole.kept) == (20, 30, 0)
    assert again.batches == 2
    assert interrupted.read_bytes() == (tmp_path / "whole.parquet").read_bytes()
    for name in ("without_pulses", "without_direction", "error", "comparison_errors"):
        assert getattr(outcome, name) == getattr(whole, name)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "events.parquet",
        "out.parquet",
        "whole.parquet",
    ]


@pytest.mark.parametrize("change", ["model", "events", "one event", "damage", "code"])
def test_nothing_of_another_model_or_of_other_events_is_taken(events, interrupted, change, monkeypatch):
    facts = {"checkpoint_sha256": "other"} if change == "model" else {}
    if change == "events":
        written(events, SIZES * 2, seed=4)
    elif change == "one event":  # of the third batch of four
        charge = events_of(SIZES * 2)["charge"].to_pylist()
        charge[13][0] *= 1.001
        written(events, SIZES * 2, charge=charge)
    elif change == "damage":
        for file in interrupted.with_name(".out.parquet.unfinished").iterdir():
            file.write_bytes(file.read_bytes()[:-1] + b"?")
    elif change == "code":
        monkeypatch.setattr(keeping, "code_of_all_components", lambda: "other")
    outcome = reconstructed(events, interrupted, Counting().method(**facts))
    assert outcome.kept == (15 if change == "one event" else 0)
    run([events], Counting().method(), interrupted.with_name("whole.parquet"))
    assert interrupted.read_bytes() == interrupted.with_name("whole.parquet").read_bytes()


def test_events_that_fail_are_named_and_tried_again_while_the_others_are_kept(events, tmp_path):
    out = tmp_path / "out.parquet"
    outcome = reconstructed(events, out, Counting(refused=(2, 4)).method())
    ids = pq.read_table(events)["event_id"].to_pylist()
    assert [(one.events, one.first_event_id, one.last_event_id) for one in outcome.missing] == [
        (5, ids[5], ids[9]),
        (5, ids[15], ids[19]),
    ]
    assert str(outcome.missing[0].message) == (
        f"{events}: 5 events, event_id {ids[5]} to {ids[9]}: no fit today"
    )
    assert pq.read_table(out)["event_id"].to_pylist() == ids[:5] + ids[10:15] + ids[20:]
    again = Counting()
    assert reconstructed(events, out, again.method()).kept == 20
    assert again.batches == 2
    assert pq.read_table(out)["event_id"].to_pylist() == ids


def test_where_nothing_succeeds_nothing_is_written(events, tmp_path):
    with pytest.raises(IcerecoError, match="6 parts of the events cannot be reconstructed"):
        reconstructed(events, tmp_path / "out.parquet", Counting(refused=range(10)).method())
    with pytest.raises(IcerecoError, match="no fit today"):
        reconstructed(events, tmp_path / "out.parquet", Counting(refused=(3,)).method(), go_on=False)
    assert not (tmp_path / "out.parquet").exists()


def test_work_of_seconds_leaves_nothing_when_it_is_interrupted(events, tmp_path, monkeypatch):
    monkeypatch.setattr("icereco.system.work.kept.SAVE_SECONDS", 5.0)
    with pytest.raises(StopHereError):
        reconstructed(events, tmp_path / "out.parquet", Counting().method(), stop_after=20)
    assert [path.name for path in tmp_path.iterdir()] == ["events.parquet"]


def test_a_place_that_cannot_be_written_to_ends_no_work(events, tmp_path, caplog):
    (tmp_path / ".out.parquet.unfinished").write_text("mine")
    assert reconstructed(events, tmp_path / "out.parquet", Counting().method()).events == 30
    (message,) = (record.getMessage() for record in caplog.records)
    assert "cannot be kept for another start" in message


@pytest.mark.parametrize("form", ["parquet", "kaggle"])
def test_the_command_says_what_is_missing_and_how_to_go_on(events, tmp_path, invoke, form):
    good, bad = written(tmp_path / "good.parquet", SIZES, 10**6), tmp_path / "bad.parquet"
    charge = [np.ones(size) for size in SIZES]
    charge[3][0] = np.nan
    written(bad, SIZES, charge=charge)
    out = tmp_path / "out.csv"
    done = invoke(
        "reconstruct", events, bad, good, "--method", "linefit", "-o", out, "--format",
        {"parquet": "csv"}.get(form, form),
    )  # fmt: skip
    assert done.exit_code == 2
    said = " ".join(done.stderr.split())
    assert f"{bad}: row 3, event_id 121: charge[0] is nan" in said
    if form == "kaggle":
        assert f"{out} is not written" in said
        assert not out.exists()
        return
    assert f"{out} lacks 15 events, listed in {out}.missing.jsonl" in said
    (row,) = map(json.loads, (tmp_path / "out.csv.missing.jsonl").read_text().splitlines())
    assert (row["file"], row["events"]) == (str(bad), 15)
    assert len(out.read_text().splitlines()) == 1 + 30 + 15
    again = invoke("reconstruct", events, good, "--method", "linefit", "-o", out)
    assert again.exit_code == 0
    assert not (tmp_path / "out.csv.missing.jsonl").exists()


@pytest.mark.parametrize("more", [[], ["--workers", "2"]], ids=["one process", "two workers"])
def test_a_command_that_is_killed_in_the_middle_goes_on(tmp_path, invoke, more):
    written(tmp_path / "events.parquet", SIZES * 400)
    (tmp_path / "slow.py").write_text(SLOW)
    words = ["reconstruct", "events.parquet", "--method", "linefit", "-o", "out.parquet", *more]
    process = subprocess.Popen([sys.executable, "slow.py", *words], cwd=tmp_path, stderr=subprocess.DEVNULL)
    folder = tmp_path / ".out.parquet.unfinished"
    while len(list(folder.glob("*.pieces"))) < 2 and process.poll() is None:
        time.sleep(0.01)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert not (tmp_path / "out.parquet").exists()
    done = json.loads(invoke(*words, "--json").stdout)
    assert done["kept"] >= 2 * 1024
    assert done["events"] == 400 * len(SIZES)
    run([tmp_path / "events.parquet"], Counting().fit, tmp_path / "whole.parquet")
    whole, made = (pq.read_table(tmp_path / name) for name in ("whole.parquet", "out.parquet"))
    assert made.equals(whole)
    names = {"events.parquet", "slow.py", "out.parquet", "whole.parquet"}
    assert {path.name for path in tmp_path.iterdir()} == names
