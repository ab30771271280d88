"""Converting by several processes: the same files as of one, and what is killed goes on."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from icereco.data.sources.source import open_source
from icereco.data.write import convert as converting
from icereco.data.write.convert import Conversion, convert
from icereco.errors import IcerecoError
from icereco.system.work.processes import LocalProcesses
from icereco.testing.random_events import random_events


@pytest.fixture(autouse=True)
def same_provenance(monkeypatch):
    """Without the time, which is not the same."""
    monkeypatch.setattr(converting, "provenance", lambda **facts: facts)


@pytest.fixture
def events(tmp_path, event_table):
    """A folder with four files of 75 events."""
    folder = tmp_path / "events"
    folder.mkdir()
    for number in range(4):
        pq.write_table(event_table.slice(75 * number, 75), folder / f"part_{number}.parquet")
    return folder


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def conversion(events, detector, tmp_path):
    def make(name="out", layout="icereco", events_per_file=40, path=events):
        return Conversion(open_source(path), detector, tmp_path / name, layout, events_per_file)

    return make


@pytest.mark.parametrize("layout", ["icereco", "kaggle"])
def test_the_files_are_those_of_one_process(conversion, tmp_path, layout):
    done = []
    outcome = convert(conversion("two", layout), done.append, LocalProcesses(2))
    assert outcome == convert(conversion("one", layout))
    assert (outcome.events, outcome.files, sum(done)) == (300, 8, 300)
    assert contents(tmp_path / "two") == contents(tmp_path / "one")


@pytest.mark.parametrize("layout", ["icereco", "kaggle"])
def test_files_after_a_gap_are_kept(conversion, tmp_path, layout, monkeypatch):
    convert(conversion("one", layout))
    check = converting._require_unique
    monkeypatch.setattr(converting, "_require_unique", refuse)  # before the end
    with pytest.raises(IcerecoError, match="no time"):
        convert(conversion("two", layout), executor=LocalProcesses(1))
    monkeypatch.setattr(converting, "_require_unique", check)
    name = "events-{:05d}.parquet" if layout == "icereco" else "train/batch_{}.parquet"
    last = tmp_path / "two" / name.format(7)
    written = last.stat().st_mtime_ns
    for number in (2, 3):
        (tmp_path / "two" / name.format(number)).unlink()
    outcome = convert(conversion("two", layout), executor=LocalProcesses(1))
    assert (outcome.events, outcome.kept) == (300, 220)
    assert last.stat().st_mtime_ns == written
    one, two = contents(tmp_path / "one"), contents(tmp_path / "two")
    del one[Path(".conversion.json")], two[Path(".conversion.json")]  # has what was kept
    assert one == two


def refuse(*_):
    raise IcerecoError("no time")


def test_a_file_that_cannot_be_converted_is_named_and_the_others_are(events, conversion, tmp_path):
    rows = pq.read_table(events / "part_1.parquet")
    charge = rows["charge"].to_pylist()
    charge[50][0] = float("nan")
    place = rows.schema.get_field_index("charge")
    spoiled = rows.set_column(place, "charge", pa.array(charge, rows["charge"].type))
    pq.write_table(spoiled, events / "part_1.parquet")
    with pytest.raises(IcerecoError, match=r"part_1\.parquet: row 50, .*charge\[0\] is nan"):
        convert(conversion(), executor=LocalProcesses(2))
    written = sorted(path.name for path in (tmp_path / "out").glob("*.parquet"))
    assert written == [f"events-{number:05d}.parquet" for number in range(8) if number != 3]


def test_an_event_id_that_two_files_have_is_found_and_no_file_with_it_stays(events, conversion, tmp_path):
    pq.write_table(pq.read_table(events / "part_0.parquet").slice(0, 3), events / "part_9.parquet")
    with pytest.raises(IcerecoError, match=r"part_9\.parquet: row 0, .*occurs more than once"):
        convert(conversion(), executor=LocalProcesses(2))
    assert len(list((tmp_path / "out").glob("*.parquet"))) == 7


def test_a_long_file_is_converted_by_one_process(tmp_path, conversion, event_table, caplog):
    pq.write_table(event_table, tmp_path / "long.parquet")
    with caplog.at_level("INFO", "icereco"):
        outcome = convert(conversion(path=tmp_path / "long.parquet"), executor=None)
        assert "alone" not in caplog.text
        other = convert(conversion("two", path=tmp_path / "long.parquet"), executor=LocalProcesses(2))
    assert outcome == other
    assert "this process converts them alone" in caplog.text


def test_columns_that_one_file_lacks_are_named(events, conversion):
    rows = pq.read_table(events / "part_3.parquet")
    pq.write_table(rows.append_column("tot", rows["charge"]), events / "part_3.parquet")
    with pytest.raises(IcerecoError, match=r"part_3\.parquet: differs in columns \(tot\)"):
        convert(conversion(), executor=LocalProcesses(2))


def test_a_command_that_is_killed_with_its_workers_goes_on(tmp_path, detector):
    """Files of many events, so that it is killed in the middle."""
    folder = tmp_path / "events"
    folder.mkdir()
    for number in range(12):
        table = random_events(np.full(1500, 40), seed=number)
        ids = pa.array(np.arange(1500) + 2000 * number)
        table = table.set_column(table.schema.get_field_index("event_id"), "event_id", ids)
        pq.write_table(table, folder / f"part_{number:02d}.parquet")
    words = ["data", "convert", "events", "out", "--events-per-file", "1500", "--workers", "2"]
    command = [sys.executable, "-m", "icereco", *words]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, start_new_session=True)
    while len(list((tmp_path / "out").glob("*.parquet"))) < 2 and process.poll() is None:
        time.sleep(0.01)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    outcome = convert(
        Conversion(open_source(folder), detector, tmp_path / "out", events_per_file=1500),
        executor=LocalProcesses(1),
    )
    assert outcome.events == 18_000
    assert outcome.kept >= 3000
    found, given = (
        pa.Table.from_batches(open_source(path).batches(detector)) for path in (tmp_path / "out", folder)
    )
    assert found.replace_schema_metadata(None).equals(given.replace_schema_metadata(None))
    assert not list((tmp_path / "out").glob(".*.partial"))
