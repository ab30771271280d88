"""The doctor passes good data, and finds each trap that is planted in a copy of them."""

import json
import re
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from icereco.cli import main
from icereco.data.simulated import Simulation
from icereco.data.sources.source import open_source
from icereco.detector.detector import load_detector
from icereco.doctor.events import shared_events
from icereco.doctor.examine import examine
from icereco.doctor.sample import take_sample
from icereco.doctor.speed import check_speed, compare_rates
from icereco.physics.sphere import angles_from_direction, direction_from_angles
from icereco.plugins.discovery import registry
from icereco.testing.random_events import random_events


@pytest.fixture(scope="module")
def ppc(shared_data) -> pa.Table:
    """1,034 events that the project did not write, in the own layout."""
    batches = open_source(shared_data / "icecube_ppc").batches(load_detector("icecube86"))
    return pa.Table.from_batches([batch.replace_schema_metadata(None) for batch in batches]).combine_chunks()


def examined(table: pa.Table, folder, detector):
    pq.write_table(table, folder / "events.parquet")
    return examine(take_sample(open_source(folder / "events.parquet"), detector, 20_000))


def wrong(findings) -> dict[str, str]:
    return {one.check: one.what for one in findings if one.severity == "error"}


def changed(table: pa.Table, **columns) -> pa.Table:
    for name, values in columns.items():
        place = table.schema.get_field_index(name)
        array = values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values)
        table = table.set_column(place, name, array)
    return table


def with_values(table: pa.Table, name: str, change) -> pa.Table:
    """The pulse column `name` with other values."""
    lists = table[name].combine_chunks()
    values = change(lists.values.to_numpy(zero_copy_only=False))
    return changed(table, **{name: pa.ListArray.from_arrays(lists.offsets, pa.array(values))})


def with_direction(table: pa.Table, change) -> pa.Table:
    direction = direction_from_angles(table["azimuth"].to_numpy(), table["zenith"].to_numpy())
    azimuth, zenith = angles_from_direction(change(direction))
    return changed(table, azimuth=azimuth, zenith=zenith)


CONVENTIONS = {
    "travel direction": lambda d: -d,
    "mirrored in z": lambda d: d * [1, 1, -1],
    "azimuth turned by π": lambda d: d * [-1, -1, 1],
    r"x and y exchanged \(azimuth is": lambda d: d[:, [1, 0, 2]],
    "x and y exchanged, and travel": lambda d: -d[:, [1, 0, 2]],
    r"\(x, y, z\) being \(x, −y, z\)": lambda d: d * [1, -1, 1],
}


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_every_other_convention_of_the_direction_is_named(ppc, tmp_path, detector, convention):
    problems = wrong(examined(with_direction(ppc, CONVENTIONS[convention]), tmp_path, detector))
    assert problems.keys() == {"direction"}
    assert re.search(convention, problems["direction"]), problems


def om_by_om(sensor, detector):
    """Ids in order of the module on its string, then of the string."""
    return (detector.om[sensor] - 1) * 86 + detector.string[sensor] - 1


