"""Files of GraphNeT and Prometheus that the project did not make: directions, units, charges, flags and sensors."""

import logging
import re
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from icereco.data.sources.source import open_source
from icereco.detector.detector import Detector, load_detector
from icereco.errors import IcerecoError
from icereco.events.batch import EventBatch
from icereco.events.truth import TARGETS
from icereco.physics.sphere import direction_from_angles, opening_angle
from icereco.tables.assembly import event_batch

OSCNEXT = "oscNext_genie_level7_v02"
DATABASE = f"graphnet/sqlite/{OSCNEXT}/{OSCNEXT}_first_5_frames.db"
MERGED = f"graphnet/parquet/{OSCNEXT}"
NESTED = f"graphnet/parquet/{OSCNEXT}/{OSCNEXT}_first_5_frames.parquet"
UPGRADE = "upgrade_genie_step4_140028_000998_first_5_frames"
UPGRADE = f"graphnet/sqlite/{UPGRADE}/{UPGRADE}.db"
ORCA_DATABASE = "graphnet/examples/sqlite/prometheus/prometheus-events.db"
ORCA_MERGED = "graphnet/examples/parquet/prometheus"
RAW = "prometheus/raw/22980001_photons.parquet"


def read(path: Path, detector: Detector, reader: str | None = None, rows: int = 3) -> dict[int, EventBatch]:
    """Events by their id; read in small batches, so that what is carried from one to the next is tried."""
    source = open_source(path, reader)
    batches = list(source.checked(detector, rows))
    assert sum(batch.num_rows for batch in batches) == source.count()
    events = [event for batch in batches for event in event_batch(batch, detector)]
    return {event.event_id: event.batch for event in events}


def complaint(path: Path, detector: Detector, reader: str | None = None) -> str:
    with pytest.raises(IcerecoError) as caught:
        list(open_source(path, reader).checked(detector))
    return str(caught.value)


@pytest.mark.parametrize("place", [DATABASE, MERGED, NESTED])
def test_graphnet_events_of_icecube_are_the_same_in_every_layout(shared_data, detector, place):
    events = read(shared_data / place, detector)
    assert sorted(events) == [0, 1, 2, 3, 4]
    first = events[0]
    # From the database: dom_time 10574 and 1.475 p.e. in string 36, dom_number 57, hlc 0.
    row = int(
        np.flatnonzero(detector.string[first.sensor_id] * 100 + detector.om[first.sensor_id] == 3657)[0]
    )
    pulse = int(first.pulse_offsets[row])
    assert first.time_ns[pulse] == 10_574.0
    assert first.charge_pe[pulse] == pytest.approx(1.475)
    assert first.auxiliary[pulse]
    assert first[0].truth.angles == pytest.approx((0.7524644, 2.7865026))
    assert first.truth.energy_gev[0] == pytest.approx(1.5100821)
    assert first[0].extras["pid"] == 14
    assert sum(len(event.time_ns) for event in events.values()) == 56


def test_hlc_is_the_opposite_of_auxiliary(shared_data, detector):
    with sqlite3.connect(shared_data / DATABASE) as database:
        counted = dict(
            database.execute("SELECT event_no, SUM(hlc = 0) FROM SRTInIcePulses GROUP BY event_no")
        )
    events = read(shared_data / DATABASE, detector)
    assert {number: int(event.auxiliary.sum()) for number, event in events.items()} == counted
    assert 0 < sum(counted.values()) < 56


def test_one_file_of_a_pulse_table_has_the_truth_next_to_it(shared_data, detector):
    events = read(shared_data / MERGED / "merged" / "SRTInIcePulses" / "SRTInIcePulses_0.parquet", detector)
    assert list(events) == [3]
    assert events[3][0].truth.angles == pytest.approx((5.5464138, 1.4829391))


