"""Bad data: each case gives one message that says what, where, and what was allowed."""

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from icereco.data.sources.source import open_source
from icereco.data.store.prepare import prepare
from icereco.errors import IcerecoError
from icereco.testing.random_events import random_events


@pytest.fixture
def rows() -> list[dict]:
    return random_events(np.full(40, 6), seed=1).to_pylist()


def complaint(path: Path, detector, **options) -> str:
    with pytest.raises(IcerecoError) as caught:
        for _ in open_source(path).checked(detector, rows=16, **options):
            pass
    return str(caught.value)


def written(tmp_path: Path, rows: list[dict]) -> Path:
    path = tmp_path / "events.parquet"
    table = random_events(np.zeros(0, int))
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)
    return path


BAD_PULSES = {
    "NaN time": ("time", float("nan"), r"time\[4\] is nan: not finite"),
    "infinite time": ("time", float("inf"), r"time\[4\] is inf: not finite"),
    "NaN charge": ("charge", float("nan"), r"charge\[4\] is nan: not finite"),
    "infinite charge": ("charge", float("-inf"), r"charge\[4\] is -inf: not finite"),
    "negative charge": ("charge", -0.5, r"charge\[4\] is -0.5: negative charge; allowed: ≥ 0"),
    "sensor too large": ("sensor_id", 5160, r"sensor_id\[4\] is 5160: outside icecube86; allowed: 0 to 5159"),
    "negative sensor": ("sensor_id", -1, r"sensor_id\[4\] is -1: outside icecube86"),
    "null time": ("time", None, r"time has a null among its values"),
}


@pytest.mark.parametrize("case", BAD_PULSES)
def test_a_bad_pulse_is_named_with_file_row_and_event(tmp_path, rows, detector, case):
    name, value, message = BAD_PULSES[case]
    rows[33][name][4] = value
    error = complaint(written(tmp_path, rows), detector)
    assert re.search(rf"events.parquet: row 33, event_id {rows[33]['event_id']}: {message}", error), error


def test_a_bad_value_in_the_second_file_of_a_folder_names_that_file(tmp_path, rows, detector):
    rows[33]["charge"][0] = -1.0
    for name, part in (("a", rows[:20]), ("b", rows[20:])):
        written(tmp_path, part).rename(tmp_path / f"{name}.parquet")
    assert f"b.parquet: row 13, event_id {rows[33]['event_id']}" in complaint(tmp_path, detector)


def test_lists_of_different_length_are_refused(tmp_path, rows, detector):
    rows[20]["charge"].append(1.0)
    error = complaint(written(tmp_path, rows), detector)
    assert f"row 20, event_id {rows[20]['event_id']}: lists of different length" in error
    assert "sensor_id has 6 values, charge has 7" in error


def test_a_null_list_is_refused(tmp_path, rows, detector):
    rows[9]["sensor_id"] = None
    assert f"row 9, event_id {rows[9]['event_id']}: sensor_id is null" in complaint(
        written(tmp_path, rows), detector
    )


@pytest.mark.parametrize(("first", "second"), [(3, 4), (0, 39), (17, 30)])
def test_a_duplicate_event_id_is_refused_even_batches_apart(tmp_path, rows, detector, first, second):
    rows[second]["event_id"] = rows[first]["event_id"]
    error = complaint(written(tmp_path, rows), detector)
    assert f"row {second}, event_id {rows[first]['event_id']}: this event_id occurs more than once" in error


def test_the_same_id_in_two_files_that_are_read_together_is_refused_in_these_words(tmp_path, rows, detector):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        written(tmp_path / name, rows).rename(tmp_path / f"{name}.parquet")
        (tmp_path / name).rmdir()
    error = complaint(tmp_path, detector)
    assert "b.parquet: row 0" in error
    assert "unique in all files that are read together" in error


def test_unsorted_event_ids_are_fine_and_keep_their_order(tmp_path, rows, detector):
    path = written(tmp_path, rows[::-1])
    ids = [
        value
        for batch in open_source(path).checked(detector, 16)
        for value in batch.column("event_id").to_pylist()
    ]
    assert ids == [row["event_id"] for row in rows[::-1]]


def test_an_event_without_pulses_is_fine(tmp_path, rows, detector):
    for name in ("sensor_id", "time", "charge", "auxiliary"):
        rows[5][name] = []
    assert sum(batch.num_rows for batch in open_source(written(tmp_path, rows)).checked(detector)) == 40


def test_a_file_without_events_is_refused_where_events_are_needed(tmp_path, detector):
    path = written(tmp_path, [])
    assert open_source(path).count() == 0
    assert "holds no events" in complaint(path, detector)
    with pytest.raises(IcerecoError, match="holds no events"):
        prepare(open_source(path), detector, tmp_path / "store")
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("azimuth", 7.0, r"azimuth is 7; allowed: \[0, 2π\] rad"),
        ("zenith", -0.1, r"zenith is -0.1; allowed: \[0, π\] rad"),
        ("zenith", None, "zenith is unknown"),
    ],
)
def test_bad_truth_is_refused_where_truth_is_needed(tmp_path, rows, detector, column, value, message):
    rows[21][column] = value
    path = written(tmp_path, rows)
    pattern = f"row 21, event_id {rows[21]['event_id']}: {message}"
    assert re.search(pattern, complaint(path, detector, need_truth=True))
    with pytest.raises(IcerecoError, match=pattern):
        prepare(open_source(path), detector, tmp_path / "store").require_truth()
    assert sum(batch.num_rows for batch in open_source(path).checked(detector)) == 40