def strings_in_another_order(sensor, detector):
    return np.random.default_rng(1).permutation(86)[sensor // 60] * 60 + sensor % 60


TRAPS = {
    "time in µs": ("time", lambda v, d: v / 1e3, {"time": "look like µs"}),
    "time in s": ("time", lambda v, d: v / 1e9, {"time": "look like s"}),
    "time in ms": ("time", lambda v, d: v / 1e6, {"time": "look like ms"}),
    "time is NaN": ("time", lambda v, d: np.where(np.arange(len(v)) % 5000, v, np.nan), {"time": "NaN"}),
    "hlc": ("auxiliary", lambda v, d: ~v, {"auxiliary": "inverted"}),
    "log charge": ("charge", lambda v, d: np.log10(v), {"charge": "negative"}),
    "off by one": ("sensor_id", lambda v, d: (v + 1) % 5160, {"numbering": r"off by \+1"}),
    "off by minus one": ("sensor_id", lambda v, d: (v - 1) % 5160, {"numbering": "off by -1"}),
    "from 1": ("sensor_id", lambda v, d: v + 1, {"sensors": "does not have", "numbering": r"off by \+1"}),
    "om by om": ("sensor_id", om_by_om, {"numbering": "strings do not end where"}),
    "strings": ("sensor_id", strings_in_another_order, {"geometry": "between strings"}),
}


@pytest.mark.parametrize("trap", TRAPS)
def test_every_trap_in_the_pulses_is_found(ppc, tmp_path, detector, trap):
    column, change, expected = TRAPS[trap]
    planted = with_values(ppc, column, lambda values: change(values, detector).astype(values.dtype))
    problems = wrong(examined(planted, tmp_path, detector))
    assert problems.keys() == expected.keys()
    for check, words in expected.items():
        assert re.search(words, problems[check]), problems


def repeated(table: pa.Table, ids) -> pa.Table:
    again = table.slice(5, 40)
    return pa.concat_tables([table, changed(again, event_id=ids(again["event_id"].to_numpy()))])


def emptied(table: pa.Table) -> pa.Table:
    rows = table.to_pylist()
    for row in rows[:7]:
        row |= {name: [] for name in ("sensor_id", "time", "charge", "auxiliary")}
    return pa.Table.from_pylist(rows, table.schema)


def exclusive_read_as_inclusive(table: pa.Table) -> pa.Table:
    """Every event takes the first pulse of the next one."""
    for name in ("sensor_id", "time", "charge", "auxiliary"):
        lists = table[name].to_pylist()
        lists = [one + following[:1] for one, following in zip(lists, [*lists[1:], []], strict=True)]
        table = changed(table, **{name: pa.array(lists, table.schema.field(name).type)})
    return table


EVENT_TRAPS = {
    "repeated ids": (lambda t: repeated(t, lambda ids: ids), {"event ids": "40 event ids occur"}),
    "leakage": (lambda t: repeated(t, lambda ids: ids + 10**9), {"leakage": "under several ids"}),
    "exclusive": (exclusive_read_as_inclusive, {"event borders": "belongs to the next event"}),
    "degrees": (
        lambda t: changed(t, azimuth=pc.multiply(t["azimuth"], 180 / np.pi)),
        {"truth": "out of range"},
    ),
    "nan truth": (
        lambda t: changed(t, zenith=np.where(np.arange(len(t)) == 9, np.nan, t["zenith"].to_numpy())),
        {"truth": "1 true angles are NaN"},
    ),
    "elevation": (
        lambda t: changed(t, zenith=pc.subtract(np.pi / 2, t["zenith"])),
        {"truth": "out of range"},
    ),
}


@pytest.mark.parametrize("trap", EVENT_TRAPS)
def test_every_trap_in_the_events_is_found(ppc, tmp_path, detector, trap):
    plant, expected = EVENT_TRAPS[trap]
    problems = wrong(examined(plant(ppc), tmp_path, detector))
    assert expected.keys() <= problems.keys() <= {*expected, "direction"}
    for check, words in expected.items():
        assert words in problems[check], problems


def test_empty_events_and_constant_columns_give_warnings(ppc, tmp_path, detector):
    planted = changed(emptied(ppc), energy=np.full(len(ppc), 5.0))
    planted = changed(planted, vertex_x=np.where(np.arange(len(ppc)) < 3, np.nan, ppc["vertex_x"].to_numpy()))
    findings = examined(planted, tmp_path, detector)
    warned = [one.what for one in findings if one.severity == "warning"]
    assert warned == [
        "7 events have no pulses",
        "values are missing in vertex_m",
        "the same value for all events in energy",
    ]
    assert not wrong(findings)


def test_a_file_without_any_pulse_is_examined_without_a_warning_of_numpy(tmp_path, detector):
    table = random_events(np.zeros(20, dtype=np.int64), seed=3)
    for some in (table, table[:0]):
        examined(some, tmp_path, detector)  # warnings are errors in tests


def test_fits_that_a_file_does_not_have_are_not_gaps_but_other_columns_are(tmp_path, detector):
    table = random_events(np.full(20, 30), seed=3)
    none = pa.array(np.full(len(table), np.nan))
    for name in ("fit_shower_azimuth", "fit_shower_zenith", "weight"):
        table = table.append_column(name, none)
    (gaps,) = [one.what for one in examined(table, tmp_path, detector) if "missing" in one.what]
    assert gaps == "values are missing in weight"


def with_vertex(table: pa.Table, change) -> pa.Table:
    names = [f"vertex_{axis}" for axis in "xyz"]
    moved = change(np.stack([table[name].to_numpy() for name in names], axis=1))
    return changed(table, **dict(zip(names, moved.T, strict=True)))


def spoiled(values: np.ndarray, value: float) -> np.ndarray:
    return np.where(np.arange(len(values)) % 10, values, value)


TARGET_TRAPS = {
    "logarithm": (
        lambda t: changed(t, energy=np.log10(t["energy"].to_numpy()) - 4),
        "energy is out of range",
    ),
    "padded energy": (
        lambda t: changed(t, energy=spoiled(t["energy"].to_numpy(), -1.0)),
        "energy is out of range in 104 events",
    ),
    "inelasticity in GeV": (
        lambda t: t.append_column("inelasticity", t["energy"]),
        "inelasticity is out of range in 1,034 events",
    ),
    "another origin": (
        lambda t: with_vertex(t, lambda place: place + np.array([0, 0, 1948.07])),
        r"the vertices are shifted by \(-?\d+, -?\d+, 19\d\d\) m relative to the light",
    ),
    "other events": (lambda t: with_vertex(t, lambda place: place[::-1]), "unrelated to the light"),
    "kilometres": (lambda t: with_vertex(t, lambda place: place / 1e3), "unrelated to the light"),
}


@pytest.mark.parametrize("trap", TARGET_TRAPS)
def test_every_trap_in_the_targets_is_found(ppc, tmp_path, detector, trap):
    plant, words = TARGET_TRAPS[trap]
    problems = wrong(examined(plant(ppc), tmp_path, detector))
    assert problems.keys() - {"direction"} == {"vertex" if "vert" in words or "light" in words else "targets"}
    assert any(re.search(words, what) for what in problems.values()), problems


def test_missing_targets_are_counted_and_unknown_kinds_are_named(ppc, tmp_path, detector):
    kinds = np.array(ppc["kind"].to_pylist(), object)
    through = kinds == "through_track"
    kinds[:5], kinds[5:7] = "noise", None
    inelasticity = pa.array(np.where(through, np.nan, 0.5), from_pandas=True)
    planted = changed(ppc, kind=pa.array(kinds), energy=spoiled(ppc["energy"].to_numpy(), np.nan))
    planted = planted.append_column("inelasticity", inelasticity)
    findings = {
        one.what: one.evidence
        for one in examined(planted, tmp_path, detector)
        if (one.check, one.severity) == ("targets", "warning")
    }
    assert findings["1 kind of events that icereco does not know"] == "noise: 5 events"
    lost = int(through[:7].sum())
    named = "energy_gev: 104 of 1,034 unknown; kind: 2 of 1,034 unknown"
    expected = named + (f"; inelasticity: {lost} of 1,034 unknown" if lost else "")
    assert expected in findings.values(), "a track from outside needs no inelasticity"


def test_a_wrong_index_of_last_pulses_ends_the_reading(shared_data, tmp_path, detector):
    folder = tmp_path / "kaggle"
    shutil.copytree(shared_data / "icecube_ppc", folder)
    (folder / "train_meta.parquet").chmod(0o644)
    meta = pq.read_table(folder / "train_meta.parquet")
    meta = changed(meta, last_pulse_index=pc.add(meta["last_pulse_index"], 1))
    folder.chmod(0o755)
    (folder / "train_meta.parquet").unlink()
    pq.write_table(meta, folder / "train_meta.parquet")
    result = CliRunner().invoke(main, ["doctor", str(folder), "--no-speed"])
    assert result.exit_code == 1
    text = " ".join(result.output.split())
    assert "✗ reading: not all events can be read" in text
    assert "ends one too late or too early" in text


def test_a_geometry_file_of_another_detector_is_found(shared_data, tmp_path, detector):
    folder = tmp_path / "kaggle"
    shutil.copytree(shared_data / "icecube_ppc", folder)
    table = (shared_data / "icecube_ppc" / "sensor_geometry.csv").read_text().splitlines()
    mirrored = [line if row == 0 else flipped(line) for row, line in enumerate(table)]
    folder.chmod(0o755)
    (folder / "sensor_geometry.csv").unlink()
    (folder / "sensor_geometry.csv").write_text("\n".join(mirrored))
    findings = examine(take_sample(open_source(folder), detector, 20_000))
    assert wrong(findings).keys() == {"reading"}
    assert "sensor_geometry.csv" in findings[0].evidence


def flipped(line: str) -> str:
    *others, z = line.split(",")
    return ",".join([*others, str(-float(z))])


def test_good_files_pass(shared_data, detector):
    findings = examine(take_sample(open_source(shared_data / "icecube_ppc"), detector, 20_000))
    assert {one.severity for one in findings} == {"ok"}


def test_real_events_pass_except_for_the_repeated_one(shared_data, detector):
    path = shared_data / "icecube_real" / "pulses.parquet"
    findings = examine(take_sample(open_source(path), detector, 20_000))
    (finding,) = [item for item in findings if item.severity in ("error", "warning")]
    assert "1 of 38 events have exactly the pulses of another, such as event_id 9 and 14" in finding.evidence


def test_real_and_official_events_pass_with_their_truth(shared_data, detector, tmp_path):
    """24 official events with truth: too few to rule every convention out, and none is blamed."""
    batches = list(open_source(shared_data / "icecube_real" / "pulses.parquet").batches(detector))
    table = pa.Table.from_batches([batch.replace_schema_metadata(None) for batch in batches])
    truth = pq.read_table(shared_data / "icecube_real" / "events.parquet").to_pylist()
    known = {row["event_id"]: (row["true_azimuth"], row["true_zenith"]) for row in truth}
    for place, name in enumerate(("azimuth", "zenith")):
        values = [known[one][place] for one in table["event_id"].to_pylist()]
        table = table.append_column(name, pa.array(values, pa.float64()))
    table = table.filter(pc.and_(pc.is_valid(table["azimuth"]), pc.not_equal(table["event_id"], 14)))
    assert not wrong(examined(table, tmp_path, detector))


def test_simulated_events_pass_whatever_their_number(tmp_path, detector):
    simulator = registry().find("simulator", "ice-telescope")
    simulation = Simulation(simulator, simulator.component.load_options()(), detector, 5)
    table = pa.Table.from_batches(list(simulation.events(400, workers=1))).combine_chunks()
    for number in (1, 20, 400):
        findings = examined(table.slice(0, number), tmp_path, detector)
        assert not wrong(findings), number
    assert {one.severity for one in findings} == {"ok"}


def test_cascades_allow_no_conclusion_about_the_direction(ppc, tmp_path, detector):
    """Without vertices, as in a file of the competition, the light of few cascades says little of their direction."""
    cascades = ppc.filter(pc.equal(ppc["kind"], "cascade")).slice(0, 60)
    cascades = cascades.drop_columns(["vertex_x", "vertex_y", "vertex_z"])
    (direction,) = [one for one in examined(cascades, tmp_path, detector) if one.check == "direction"]
    assert direction.severity == "unknown"
    assert "not ruled out" in direction.evidence


def test_data_sets_that_share_events_are_reported(ppc, tmp_path, detector):
    samples = []
    for name, part in (("a", ppc.slice(0, 600)), ("b", ppc.slice(500)), ("c", ppc.slice(0, 500))):
        (tmp_path / name).mkdir()
        pq.write_table(part, tmp_path / name / "events.parquet")
        samples.append(take_sample(open_source(tmp_path / name), detector, 20_000))
    severities = {one.what: one.severity for one in shared_events(samples)}
    assert list(severities.values()) == ["error", "error", "ok"]


@pytest.mark.parametrize(("reading", "severity"), [(201.0, "ok"), (199.0, "warning"), (1.0, "warning")])
def test_slow_reading_is_reported(reading, severity):
    assert compare_rates(reading, training=100.0).severity == severity


def test_reading_and_training_are_both_measured(ppc, tmp_path, detector):
    pq.write_table(ppc.slice(0, 100), tmp_path / "events.parquet")
    sample = take_sample(open_source(tmp_path / "events.parquet"), detector, 100)
    sizes = []
    finding = check_speed(sample, lambda batch: sizes.append(len(batch)))
    assert set(sizes) == {32}
    assert "events/s in one process" in finding.evidence


def test_the_command_explains_and_exits_with_1_where_something_is_wrong(ppc, tmp_path):
    pq.write_table(with_direction(ppc, lambda d: -d), tmp_path / "events.parquet")
    result = CliRunner().invoke(main, ["doctor", str(tmp_path / "events.parquet"), "--no-speed"])
    assert result.exit_code == 1
    text = " ".join(result.output.split())
    assert "✗ direction: the true direction is not that of origin: it looks like travel direction" in text
    assert "likely cause: angles of where the particle travels to" in text
    assert "to do: correct azimuth and zenith" in text
    assert "1 wrong" in text


def test_json_has_every_finding(ppc, tmp_path):
    pq.write_table(ppc, tmp_path / "events.parquet")
    result = CliRunner().invoke(main, ["doctor", str(tmp_path / "events.parquet"), "--no-speed", "--json"])
    assert result.exit_code == 0
    (data,) = json.loads(result.stdout)["data"]
    assert data["examined"] == data["events"] == 1_034
    assert {one["severity"] for one in data["findings"]} == {"ok"}
    assert set(data["findings"][0]) == {"check", "severity", "what", "evidence", "cause", "fix"}


def test_a_file_that_no_reader_can_read_gives_one_message(tmp_path):
    (tmp_path / "x.parquet").write_bytes(b"nothing of the kind")
    result = CliRunner().invoke(main, ["doctor", str(tmp_path / "x.parquet")])
    assert result.exit_code == 2
    assert "no reader" in result.output or "neither a parquet" in result.output