@pytest.mark.parametrize("place", [ORCA_DATABASE, ORCA_MERGED])
def test_graphnet_tables_of_prometheus_are_photons_with_directions_of_origin(shared_data, place, caplog):
    with caplog.at_level(logging.INFO, "icereco"):
        events = read(shared_data / place, load_detector("orca"))
    assert "takes true directions as of origin: light seen from the vertex of 47 events" in caplog.text
    assert len(events) == 50
    event = events[20]
    assert event[0].truth.angles == pytest.approx((5.1260661, 2.0708576))
    with sqlite3.connect(shared_data / ORCA_DATABASE) as database:
        times = [time for (time,) in database.execute("SELECT t FROM total WHERE event_no = 20")]
    assert sorted(event.time_ns) == sorted(times)
    assert (event.charge_pe == 1).all()
    assert not event.auxiliary.any()
    assert sum(len(one.time_ns) for one in events.values()) == 1_872


def test_raw_prometheus_is_of_travel_and_is_turned_round(shared_data, caplog):
    arca = load_detector("arca")
    with caplog.at_level(logging.INFO, "icereco"):
        events = read(shared_data / RAW, arca)
    assert "takes true directions as of travel: light seen from the vertex of 6 events" in caplog.text
    assert list(events)[:2] == [22_980_001_000_000, 22_980_001_000_001]
    row = pq.read_table(shared_data / RAW).to_pylist()[0]
    truth, photons = row["mc_truth"], row["photons"]
    event = events[22_980_001_000_000]
    stored = direction_from_angles(
        np.array(truth["initial_state_azimuth"]), np.array(truth["initial_state_zenith"])
    )
    assert opening_angle(event.truth.direction[0], -stored) < 1e-9
    assert sorted(event.time_ns) == sorted(photons["t"])
    assert (event.charge_pe == 1).all()
    assert not event.auxiliary.any()
    # Light lies where the particle went: on the far side from where it came from.
    vertex = [truth[f"initial_state_{axis}"] for axis in "xyz"] - np.array(arca.file_origins_m["prometheus"])
    assert (event.position_m.mean(axis=0) - vertex) @ event.truth.direction[0] < 0


def test_sensors_of_prometheus_are_those_of_its_numbers(shared_data):
    arca = load_detector("arca")
    events = read(shared_data / RAW, arca)
    for row, event in zip(pq.read_table(shared_data / RAW).to_pylist(), events.values(), strict=True):
        wanted = set(zip(row["photons"]["string_id"], row["photons"]["sensor_id"], strict=True))
        found = set(
            zip(arca.string[event.sensor_id].tolist(), arca.om[event.sensor_id].tolist(), strict=True)
        )
        assert found == wanted


def test_a_convention_that_is_asked_for_is_taken(shared_data):
    arca = load_detector("arca")
    found = {
        name: read(shared_data / RAW, arca, f"prometheus:direction={name}") for name in ("origin", "travel")
    }
    for origin, travel in zip(*(one.values() for one in found.values()), strict=True):
        np.testing.assert_allclose(origin.truth.direction, -travel.truth.direction, atol=1e-12)


def test_directions_of_a_convention_that_the_light_does_not_determine_are_left_out(
    tmp_path, shared_data, caplog
):
    table = pq.read_table(shared_data / RAW)
    pq.write_table(table.slice(1, 1), tmp_path / "dark.parquet")
    (event,) = read(tmp_path / "dark.parquet", load_detector("arca")).values()
    assert np.isnan(event.truth.direction).all()
    assert np.isfinite(event.truth.energy_gev).all()
    assert "cannot determine whether its true directions are where the particles came from" in caplog.text
    assert "direction=origin or direction=travel" in caplog.text


def test_flat_tables_of_several_simulations_are_read_one_by_one(shared_data, detector):
    folder = shared_data / "prometheus"
    message = complaint(folder, detector)
    assert (
        "holds several simulations: icecube_nue_example, graphnet_22980001, graphnet_orca150_numu" in message
    )
    events = read(folder, detector, "prometheus:source=icecube_nue_example")
    table = pq.read_table(
        folder / "events.parquet", filters=[("source", "=", "icecube_nue_example")]
    ).to_pylist()
    assert {number: len(event.time_ns) for number, event in events.items()} == {
        row["event"]: row["n"] for row in table
    }
    assert events[0][0].truth.angles == pytest.approx((table[0]["mc_azimuth"], table[0]["mc_zenith"]))


