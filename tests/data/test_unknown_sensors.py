"""A pulse of a sensor that the detector lacks: named with its place and event, or left out and counted."""

import json
import logging
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from icereco.cli import main
from icereco.data.catalog import DataSet
from icereco.data.sources.skip_bad import skip_bad
from icereco.data.sources.source import open_source
from icereco.data.store.prepare import prepare
from icereco.errors import IcerecoError
from icereco.tables.assembly import event_batch
from icereco.testing.random_events import random_events

TANK_M = (-261.3, -479.7, 1947.9)


@pytest.fixture
def graphnet(tmp_path, detector) -> Path:
    """20 events of 8 pulses of GraphNeT's parquet; in every other the last is of an IceTop tank."""
    sensors = np.random.default_rng(1).integers(0, 5160, (20, 8))
    place = detector.position_m[sensors].astype(np.float64)
    place[::2, -1] = TANK_M
    columns = {f"dom_{axis}": place[..., i].ravel() for i, axis in enumerate("xyz")}
    pulses = {
        "event_no": np.repeat(np.arange(20), 8),
        **columns,
        "dom_time": np.tile(np.arange(8.0) * 100, 20),
    }
    for name, table in {"pulses": pulses, "truth": {"event_no": np.arange(20)}}.items():
        folder = tmp_path / "merged" / name
        folder.mkdir(parents=True)
        pq.write_table(pa.table(table), folder / f"{name}_0.parquet")
    return tmp_path / "merged"


@pytest.fixture
def own_layout(tmp_path) -> Path:
    rows = random_events(np.full(6, 5), seed=1).to_pylist()
    rows[2]["sensor_id"][3] = 5160
    rows[4]["sensor_id"] = [-1] * 5
    path = tmp_path / "events.parquet"
    pq.write_table(pa.Table.from_pylist(rows, schema=random_events(np.zeros(0, int)).schema), path)
    return path


def pulses(source, detector, rows: int = 4096) -> dict[int, list[float]]:
    batches = [event_batch(batch, detector) for batch in source.checked(detector, rows)]
    return {int(event.event_id): event.batch.time_ns.tolist() for batch in batches for event in batch}


@pytest.mark.parametrize("rows", [3, 4096])
def test_the_message_names_place_and_event(graphnet, detector, rows):
    with pytest.raises(IcerecoError) as caught:
        list(open_source(graphnet).checked(detector, rows))
    message = str(caught.value)
    assert (
        "event_id 0: pulse 7 is of a sensor at (-261.30, -479.70, 1947.90) m, which icecube86 lacks"
        in message
    )
    assert "--drop-unknown-sensors" in message


def test_skipped_events_are_listed_with_the_place_of_each(graphnet, detector):
    kept, skipped = skip_bad(open_source(graphnet), detector)
    assert [one.event_id for one in skipped] == list(range(0, 20, 2))
    assert all("at (-261.30, -479.70, 1947.90) m" in one.reason for one in skipped)
    assert kept.count() == 10


@pytest.mark.parametrize("rows", [3, 4096])
def test_the_other_pulses_stay_and_what_is_left_out_is_counted(graphnet, detector, caplog, rows):
    source = DataSet(path=graphnet, drop_unknown_sensors=True).open()
    with caplog.at_level(logging.WARNING, "icereco"):
        kept = pulses(source, detector, rows)
    assert [len(kept[event]) for event in range(20)] == [7, 8] * 10
    assert 700.0 not in kept[0]
    assert "left out 10 of 160 pulses of 10 events, of sensors that icecube86 lacks, the first" in caplog.text
    assert "at (-261.30, -479.70, 1947.90) m in event_id 0" in caplog.text
    assert source.fingerprint() != open_source(graphnet).fingerprint()


def test_an_event_may_lose_all_its_pulses_and_keeps_its_row(own_layout, detector, tmp_path):
    source = DataSet(path=own_layout, drop_unknown_sensors=True).open()
    kept = pulses(source, detector)
    assert [len(times) for times in kept.values()] == [5, 5, 4, 5, 0, 5]
    assert prepare(source, detector, tmp_path / "store").manifest.pulses == 24


def test_events_of_another_detector_are_not_emptied(own_layout):
    from icereco.detector.detector import load_detector

    source = DataSet(path=own_layout, drop_unknown_sensors=True).open()
    with pytest.raises(IcerecoError, match="these events are of another detector"):
        list(source.checked(load_detector("km3net-orca6")))


def test_bad_events_are_skipped_besides(own_layout, detector):
    source = DataSet(path=own_layout, drop_unknown_sensors=True).open()
    kept, skipped = skip_bad(source, detector)
    assert (skipped, len(pulses(kept, detector))) == ([], 6)


def test_a_data_set_by_name_remembers_it(graphnet, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = CliRunner()
    assert run.invoke(main, ["data", "add", "tanks", str(graphnet), "--drop-unknown-sensors"]).exit_code == 0
    result = run.invoke(main, ["reconstruct", "tanks", "--method", "linefit", "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout[result.stdout.index("{") :])["events"] == 20


def test_reconstruct_takes_it_as_an_option(graphnet, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = ["reconstruct", str(graphnet), "--method", "linefit"]
    refused = CliRunner().invoke(main, arguments)
    assert isinstance(refused.exception, SystemExit | IcerecoError)
    assert refused.exit_code != 0
    assert CliRunner().invoke(main, [*arguments, "--drop-unknown-sensors"]).exit_code == 0
    assert pq.read_table("merged.reco.parquet")["pulses_total"].to_pylist() == [7, 8] * 10
