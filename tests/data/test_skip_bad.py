"""`--skip-bad`: what is bad is left out and listed, and everything else is as it was."""

import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from icereco.cli import main as program
from icereco.data.sources.skip_bad import skip_bad
from icereco.data.sources.source import open_source
from icereco.data.store.prepare import prepare
from icereco.errors import IcerecoError
from icereco.tables.validation import BadEventError
from icereco.testing.random_events import random_events


@pytest.fixture
def rows() -> list[dict]:
    return random_events(np.full(3_000, 4), seed=1).to_pylist()


SCHEMA = random_events(np.zeros(0, int)).schema


def written(path: Path, rows: list[dict]) -> Path:
    path.parent.mkdir(exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), path, row_group_size=500, compression="none")
    return path


def ids(source, detector, rows: int = 4096) -> list[int]:
    return [
        value for batch in source.checked(detector, rows) for value in batch.column("event_id").to_pylist()
    ]


def spoil(rows: list[dict]) -> dict[int, str]:
    """Some events made bad; row to what is said of it."""
    rows[7]["time"][2] = float("nan")
    rows[8]["charge"][0] = -1.0
    rows[1_500]["sensor_id"][1] = 9_999
    rows[1_501]["charge"] = [1.0]
    rows[2_000]["event_id"] = rows[3]["event_id"]
    rows[2_999]["sensor_id"] = None
    return {
        7: "time[2] is nan", 8: "charge[0] is -1", 1_500: "sensor_id[1] is 9999", 1_501: "lists of different length",
        2_000: "occurs more than once", 2_999: "sensor_id is null",
    }  # fmt: skip


def test_bad_events_are_left_out_and_listed(tmp_path, rows, detector):
    expected = spoil(rows)
    source = open_source(written(tmp_path / "events.parquet", rows))
    kept, skipped = skip_bad(source, detector)
    assert [(one.row, one.event_id) for one in skipped] == [(row, rows[row]["event_id"]) for row in expected]
    assert all(expected[one.row] in one.reason for one in skipped)
    good = [row["event_id"] for number, row in enumerate(rows) if number not in expected]
    assert ids(kept, detector) == ids(kept, detector, 7) == good
    assert kept.count() == len(good)
    assert kept.fingerprint() != source.fingerprint()


def test_a_damaged_file_is_cut_where_it_fails_and_the_others_are_read(tmp_path, rows, detector):
    folder = tmp_path / "data"
    for number, start in enumerate((0, 1_000, 2_000)):
        written(folder / f"{number}.parquet", rows[start : start + 1_000])
    path = folder / "1.parquet"
    whole = bytearray(path.read_bytes())
    group = pq.read_metadata(path).row_group(1).column(1)
    start = group.data_page_offset
    whole[start : start + 40] = b"\xff" * 40
    path.write_bytes(whole)
    (folder / "0.parquet").write_bytes(b"PAR1" + b"\0" * 50)
    kept, skipped = skip_bad(open_source(folder), detector)
    assert [(Path(one.file).name, one.rest) for one in skipped] == [("0.parquet", True), ("1.parquet", True)]
    cut = skipped[1].row
    assert ids(kept, detector, 300) == [row["event_id"] for row in rows[1_000 : 1_000 + cut] + rows[2_000:]]
    store = prepare(kept, detector, tmp_path / "store")
    assert len(store) == kept.count() == cut + 1_000


def test_nothing_bad_changes_nothing(tmp_path, rows, detector):
    source = open_source(written(tmp_path / "events.parquet", rows[:50]))
    kept, skipped = skip_bad(source, detector)
    assert replace(kept, reported=False) == source
    assert skipped == []


def test_events_without_truth_are_bad_only_for_training(tmp_path, rows, detector):
    rows[4]["zenith"] = None
    source = open_source(written(tmp_path / "events.parquet", rows[:50]))
    assert skip_bad(source, detector)[1] == []
    (one,) = skip_bad(source, detector, need_truth=True)[1]
    assert (one.row, one.event_id) == (4, rows[4]["event_id"])


def test_a_source_with_only_bad_events_is_an_error(tmp_path, rows, detector):
    for row in rows[:20]:
        row["time"][0] = float("inf")
    source = open_source(written(tmp_path / "events.parquet", rows[:20]))
    with pytest.raises(
        IcerecoError, match=r"without its bad events nothing is left, the first because: time\[0\] is inf"
    ):
        skip_bad(source, detector)


def test_reconstruct_lists_what_it_skipped(tmp_path, rows):
    expected = spoil(rows)
    path, out = written(tmp_path / "events.parquet", rows), tmp_path / "out.parquet"
    arguments = ["reconstruct", str(path), "--method", "linefit", "-o", str(out)]
    refused = CliRunner().invoke(program, arguments)
    assert refused.exit_code == 2
    assert not out.exists()
    done = CliRunner().invoke(program, [*arguments, "--skip-bad"])
    assert done.exit_code == 0, done.output
    assert pq.read_metadata(out).num_rows == len(rows) - len(expected)
    listed = [json.loads(line) for line in (tmp_path / "out.parquet.skipped.jsonl").read_text().splitlines()]
    assert [one["row"] for one in listed] == list(expected)
    assert listed[0]["file"] == str(path)


def test_errors_of_events_travel_between_processes():
    error = BadEventError("here: row 1, event_id 5", 5, "bad")
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.event_id, again.problem) == (str(error), 5, "bad")