def test_flat_and_raw_photons_of_one_simulation_are_the_same(shared_data):
    arca = load_detector("arca")
    raw = read(shared_data / RAW, arca)
    flat = read(shared_data / "prometheus", arca, "prometheus:source=graphnet_22980001")
    for one, other in zip(raw.values(), flat.values(), strict=True):
        np.testing.assert_array_equal(one.sensor_id, other.sensor_id)
        np.testing.assert_allclose(one.time_ns, other.time_ns)
        np.testing.assert_allclose(one.truth.direction, other.truth.direction, atol=1e-9)


@pytest.mark.parametrize(
    ("place", "wrong", "right"),
    [(ORCA_DATABASE, "icecube86", "orca"), (RAW, "orca", "arca"), (DATABASE, "arca", "icecube86")],
)
def test_events_of_another_detector_are_refused_and_it_is_named(shared_data, place, wrong, right):
    message = complaint(shared_data / place, load_detector(wrong))
    assert f"are not in the detector {wrong}, such as the one at (" in message
    assert re.search(
        rf"they are all in {right}( \(and in gen2\))?: say --detector {right} .* train with -o detector.use={right}",
        message,
    )


@pytest.fixture
def upgrade(tmp_path, shared_data) -> Detector:
    """A card of the sensors that the events of the Upgrade hit."""
    with sqlite3.connect(shared_data / UPGRADE) as database:
        places = database.execute("SELECT DISTINCT dom_x, dom_y, dom_z FROM SplitInIcePulses").fetchall()
    rows = [f"1,{number},{x},{y},{z}" for number, (x, y, z) in enumerate(places)]
    (tmp_path / "card").mkdir()
    (tmp_path / "card" / "sensors.csv").write_text("\n".join(["string,om,x_m,y_m,z_m", *rows]))
    (tmp_path / "card" / "detector.toml").write_text(
        'name = "own"\nsummary = "own"\nsensors = "sensors.csv"\norigin = "IceCube"\n'
        '[medium]\nkind = "ice"\nrefractive_index_phase = 1.3194\nrefractive_index_group = 1.3561\n'
    )
    return load_detector(tmp_path / "card")


def test_events_of_icecube_and_its_upgrade_need_a_card_of_both(shared_data, detector, upgrade):
    message = complaint(shared_data / UPGRADE, detector)
    assert "262 of the 373 sensors that its first events hit are not in the detector icecube86" in message
    assert "no detector of icereco has them all" in message
    events = read(shared_data / UPGRADE, upgrade)
    assert sum(len(event.time_ns) for event in events.values()) == 625
    looks = np.concatenate(
        [np.stack([event.pulse_extras[f"pmt_{a}"] for a in "xyz"]) for event in events.values()], axis=1
    )
    np.testing.assert_allclose(np.linalg.norm(looks, axis=0), 1, atol=1e-3)


def copy(shared_data: Path, place: str, tmp_path: Path) -> Path:
    made = tmp_path / Path(place).name
    shutil.copyfile(shared_data / place, made)
    made.chmod(0o600)
    return made


def test_a_single_unknown_sensor_is_an_error_of_its_event(tmp_path, shared_data, detector):
    path = copy(shared_data, DATABASE, tmp_path)
    with sqlite3.connect(path) as database:
        database.execute(
            "UPDATE SRTInIcePulses SET dom_x = dom_x + 30 WHERE event_no = 3 AND dom_time = 10454"
        )
    message = complaint(path, detector)
    assert re.search(r"event_id 3: pulse \d+ is of a sensor at \(.*\) m, which icecube86 lacks", message)


