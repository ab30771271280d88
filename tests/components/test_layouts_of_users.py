"""Files that are nearly of a known layout, as users have them: what is known of them is read, or the message says what to do."""

import json
import sqlite3
from contextlib import closing

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from icereco.cli import main
from icereco.data.sources.source import open_source
from icereco.detector.detector import load_detector
from icereco.errors import IcerecoError
from icereco.tables.schema import PULSE_COLUMNS
from icereco.testing.random_events import random_events

COUNTS = np.array([12, 3, 40, 7, 5, 20])


@pytest.fixture
def events():
    return random_events(COUNTS, seed=5)


def read(path, detector, reader=None):
    batches = [
        batch.replace_schema_metadata(None) for batch in open_source(path, reader).checked(detector, 4)
    ]
    return pa.Table.from_batches(batches)


def pulse_rows(events):
    """The pulses of events, a row each, and the row of the event of each."""
    owner = np.repeat(np.arange(len(COUNTS)), COUNTS)
    columns = {name: events[name].combine_chunks().flatten() for name in PULSE_COLUMNS}
    return pa.table({"event_id": events["event_id"].take(owner), **columns}), owner


def graphnet_pulses(events, detector):
    rows, owner = pulse_rows(events)
    place = detector.position_m[rows["sensor_id"].to_numpy()].T.astype(np.float64)
    columns = dict(zip(("dom_x", "dom_y", "dom_z"), place, strict=True))
    columns |= {"dom_time": rows["time"], "charge": rows["charge"]}
    columns["hlc"] = pa.array(1 - rows["auxiliary"].to_numpy(zero_copy_only=False).astype(np.int64))
    return pa.table({"event_no": owner, **columns})


def graphnet_truth(events):
    columns = events.select(["azimuth", "zenith", "energy"])
    return columns.add_column(0, "event_no", pa.array(np.arange(len(COUNTS))))


def database(path, **tables):
    with closing(sqlite3.connect(path)) as opened, opened:
        for name, table in tables.items():
            opened.execute(f"CREATE TABLE {name} ({', '.join(table.column_names)})")
            marks = ", ".join("?" * table.num_columns)
            opened.executemany(
                f"INSERT INTO {name} VALUES ({marks})", [list(row.values()) for row in table.to_pylist()]
            )
    return path


def same_pulses(found, events):
    for name in PULSE_COLUMNS:
        assert found[name].to_pylist() == events[name].to_pylist()


def test_truth_in_the_rows_of_pulses_is_truth(tmp_path, detector, events):
    rows, owner = pulse_rows(events)
    for name, column in {
        "azimuth": "azimuth",
        "zenith": "zenith",
        "energy_gev": "energy",
        "kind": "kind",
    }.items():
        rows = rows.append_column(name, events[column].take(owner))
    pq.write_table(rows, tmp_path / "long.parquet", row_group_size=7)
    found = read(tmp_path / "long.parquet", detector)
    same_pulses(found, events)
    for name in ("azimuth", "zenith", "energy", "kind"):
        assert found[name].to_pylist() == events[name].to_pylist()


def test_truth_that_differs_within_an_event_is_refused(tmp_path, detector, events):
    rows, owner = pulse_rows(events)
    zenith = events["zenith"].take(owner).to_numpy().copy()
    zenith[14] += 0.1  # the third pulse of the second event
    rows = rows.append_column("zenith", pa.array(zenith)).append_column(
        "azimuth", events["azimuth"].take(owner)
    )
    pq.write_table(rows, tmp_path / "long.parquet")
    with pytest.raises(IcerecoError, match=rf"row 14, event_id {events['event_id'][1]}: zenith differs"):
        read(tmp_path / "long.parquet", detector)


def test_a_range_index_of_pandas_is_the_event_id(tmp_path, detector, events):
    index = {"kind": "range", "name": "event_id", "start": 30, "stop": 60, "step": 5}
    table = events.drop_columns(["event_id"])
    described = {b"pandas": json.dumps({"index_columns": [index]}).encode()}
    pq.write_table(table.replace_schema_metadata(described), tmp_path / "events.parquet")
    found = read(tmp_path / "events.parquet", detector)
    assert found["event_id"].to_pylist() == [30, 35, 40, 45, 50, 55]
    same_pulses(found, events)