def test_absent_truth_is_refused_where_truth_is_needed(tmp_path, detector):
    path = tmp_path / "events.parquet"
    pq.write_table(random_events(np.full(3, 5), truth=False), path)
    error = complaint(path, detector, need_truth=True)
    assert "truth is needed here: columns azimuth (rad), zenith (rad) missing; found: event_id" in error


def refused(path: Path) -> str:
    with pytest.raises(IcerecoError) as caught:
        open_source(path)
    return str(caught.value)


def test_a_missing_file_names_the_nearest(tmp_path, rows):
    written(tmp_path, rows)
    assert refused(tmp_path / "event.parquet").endswith("did you mean 'events.parquet'?")
    assert f"nor is there a folder {tmp_path / 'nowhere'}" in refused(tmp_path / "nowhere" / "events.parquet")


@pytest.mark.parametrize("kept", [100, 3_000])
def test_a_truncated_file_is_called_truncated(tmp_path, rows, kept):
    path = written(tmp_path, rows)
    path.write_bytes(path.read_bytes()[:kept])
    assert "truncated or damaged" in refused(path)


def test_a_file_damaged_in_the_middle_is_an_error_of_that_file(tmp_path, rows, detector):
    path = written(tmp_path, rows)
    whole = bytearray(path.read_bytes())
    whole[4:1_200] = b"\xff" * 1_196
    path.write_bytes(whole)
    assert "events.parquet: cannot be read to its end" in complaint(path, detector)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x00\x01\x02\xff\xfe", "neither a parquet nor"),
        (b"root:x:0:0:root:/root:/bin/bash\n", "neither a parquet nor"),
    ],
)
def test_of_a_file_of_unknown_format_the_readers_say_what_they_need(tmp_path, content, words):
    path = tmp_path / "events.parquet"
    path.write_bytes(content)
    error = refused(path)
    assert words in error
    assert "icereco needs: one row per event" in error
    assert "kaggle needs:" in error


def test_missing_columns_name_what_is_needed_and_what_was_found(tmp_path, rows):
    path = written(tmp_path, rows)
    pq.write_table(pq.read_table(path).drop_columns(["charge"]), path)
    error = refused(path)
    assert "found: event_id (int64), sensor_id (list<" in error
    assert "lists sensor_id, time, charge, auxiliary" in error


def test_a_folder_without_tables_is_refused(tmp_path):
    (tmp_path / "readme.txt").write_text("nothing here")
    assert "it holds 1 files, none of them parquet or Arrow" in refused(tmp_path)


def test_an_unknown_reader_is_refused_with_the_nearest(tmp_path, rows):
    with pytest.raises(IcerecoError, match="did you mean 'kaggle'"):
        open_source(written(tmp_path, rows), "kagle")


def test_the_wrong_reader_is_refused(tmp_path, rows):
    with pytest.raises(IcerecoError, match="kaggle needs"):
        open_source(written(tmp_path, rows), "kaggle")


def kaggle_file(tmp_path: Path, event_ids: list[int], spans: list[tuple[int, int, int]]) -> Path:
    """A batch file with one pulse per given id, and a meta with (event_id, first, last) rows."""
    (tmp_path / "train").mkdir()
    count = len(event_ids)
    columns = {
        "sensor_id": [1] * count,
        "time": [1] * count,
        "charge": [1.0] * count,
        "auxiliary": [True] * count,
    }
    pq.write_table(pa.table({"event_id": event_ids, **columns}), tmp_path / "train" / "batch_1.parquet")
    names = ("event_id", "first_pulse_index", "last_pulse_index")
    meta = {name: list(values) for name, values in zip(names, zip(*spans, strict=True), strict=True)}
    pq.write_table(pa.table({"batch_id": [1] * len(spans), **meta}), tmp_path / "train_meta.parquet")
    return tmp_path


def test_kaggle_indices_read_as_exclusive_do_not_fit(tmp_path, detector):
    folder = kaggle_file(tmp_path, [5, 5, 6, 6], [(5, 0, 2), (6, 2, 3)])
    assert "gives event_id 5 a pulse of event_id 6" in complaint(folder, detector)


def test_kaggle_indices_beyond_the_file_are_refused(tmp_path, detector):
    folder = kaggle_file(tmp_path, [5, 5, 6], [(5, 0, 1), (6, 2, 9)])
    assert "event_id 6 the pulses 2 to 9 (inclusive), but the file has 3 pulses" in complaint(
        folder, detector
    )


def test_kaggle_pulses_not_sorted_by_event_are_refused(tmp_path, detector):
    folder = kaggle_file(tmp_path, [5, 6, 5], [(5, 0, 0)])
    (folder / "train_meta.parquet").unlink()
    assert "event_id 5: this event_id occurs more than once" in complaint(folder, detector)


def test_a_kaggle_meta_without_its_columns_is_refused(tmp_path, detector):
    folder = kaggle_file(tmp_path, [5], [(5, 0, 0)])
    meta = pq.read_table(folder / "train_meta.parquet").drop_columns(["last_pulse_index"])
    pq.write_table(meta, folder / "train_meta.parquet")
    assert "train_meta.parquet: column last_pulse_index missing; needed: batch_id" in complaint(
        folder, detector
    )