def changed(path: Path, *statements: str) -> Path:
    with sqlite3.connect(path) as database:
        for statement in statements:
            database.execute(statement)
    database.close()
    return path


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE SRTInIcePulses SET dom_time = NULL WHERE event_no = 2", r"event_id 2: time\[0\] is nan"),
        ("UPDATE SRTInIcePulses SET charge = -1 WHERE event_no = 2", r"event_id 2: charge\[0\] is -1"),
        (
            "UPDATE SRTInIcePulses SET charge = 'much'",
            "SRTInIcePulses.charge must hold numbers: it holds 'much'",
        ),
        ("UPDATE SRTInIcePulses SET event_no = 1.5 WHERE event_no = 2", "event_no must hold whole numbers"),
        ("UPDATE SRTInIcePulses SET event_no = 'one' WHERE event_no = 1", "event_no must hold whole numbers"),
        (
            "CREATE TABLE other AS SELECT * FROM SRTInIcePulses",
            r"several tables may be the pulse map: SRTInIcePulses, other; .*pulse_map=SRTInIcePulses\+other",
        ),
        ("DROP TABLE SRTInIcePulses", "an SQLite database, in whose tables no reader finds pulses"),
        ("DELETE FROM truth", None),
        ("DELETE FROM SRTInIcePulses WHERE event_no = 2", None),
    ],
)
def test_changed_databases(tmp_path, shared_data, detector, statement, message):
    path = changed(copy(shared_data, DATABASE, tmp_path), statement)
    if message is None:
        assert sorted(read(path, detector)) == [0, 1, 2, 3, 4]
        return
    with pytest.raises(IcerecoError, match=message):
        list(open_source(path).checked(detector))


def test_a_pulse_map_is_chosen(tmp_path, shared_data, detector):
    half = "CREATE TABLE half AS SELECT * FROM SRTInIcePulses WHERE hlc = 1"
    path = changed(copy(shared_data, DATABASE, tmp_path), half)
    events = read(path, detector, "graphnet-sqlite:pulse_map=half")
    assert not any(event.auxiliary.any() for event in events.values())
    assert "no pulse map 'hlf'; found: SRTInIcePulses, half" in complaint(
        path, detector, "graphnet-sqlite:pulse_map=hlf"
    )
    assert "no table 'real' with event_no" in complaint(
        path, detector, "graphnet-sqlite:pulse_map=half,truth_table=real"
    )


def test_events_without_pulses_keep_their_place_and_pulses_without_truth_have_none(
    tmp_path, shared_data, detector
):
    database = changed(
        copy(shared_data, DATABASE, tmp_path),
        "DELETE FROM truth WHERE event_no = 4",
        "DELETE FROM SRTInIcePulses WHERE event_no = 2",
    )
    merged = tmp_path / "merged"
    for table in ("SRTInIcePulses", "truth"):
        (merged / table).mkdir(parents=True)
        files = sorted((shared_data / MERGED / "merged" / table).iterdir())
        whole = pa.concat_tables([pq.read_table(file) for file in files]).sort_by("event_no")
        lost = 2 if table == "SRTInIcePulses" else 4
        kept = whole.filter(pa.compute.not_equal(whole["event_no"], lost))
        pq.write_table(kept, merged / table / f"{table}_0.parquet")
    for path in (database, tmp_path / "merged"):
        events = read(path, detector)
        assert list(events) == [0, 1, 2, 3, 4]
        assert len(events[2].time_ns) == 0
        assert events[2].truth.energy_gev[0] > 0
        assert np.isnan(events[4].truth.direction).all()


def test_a_locked_database_is_called_locked(tmp_path, shared_data, detector):
    path = copy(shared_data, DATABASE, tmp_path)
    writer = sqlite3.connect(path)
    writer.execute("BEGIN EXCLUSIVE")
    try:
        message = complaint(path, detector)
    finally:
        writer.close()
    assert "database is locked; close the program that writes to it" in message


def test_a_database_without_index_is_read_with_a_warning(tmp_path, shared_data, detector, caplog):
    path = changed(copy(shared_data, DATABASE, tmp_path), "DROP INDEX event_no_SRTInIcePulses")
    assert len(read(path, detector)) == 5
    assert "SRTInIcePulses has no index on event_no" in caplog.text