def test_a_list_that_is_not_of_pulses_is_left_out_as_the_message_says(tmp_path, detector, events):
    states = pa.array([[1.0, 2.0]] * len(COUNTS))
    pq.write_table(events.append_column("final_state", states), tmp_path / "events.parquet")
    with pytest.raises(IcerecoError, match="--reader icereco:without=final_state"):
        read(tmp_path / "events.parquet", detector)
    found = read(tmp_path / "events.parquet", detector, "icereco:without=final_state")
    assert "final_state" not in found.column_names
    same_pulses(found, events)


def kaggle_database(path, events, detector):
    rows, owner = pulse_rows(events)
    place = detector.position_m[rows["sensor_id"].to_numpy()].T.astype(np.float64)
    rows = rows.set_column(0, "event_id", pa.array(owner))
    for axis, column in zip("xyz", place, strict=True):
        rows = rows.append_column(axis, pa.array(column))
    at = rows.column_names.index("auxiliary")
    rows = rows.set_column(at, "auxiliary", rows["auxiliary"].cast(pa.int64()))
    meta = (
        graphnet_truth(events)
        .select(["event_no", "azimuth", "zenith"])
        .rename_columns(["event_id", "azimuth", "zenith"])
    )
    return database(path, meta_table=meta, pulse_table=rows)


def test_a_database_of_the_competition_made_by_graphnets_notebooks_is_read(tmp_path, detector, events):
    found = read(kaggle_database(tmp_path / "batch_1.db", events, detector), detector)
    assert found["event_id"].to_pylist() == list(range(len(COUNTS)))
    same_pulses(found, events)
    np.testing.assert_allclose(found["azimuth"], events["azimuth"], atol=1e-12)


def test_a_database_without_truth_has_each_event_once(tmp_path, detector, events, caplog):
    path = database(tmp_path / "real.db", SplitInIcePulses=graphnet_pulses(events, detector))
    assert open_source(path).count() == len(COUNTS)
    found = read(path, detector)
    same_pulses(found, events)
    assert "azimuth" not in found.column_names


def test_pulse_maps_are_joined(tmp_path, detector, events):
    pulses = graphnet_pulses(events, detector)
    first = np.arange(pulses.num_rows) % 3 == 0
    tables = {"Pulses_A": pulses.filter(pa.array(first)), "Pulses_B": pulses.filter(pa.array(~first))}
    path = database(tmp_path / "two.db", truth=graphnet_truth(events), **tables)
    found = read(path, detector, "graphnet-sqlite:pulse_map=Pulses_A+Pulses_B")
    assert [len(row) for row in found["time"].to_pylist()] == COUNTS.tolist()
    assert list(map(sorted, found["time"].to_pylist())) == list(map(sorted, events["time"].to_pylist()))
    with pytest.raises(IcerecoError, match="did you mean 'Pulses_B'"):
        read(path, detector, "graphnet-sqlite:pulse_map=Pulses_A+Pulses_C")


def test_a_database_in_wal_mode_is_read_without_writing_beside_it(tmp_path, detector, events):
    path = database(
        tmp_path / "wal.db", Pulses=graphnet_pulses(events, detector), truth=graphnet_truth(events)
    )
    with closing(sqlite3.connect(path)) as opened:
        opened.execute("PRAGMA journal_mode = WAL")
    before = sorted(one.name for one in tmp_path.iterdir())
    reading = open_source(path).checked(detector, 2)
    next(reading)
    assert sorted(one.name for one in tmp_path.iterdir()) == before == ["wal.db"]
    reading.close()
    same_pulses(read(path, detector), events)


def test_what_a_wal_holds_is_read(tmp_path, detector, events):
    path = database(tmp_path / "wal.db", Pulses=graphnet_pulses(events, detector))
    with closing(sqlite3.connect(path)) as opened:
        opened.execute("PRAGMA journal_mode = WAL")
        opened.execute("DELETE FROM Pulses WHERE event_no > 2")
        opened.commit()
        assert open_source(path).count() == 3


