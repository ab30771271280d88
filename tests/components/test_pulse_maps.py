"""Pulse maps of GraphNeT's files: one is chosen or several are joined, in every layout; and absolute times keep their digits."""

import sqlite3
from contextlib import closing

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from pyarrow import csv

from icereco.data.simulated import Simulation
from icereco.data.sources.source import open_source
from icereco.errors import IcerecoError
from icereco.plugins.discovery import registry
from icereco.testing.random_events import random_events

COUNTS = np.array([12, 3, 40, 7, 5, 20])
UTC_NS = 1_700_000_000_000_000_000
SURFACE_M = 1948.07


def read(path, detector, reader=None):
    batches = [
        batch.replace_schema_metadata(None) for batch in open_source(path, reader).checked(detector, 4)
    ]
    return pa.Table.from_batches(batches).combine_chunks()


def rows_of_pulses(events, detector, names, depth_m=0.0):
    """The pulses of events, a row each, in columns of the names of x, y, z, time and charge."""
    owner = np.repeat(np.arange(len(events)), pc.list_value_length(events["time"]))
    columns = {name: pc.list_flatten(events[name]) for name in ("sensor_id", "time", "charge")}
    place = detector.position_m[columns["sensor_id"].to_numpy()].astype(np.float64)
    place[:, 2] -= depth_m
    values = [*place.T, columns["time"].to_numpy(), columns["charge"].to_numpy().astype(np.float64)]
    return pa.table({"event_no": owner, **dict(zip(names, values, strict=True))})


ICECUBE = ("dom_x", "dom_y", "dom_z", "dom_time", "charge")
PROMETHEUS = ("sensor_pos_x", "sensor_pos_y", "sensor_pos_z", "t", "charge")


def truth_of(events):
    return events.select(["azimuth", "zenith", "energy"]).add_column(0, "event_no", [range(len(events))])


def write_database(path, **tables):
    with closing(sqlite3.connect(path)) as opened, opened:
        for name, table in tables.items():
            opened.execute(f"CREATE TABLE {name} ({', '.join(table.column_names)})")
            marks = ", ".join("?" * table.num_columns)
            rows = zip(*(table[column].to_pylist() for column in table.column_names), strict=True)
            opened.executemany(f"INSERT INTO {name} VALUES ({marks})", rows)
    return path


def write_folder(path, files=2, **tables):
    """A folder for each table, cut by event into files."""
    for name, table in tables.items():
        (path / name).mkdir(parents=True)
        part = table["event_no"].to_numpy() * files // len(COUNTS)
        for number in range(files):
            pq.write_table(table.filter(pa.array(part == number)), path / name / f"{name}_{number}.parquet")
    return path


def write_nested(path, **tables):
    """A struct for each table, with lists of pulses; all of them in a row for each event."""
    columns = {}
    for name, table in tables.items():
        event = table["event_no"].to_numpy()
        scalars = name == "truth"
        rows = []
        for number in range(len(COUNTS)):
            of_event = table.filter(pa.array(event == number))
            values = {column: of_event[column].to_pylist() for column in table.column_names}
            rows.append(
                {key: value[0] if scalars or key == "event_no" else value for key, value in values.items()}
                if of_event.num_rows
                else {"event_no": number, **{key: [] for key in table.column_names[1:]}}
            )
        columns[name] = pa.array(rows)
    pq.write_table(pa.table(columns), path)
    return path


def in_sqlite(folder, **tables):
    return write_database(folder / "events.db", **tables), "graphnet-sqlite"


def in_folder(folder, **tables):
    return write_folder(folder / "merged", **tables), "graphnet-parquet"


def in_nested(folder, **tables):
    return write_nested(folder / "events.parquet", **tables), "graphnet-parquet"


LAYOUTS = pytest.mark.parametrize("layout", [in_sqlite, in_folder, in_nested])


@pytest.fixture
def events():
    return random_events(COUNTS, seed=5)


@LAYOUTS
def test_pulse_maps_are_joined_in_their_order(tmp_path, detector, events, layout):
    pulses = rows_of_pulses(events, detector, ICECUBE)
    event = pulses["event_no"].to_numpy()
    first = (np.arange(pulses.num_rows) % 3 == 0) & (event != 2)  # event 2 is in the second map alone
    second = ~first & (event != 4)
    tables = {"A": pulses.filter(pa.array(first)), "B": pulses.filter(pa.array(second))}
    path, reader = layout(tmp_path, truth=truth_of(events), **tables)
    found = read(path, detector, f"{reader}:pulse_map=A+B")
    assert found["event_id"].to_pylist() == list(range(len(COUNTS)))
    assert found["zenith"].to_pylist() == events["zenith"].to_pylist()
    time = pulses["dom_time"].to_numpy()
    for number, times in enumerate(found["time"].to_pylist()):
        expected = [*time[first & (event == number)], *time[second & (event == number)]]
        assert times == expected
    alone = read(path, detector, f"{reader}:pulse_map=B")
    assert [len(times) for times in alone["time"].to_pylist()] == np.bincount(
        event[second], minlength=6
    ).tolist()