def test_each_file_of_a_folder_may_have_a_convention_of_its_own(tmp_path, shared_data):
    rows = pq.read_table(shared_data / RAW).to_pylist()
    turned = [{**row["mc_truth"]} for row in rows]
    for truth in turned:
        truth["initial_state_zenith"] = np.pi - truth["initial_state_zenith"]
        truth["initial_state_azimuth"] += np.pi
    bright = [0, 4, 8, 2, 6] * 12
    for name, count in (("a", 60), ("b", 60), ("c", 50)):
        truth = turned if name == "c" else [row["mc_truth"] for row in rows]
        made = [{"mc_truth": truth[number], "photons": rows[number]["photons"]} for number in bright[:count]]
        pq.write_table(pa.Table.from_pylist(made), tmp_path / f"{name}.parquet")
    arca = load_detector("arca")
    first, _, last = (next(part.batches(arca)) for part in open_source(tmp_path).parts())
    for name in ("azimuth", "zenith"):
        np.testing.assert_allclose(last.column(name)[:50], first.column(name)[:50], atol=1e-9)


def test_pulses_in_pieces_are_refused(tmp_path, shared_data, detector):
    folder = tmp_path / "tables" / "SRTInIcePulses"
    folder.mkdir(parents=True)
    files = sorted((shared_data / MERGED / "merged" / "SRTInIcePulses").iterdir())
    tables = [pq.read_table(file) for file in files]
    pq.write_table(pa.concat_tables([*tables, tables[0]]), folder / "SRTInIcePulses_0.parquet")
    assert "the pulses of event_no 3 are not contiguous" in complaint(tmp_path / "tables", detector)


def test_event_ids_that_repeat_in_another_file_are_refused(tmp_path, shared_data):
    for name in "ab":
        shutil.copyfile(shared_data / RAW, tmp_path / f"{name}.parquet")
    message = complaint(tmp_path, load_detector("arca"))
    assert "b.parquet: row 0, event_id 22980001000000: this event_id occurs more than once" in message


def rows_of(database: Path, query: str) -> list[tuple]:
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as opened:
        return opened.execute(query).fetchall()


@pytest.mark.parametrize("place", [DATABASE, MERGED, NESTED])
def test_graphnet_targets_of_icecube_are_those_of_its_truth_table(shared_data, detector, place):
    names = "event_no, energy, position_x, position_y, position_z, inelasticity, pid, interaction_type"
    table = {row[0]: row[1:] for row in rows_of(shared_data / DATABASE, f"SELECT {names} FROM truth")}
    events = read(shared_data / place, detector)
    assert events.keys() == table.keys()
    for number, (energy, *vertex, inelasticity, pid, interaction) in table.items():
        truth = events[number][0].truth
        assert (truth.energy_gev, truth.inelasticity) == (energy, inelasticity)
        assert truth.vertex_m.tolist() == vertex
        assert (abs(pid), interaction) == (14, 1), "charged currents of muon neutrinos, inside"
        assert truth.kind == "starting_track"


def light_from_vertex_m(events: dict[int, EventBatch]) -> list[float]:
    """Of each event: how far the mean place of its coincident pulses is from the vertex."""
    found = []
    for batch in events.values():
        pulses = np.diff(batch.pulse_offsets)
        weight = np.where(batch.auxiliary, 1e-6, 1.0)
        light = np.average(np.repeat(batch.position_m, pulses, axis=0), axis=0, weights=weight)
        found.append(float(np.linalg.norm(batch.truth.vertex_m[0] - light)))
    return found


def test_vertices_lie_where_the_light_is(shared_data, detector):
    low_energies = light_from_vertex_m(read(shared_data / DATABASE, detector))
    assert max(low_energies) < 100, "1.5 to 4.6 GeV: a muon goes 20 m"
    arca = load_detector("arca")
    photons = {n: one for n, one in read(shared_data / RAW, arca).items() if len(one.time_ns)}
    assert max(light_from_vertex_m(photons)) < 100, "where the geofile's origin is 3194 m above"


