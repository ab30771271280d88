"""`icereco likelihood scan`: files, summary, and what it refuses."""

import json
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.table import QTable
from click.testing import CliRunner, Result
from PIL import Image

from icereco.cli import main
from icereco.data.simulated import simulate
from icereco.detector.detector import load_detector
from icereco.physics import healpix
from icereco.reconstruction import scan as scanning
from icereco.tables.schema import SCHEMA
from icereco.testing.random_events import random_events


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(scanning, "_FIRST_NSIDE", 2)
    return tmp_path


def scan(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["likelihood", "scan", *map(str, arguments)])


def complaint(*arguments: object) -> str:
    result = scan(*arguments)
    assert result.exit_code == 2, result.output
    assert result.stderr.startswith("error: ")
    assert "Traceback" not in result.output
    return result.stderr


@pytest.fixture(scope="module")
def track_table() -> pa.Table:
    """A simulated through-going track, as a table of one row."""
    batch = simulate(12, seed=3)
    assert batch.truth is not None
    (row, *_) = np.flatnonzero(batch.truth.kind == "through_track")
    event = batch[int(row) : int(row) + 1]
    sensor = event.sensor_id[event.dom_of_pulse]
    azimuth = np.arctan2(event.truth.direction[0, 1], event.truth.direction[0, 0]) % (2 * np.pi)
    columns = {
        "event_id": [7],
        "sensor_id": [sensor],
        "time": [event.time_ns],
        "charge": [event.charge_pe],
        "auxiliary": [event.auxiliary],
        "azimuth": [azimuth],
        "zenith": [np.arccos(event.truth.direction[0, 2])],
    }
    known = [field for field in SCHEMA if field.name in columns]
    return pa.table([pa.array(columns[field.name], field.type) for field in known], schema=pa.schema(known))


@pytest.fixture
def track(folder: Path, track_table: pa.Table) -> Path:
    pq.write_table(track_table, folder / "track.parquet")
    return folder / "track.parquet"


def test_a_scan_is_written_as_map_contours_and_picture(track: Path) -> None:
    outputs = [f"-o{name}" for name in ("scan.fits", "scan.json", "scan.png")]
    result = scan("track.parquet", 7, "--hypothesis", "track", "--nside", 16, "--json", *outputs)
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)

    table = QTable.read("scan.fits")
    order, _ = healpix.from_uniq(np.asarray(table["UNIQ"]))
    assert table["PROBDENSITY"].unit == "1 / sr"
    assert (table["PROBDENSITY"].value * healpix.area_sr(order)).sum() == pytest.approx(1.0)
    above = (table["LOGLIKELIHOOD"] - table["LOGLIKELIHOOD"].max()) / table.meta["TEMPER"]
    np.testing.assert_allclose(table["PROBDENSITY"].value, table["PROBDENSITY"].value.max() * np.exp(above))
    assert table.meta["ORDERING"] == "NUNIQ"
    assert table.meta["EVENTID"] == 7
    assert "COORDSYS" not in table.meta
    assert any("CAME FROM" in line for line in table.meta["comments"])
    detector = load_detector("icecube86")
    assert table.meta["DETPRINT"] == detector.fingerprint
    facts = json.loads(table.meta["ICERECO"])
    assert facts["detector"]["fingerprint"] == detector.fingerprint
    assert facts["method_options"]["hypothesis"] == "track"
    assert table.meta["LOGLMAX"] == summary["best"]["log_likelihood"]
    best = healpix.centres(order, healpix.from_uniq(np.asarray(table["UNIQ"]))[1])[
        table["LOGLIKELIHOOD"].argmax()
    ]
    assert np.degrees(np.arccos(best[2])) == pytest.approx(summary["best"]["zenith_deg"])

    document = json.loads(Path("scan.json").read_text())
    assert document["truth"] == summary["truth"]
    for contour in document["contours"].values():
        for polygon in contour.pop("polygons"):
            assert polygon[0] == polygon[-1]
            assert np.all(np.array(polygon) <= [180, 360])
    assert document["contours"] == summary["contours"]
    with Image.open("scan.png") as picture:
        assert picture.size[0] > 1000


def test_files_that_exist_are_replaced_only_if_asked_and_the_summary_says_where_the_truth_lies(
    track: Path,
) -> None:
    Path("scan.fits").write_text("kept")
    message = complaint("track.parquet", 7, "-o", "scan.fits")
    assert "already exists" in message
    assert "--force" in message
    assert Path("scan.fits").read_text() == "kept"
    result = scan("track.parquet", 7, "-o", "scan.fits", "--force", "--hypothesis", "track", "--nside", 16)
    assert result.exit_code == 0, result.output
    assert len(QTable.read("scan.fits"))
    assert re.search(r"true +zenith .* from the best pixel, at the [\d.]+% contour", result.stdout)
    assert "square degrees" in result.stdout


@pytest.mark.parametrize("name", ["scan.fit", "scan", "scan.fits.gz"])
def test_other_suffixes_are_refused_before_anything_is_read(folder: Path, name: str) -> None:
    assert "allowed: .fits, .json, .png, .svg" in complaint("nothing.parquet", 7, "-o", name)


def test_a_missing_event_is_reported_with_the_nearest(track: Path) -> None:
    message = complaint("track.parquet", 9)
    assert "there is no event_id 9" in message
    assert "the nearest is 7" in message


def test_a_missing_file_is_reported(folder: Path) -> None:
    assert "nothing" in complaint("nothing.parquet", 1)


def test_a_file_without_sensors_is_reported(track: Path, track_table: pa.Table) -> None:
    pq.write_table(track_table.drop_columns(["sensor_id"]), track)
    assert "sensor_id" in complaint("track.parquet", 7)


def test_a_detector_without_scattering_lengths_is_reported(track: Path) -> None:
    assert "scattering_length_m" in complaint("track.parquet", 7, "--detector", "pone")


def test_a_method_without_a_likelihood_is_reported(track: Path) -> None:
    assert "'linefit' has no likelihood to scan" in complaint("track.parquet", 7, "--method", "linefit")


@pytest.mark.parametrize(("pulses", "message"), [(0, "has no pulses"), (1, "too few modules")])
def test_events_that_cannot_be_fitted_are_reported(folder: Path, pulses: int, message: str) -> None:
    table = random_events(np.array([pulses, 30]), seed=6)
    pq.write_table(table, "events.parquet")
    event = table["event_id"][0].as_py()
    error = complaint("events.parquet", event)
    assert message in error
    assert str(event) in error


def test_the_help_names_the_files_and_shows_examples() -> None:
    text = CliRunner().invoke(main, ["likelihood", "scan", "--help"]).output
    assert ".fits" in text
    assert any(line.startswith("  icereco likelihood scan ") for line in text.splitlines())