@LAYOUTS
def test_maps_that_cannot_be_joined_say_why(tmp_path, detector, events, layout):
    pulses = rows_of_pulses(events, detector, ICECUBE)
    tables = {"Pulses_A": pulses, "Pulses_B": pulses.drop_columns(["charge"])}
    path, reader = layout(tmp_path, truth=truth_of(events), **tables)
    for option, words in {
        "": f"several tables may be the pulse map: Pulses_A, Pulses_B.*--reader {reader}:pulse_map=Pulses_.\\+Pulses_.",
        ":pulse_map=Pulses_A+Pulses_C": "no pulse map 'Pulses_C'.*did you mean",
        ":pulse_map=Pulses_A+Pulses_A": "names a pulse map twice",
        ":pulse_map=Pulses_A+Pulses_B": "Pulses_A and Pulses_B cannot be joined: their columns",
    }.items():
        with pytest.raises(IcerecoError, match=words):
            read(path, detector, reader + option)


def test_maps_that_are_cut_differently_are_refused(tmp_path, detector, events):
    pulses = rows_of_pulses(events, detector, ICECUBE)
    folder = write_folder(tmp_path / "merged", truth=truth_of(events), A=pulses)
    write_folder(folder, files=3, B=pulses)
    with pytest.raises(IcerecoError, match="A and B cannot be joined: they are cut into files differently"):
        read(folder, detector, "graphnet-parquet:pulse_map=A+B")


def test_maps_without_truth_are_joined(tmp_path, detector, events):
    pulses = rows_of_pulses(events, detector, ICECUBE)
    odd = pulses["event_no"].to_numpy() % 2 == 1
    folder = write_folder(
        tmp_path / "merged", A=pulses.filter(pa.array(~odd)), B=pulses.filter(pa.array(odd))
    )
    found = read(folder, detector, "graphnet-parquet:pulse_map=A+B")
    counts = dict(zip(found["event_id"].to_pylist(), map(len, found["time"].to_pylist()), strict=True))
    assert counts == dict(enumerate(COUNTS.tolist()))


@LAYOUTS
@pytest.mark.parametrize("maps", ["A", "A+B"])
def test_absolute_times_of_whole_numbers_keep_their_digits(tmp_path, detector, events, layout, maps):
    pulses = rows_of_pulses(events, detector, ICECUBE)
    time = pulses["dom_time"].to_numpy().astype(np.int64)
    late = pulses.set_column(
        4, "dom_time", pa.array(time + UTC_NS + 1_000_003 * pulses["event_no"].to_numpy())
    )
    tables = {"A": late, "B": late.slice(0, 4)} if maps == "A+B" else {"A": late}
    path, reader = layout(tmp_path, truth=truth_of(events), **tables)
    found = read(path, detector, f"{reader}:pulse_map={maps}")
    for number, times in enumerate(found["time"].to_pylist()):
        own = time[pulses["event_no"].to_numpy() == number]
        assert times[: len(own)] == (own - own.min()).tolist()


@pytest.mark.parametrize("nested", [True, False])
def test_absolute_times_of_photons_keep_their_digits(tmp_path, detector, events, nested):
    pulses = rows_of_pulses(events, detector, PROMETHEUS)
    time, event = pulses["t"].to_numpy().astype(np.int64), pulses["event_no"].to_numpy()
    late = pulses.set_column(4, "t", pa.array(time + UTC_NS)).drop_columns(["charge"])
    if nested:
        path = write_nested(tmp_path / "photons.parquet", photons=late)
        table = pq.read_table(path)
        fields = [table["photons"].combine_chunks().field(name) for name in PROMETHEUS[:4]]
        pq.write_table(pa.table({"photons": pa.StructArray.from_arrays(fields, PROMETHEUS[:4])}), path)
    else:
        path = tmp_path / "photons.parquet"
        pq.write_table(late.rename_columns(["event", "x", "y", "z", "t"]), path)
    found = read(path, detector, "prometheus")
    for number, times in enumerate(found["time"].to_pylist()):
        own = time[event == number]
        assert times == (own - own.min()).tolist()