PADDED = "energy = -1, position_x = -1, position_y = -1, position_z = -1, azimuth = -1, zenith = -1, inelasticity = -1"
CHANGED_TRUTH = {
    "noise": (f"{PADDED}, pid = -1, interaction_type = -1", None, set()),
    "muon": (
        "pid = -13, interaction_type = -1, inelasticity = -1",
        "through_track",
        {"direction", "energy_gev", "kind"},
    ),
    "outside": ("position_z = 600", "through_track", set(TARGETS)),
    "neutral": ("interaction_type = 2", "cascade", set(TARGETS)),
    "electron": ("pid = -12, inelasticity = 1", "cascade", {*TARGETS} - {"inelasticity"}),
    "tau": ("pid = 16", "cascade", {*TARGETS} - {"inelasticity"}),
    "unknown current": ("interaction_type = -1", None, {*TARGETS} - {"kind"}),
}


@pytest.mark.parametrize("case", CHANGED_TRUTH)
def test_what_graphnet_pads_or_means_otherwise_is_unknown(tmp_path, shared_data, detector, case):
    statement, kind, known = CHANGED_TRUTH[case]
    path = changed(copy(shared_data, DATABASE, tmp_path), f"UPDATE truth SET {statement} WHERE event_no = 2")
    truth = read(path, detector)[2].truth
    assert {target for target in TARGETS if truth.known(target)[0]} == known
    assert truth.kind[0] == kind


@pytest.mark.parametrize("place", [ORCA_DATABASE, ORCA_MERGED])
def test_graphnet_targets_of_prometheus_are_those_of_its_truth_table(shared_data, place):
    names = "event_no, injection_energy, primary_lepton_1_energy, injection_bjorkeny, injection_bjorkenx"
    places = ", ".join(f"injection_position_{axis}" for axis in "xyz")
    table = rows_of(shared_data / ORCA_DATABASE, f"SELECT {names}, {places} FROM mc_truth")
    events = read(shared_data / place, load_detector("orca"))
    assert len(events) == len(table)
    for number, energy, lepton, bjorken_y, bjorken_x, *vertex in table:
        truth = events[number][0].truth
        assert truth.energy_gev == energy
        assert truth.inelasticity == pytest.approx(1 - lepton / energy, abs=1e-12)
        assert bjorken_y == bjorken_x, "which is why the energies are asked"
        assert truth.vertex_m.tolist() == vertex
        assert truth.kind in ("starting_track", "through_track")


def test_targets_of_raw_prometheus_are_those_of_its_mc_truth(shared_data):
    arca = load_detector("arca")
    events = read(shared_data / RAW, arca)
    for row, event in zip(pq.read_table(shared_data / RAW).to_pylist(), events.values(), strict=True):
        stored, truth = row["mc_truth"], event[0].truth
        assert (stored["interaction"], stored["initial_state_type"]) == (1, 14)
        assert truth.energy_gev == stored["initial_state_energy"]
        # The muon is the first particle of the final state; the target nucleon has a mass.
        muon = stored["final_state_energy"][0]
        assert truth.inelasticity == pytest.approx(1 - muon / truth.energy_gev, abs=1e-3)
        place = np.array([stored[f"initial_state_{axis}"] for axis in "xyz"])
        np.testing.assert_allclose(truth.vertex_m, place - arca.file_origins_m["prometheus"], atol=1e-9)
        inside = arca.encloses(truth.vertex_m[None])[0]
        assert truth.kind == ("starting_track" if inside else "through_track")


def test_flat_photons_know_energy_and_the_kind_of_electron_neutrinos(shared_data, detector):
    events = read(shared_data / "prometheus", detector, "prometheus:source=icecube_nue_example")
    table = pq.read_table(
        shared_data / "prometheus" / "events.parquet", filters=[("source", "=", "icecube_nue_example")]
    ).to_pylist()
    assert {row["pdg"] for row in table} == {12}
    for row in table:
        truth = events[row["event"]].truth
        assert truth.targets == ("direction", "energy_gev", "kind")
        assert (truth.energy_gev[0], truth.kind[0]) == (row["energy"], "cascade")
    muons = read(shared_data / "prometheus", load_detector("arca"), "prometheus:source=graphnet_22980001")
    assert {event.truth.kind[0] for event in muons.values()} == {None}, "of either current, in or outside"
