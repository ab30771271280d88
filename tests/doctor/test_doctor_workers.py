"""The doctor by several processes says what it says by one."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from icereco.cli import main
from icereco.data.sources.source import open_source
from icereco.doctor import files
from icereco.doctor.examine import examine
from icereco.doctor.files import FileWork
from icereco.doctor.sample import take_sample
from icereco.system.work.processes import LocalProcesses
from icereco.testing.random_events import random_events


@pytest.fixture
def folder(tmp_path):
    """Ten files of 40 events, of which the last repeats ids of the first."""
    place = tmp_path / "data"
    place.mkdir()
    for number in range(10):
        table = random_events(np.full(40, 12), seed=number)
        ids = pa.array(np.arange(40) + 100 * (number % 9))
        pq.write_table(
            table.set_column(table.schema.get_field_index("event_id"), "event_id", ids),
            place / f"part_{number}.parquet",
        )
    return place


@pytest.mark.parametrize("events", [1000, 100])
def test_the_same_events_are_examined_with_the_same_findings(folder, detector, events):
    told = []
    work = FileWork(LocalProcesses(2), lambda *it: told.append(it))
    one, two = (take_sample(open_source(folder), detector, events, by) for by in (None, work))
    assert two.table.equals(one.table)
    assert (two.total, len(two)) == (400, {1000: 400, 100: 100}[events])
    assert examine(two, work) == examine(one)
    assert ("counting", 10, 10) in told
    assert told[-1][1] == told[-1][2]


@pytest.mark.parametrize("limit", [10_000_000, 700])
def test_a_damaged_file_and_a_limit_of_pulses_end_the_reading_at_the_same_event(
    folder, detector, monkeypatch, limit
):
    monkeypatch.setattr(files, "_MOST_PULSES", limit)
    monkeypatch.setattr(files, "_ROWS_AT_ONCE", 16)
    rows = pq.read_table(folder / "part_4.parquet")
    charge = rows["charge"].to_pylist()
    charge[20] = charge[20][:-1]
    place = rows.schema.get_field_index("charge")
    pq.write_table(
        rows.set_column(place, "charge", pa.array(charge, rows["charge"].type)), folder / "part_4.parquet"
    )
    work = FileWork(LocalProcesses(1))  # with the limit that was set here
    one, two = (take_sample(open_source(folder), detector, 1000, by) for by in (None, work))
    assert two.table.equals(one.table)
    assert str(two.problem) == str(one.problem)
    assert ("part_4.parquet: row 20" in str(one.problem)) == (limit > 700)


def test_the_command_says_the_same(folder):
    words = ["doctor", str(folder), "--no-speed", "--json"]
    one, two = (CliRunner().invoke(main, [*words, *some]) for some in ([], ["--workers", "2"]))
    assert one.exit_code == two.exit_code == 1
    assert json.loads(one.stdout) == json.loads(two.stdout)
    assert "event ids occur more than once" in one.stdout