def test_truth_and_pulses_that_are_cut_differently_are_joined(tmp_path, detector, events):
    pulses, half = graphnet_pulses(events, detector), int(COUNTS[:3].sum())
    for table in ("SRTInIcePulses", "truth"):
        (tmp_path / "merged" / table).mkdir(parents=True)
    for number, part in enumerate((pulses.slice(0, half), pulses.slice(half))):
        pq.write_table(part, tmp_path / "merged" / "SRTInIcePulses" / f"SRTInIcePulses_{number}.parquet")
    pq.write_table(graphnet_truth(events), tmp_path / "merged" / "truth" / "truth_0.parquet")
    found = read(tmp_path, detector)
    assert found["event_id"].to_pylist() == list(range(len(COUNTS)))
    same_pulses(found, events)
    assert found["zenith"].to_pylist() == events["zenith"].to_pylist()


@pytest.mark.parametrize(
    ("place", "reader"),
    [
        ("train/meta_1.parquet", None),
        ("train/truth.parquet", "kaggle:meta=truth.parquet"),
        ("m.parquet", "kaggle:meta=m.parquet"),
    ],
)
def test_a_meta_table_of_another_name_is_used(tmp_path, detector, events, place, reader):
    rows, _ = pulse_rows(events)
    (tmp_path / "train").mkdir()
    pq.write_table(rows, tmp_path / "train" / "batch_1.parquet")
    end = np.cumsum(COUNTS)
    meta = events.select(["event_id", "azimuth", "zenith"])
    columns = {
        "batch_id": np.ones(len(COUNTS), np.int64),
        "first_pulse_index": end - COUNTS,
        "last_pulse_index": end - 1,
    }
    for name, column in columns.items():
        meta = meta.append_column(name, pa.array(column))
    pq.write_table(meta, tmp_path / place)
    assert read(tmp_path, detector, reader)["zenith"].to_pylist() == events["zenith"].to_pylist()


def test_a_batch_without_a_meta_table_says_that_there_is_no_truth(tmp_path, detector, events, caplog):
    rows, _ = pulse_rows(events)
    pq.write_table(rows, tmp_path / "batch_1.parquet")
    with caplog.at_level("INFO", "icereco"):
        read(tmp_path / "batch_1.parquet", detector)
    assert "has no meta table" in caplog.text
    assert "--reader kaggle:meta=" in caplog.text


def test_the_detector_whose_sensors_a_file_names_is_used_and_reported(tmp_path, events):
    orca = load_detector("orca")
    few = random_events(COUNTS, seed=5, sensors=len(orca.position_m))
    path = database(tmp_path / "orca.db", Pulses=graphnet_pulses(few, orca), truth=graphnet_truth(few))
    shown = CliRunner().invoke(main, ["data", "show", str(path), "--json"])
    assert shown.exit_code == 0, shown.output
    assert json.loads(shown.stdout)["detector"] == "orca"
    assert "is of the detector orca" in shown.stderr
    out = tmp_path / "out.parquet"
    fitted = CliRunner().invoke(main, ["reconstruct", str(path), "--method", "linefit", "-o", str(out)])
    assert fitted.exit_code == 0, fitted.output
    assert pq.read_table(out).num_rows == len(COUNTS)


def test_a_bad_event_does_not_hide_of_which_detector_a_file_is(tmp_path, events):
    orca = load_detector("orca")
    few = random_events(COUNTS, seed=5, sensors=len(orca.position_m))
    pulses = graphnet_pulses(few, orca)
    endless = pa.array([np.inf, *pulses["dom_time"].to_pylist()[1:]])
    pulses = pulses.set_column(pulses.column_names.index("dom_time"), "dom_time", endless)
    path = database(tmp_path / "orca.db", Pulses=pulses, truth=graphnet_truth(few))
    out = ["-o", str(tmp_path / "out.parquet")]
    refused = CliRunner().invoke(main, ["reconstruct", str(path), "--method", "linefit", *out])
    assert "is of the detector orca" in refused.output
    assert "time[0] is inf" in refused.output + str(refused.exception)