@pytest.mark.parametrize(
    ("reader", "ending"),
    [
        ("table:event=event_id,sensor=sensor_id,time=time", "parquet"),
        ("table:event=event_id,sensor=sensor_id,time=time", "csv"),
        ("kaggle", "parquet"),
    ],
)
def test_absolute_times_of_other_tables_keep_their_digits(tmp_path, detector, events, reader, ending):
    columns = {name: pc.list_flatten(events[name]) for name in ("sensor_id", "time", "charge", "auxiliary")}
    time = columns["time"].to_numpy().astype(np.int64)
    owner = np.repeat(np.arange(len(COUNTS)), COUNTS)
    table = pa.table({"event_id": owner, **columns, "time": time + UTC_NS})
    path = tmp_path / f"batch_1.{ending}"
    (pq.write_table if ending == "parquet" else csv.write_csv)(table, path)
    for number, times in enumerate(read(path, detector, reader)["time"].to_pylist()):
        own = time[owner == number]
        assert times == (own - own.min()).tolist()


@pytest.fixture(scope="module")
def simulated():
    """Tracks and cascades of an odd number, whose light tells where they came from."""
    from icereco.detector.detector import load_detector

    simulator = registry().find("simulator", "ice-telescope")
    simulation = Simulation(simulator, simulator.component.load_options()(), load_detector("icecube86"), 5)
    return pa.Table.from_batches(list(simulation.events(150, workers=1))).combine_chunks()


def nubench(folder, events, detector):
    """A database as NuBench has them: two maps of Prometheus, directions of travel, azimuth from −π to π, z from the surface."""
    pulses = rows_of_pulses(events, detector, PROMETHEUS, depth_m=SURFACE_M)
    few = pulses["event_no"].to_numpy() % 10 == 9
    azimuth = (events["azimuth"].to_numpy() + np.pi) % (2 * np.pi)
    truth = {
        "event_no": np.arange(len(events)),
        "initial_state_energy": events["energy"].to_numpy(),
        "initial_state_type": np.full(len(events), 14),
        "interaction": np.ones(len(events), np.int64),
        "initial_state_zenith": np.pi - events["zenith"].to_numpy(),
        "initial_state_azimuth": np.where(azimuth > np.pi, azimuth - 2 * np.pi, azimuth),
        **{f"initial_state_{axis}": events[f"vertex_{axis}"].to_numpy() for axis in "xy"},
        "initial_state_z": events["vertex_z"].to_numpy() - SURFACE_M,
    }
    tables = {
        "merged_photons": pulses.filter(pa.array(~few)),
        "pulses_no_noise": pulses.filter(pa.array(few)),
    }
    return write_database(folder / "merged.db", mc_truth=pa.table(truth), **tables)


@pytest.mark.parametrize("maps", ["merged_photons", "pulses_no_noise", "merged_photons+pulses_no_noise"])
def test_nubenchs_databases_are_read_with_directions_of_origin(tmp_path, detector, simulated, caplog, maps):
    path = nubench(tmp_path, simulated, detector)
    with caplog.at_level("INFO"):
        found = read(
            path,
            detector,
            f"graphnet-sqlite:pulse_map={maps},direction={'auto' if '+' in maps else 'travel'}",
        )
    if "+" in maps:
        assert "takes true directions as of travel" in caplog.text
        assert found["sensor_id"].to_pylist() == simulated["sensor_id"].to_pylist()
    few = np.arange(len(simulated)) % 10 == 9
    filled = np.array([len(times) > 0 for times in found["time"].to_pylist()])
    expected = {"merged_photons": ~few, "pulses_no_noise": few}.get(maps, few | ~few)
    np.testing.assert_array_equal(filled, expected)
    np.testing.assert_allclose(found["zenith"], simulated["zenith"], atol=1e-9)
    np.testing.assert_allclose(
        np.cos(found["azimuth"].to_numpy() - simulated["azimuth"].to_numpy()), 1, atol=1e-12
    )
    np.testing.assert_allclose(found["vertex_z"], simulated["vertex_z"], atol=1e-6)


@pytest.mark.parametrize(
    ("case", "maps", "events", "pulses_of_first"),
    [
        ("nubench-two-pulse-maps/merged.db", "merged_photons+pulses_no_noise", 120, None),
        ("pulse-maps-of-different-modules/two_kinds.db", "Pulses_IceCube+Pulses_PDOM", 12, 58),
    ],
)
def test_databases_of_users_are_read(shared_data, detector, case, maps, events, pulses_of_first):
    path = shared_data.parent / "cases" / case
    if not path.is_file():
        pytest.skip(f"needs {case}")
    found = read(path, detector, f"graphnet-sqlite:pulse_map={maps}")
    assert len(found) == events
    assert pulses_of_first in (None, len(found["time"][0].as_py()))
