"""`icereco skymap`: files, figures, summary, and what it refuses."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.table import QTable
from astropy_healpix import healpix_to_xyz
from click.testing import CliRunner, Result
from PIL import Image

from icereco.cli import main
from icereco.data.simulated import simulate
from icereco.detector.detector import load_detector
from icereco.events.reconstruction import Reconstruction
from icereco.events.vmf_mixture import VmfMixture
from icereco.physics import healpix
from icereco.physics.sphere import direction_from_angles, opening_angle
from icereco.tables.reconstruction_columns import reconstruction_rows
from icereco.tables.reconstructions import reconstruction_writer

MJD = 59_000.25
CONTOURS = (0.5, 0.9)
KAPPA = {
    10: [400.0, 400.0],
    11: [0.0, 0.0],
    12: [1e8, 1e8],
    13: [300.0, 300.0],
    14: [50.0, 2000.0],
    15: [np.nan] * 2,
}
ZENITHS = {10: (80, 82), 11: (30, 30), 12: (90, 90), 13: (0.5, 1.0), 14: (40, 120), 15: (np.nan, np.nan)}
"""Nearly round across azimuth 0; uniform; very narrow; at the zenith; two maxima; no prediction."""


def unit(zenith_deg):
    zenith = np.radians(np.array(zenith_deg, float))
    return direction_from_angles(np.zeros_like(zenith), zenith)


def write(path: Path, *, timed=True, posterior=True, detector="icecube86") -> Path:
    events = list(KAPPA)
    densities = VmfMixture(
        np.tile([0.6, 0.4], (len(events), 1)),
        np.stack([unit(ZENITHS[event]) for event in events]),
        np.array([KAPPA[event] for event in events]),
    )
    batch = replace(simulate(len(events), seed=3), event_id=np.array(events))
    direction = densities.mean[:, 0]
    carried = (
        {"start_mjd": pa.array([MJD] * len(events)), "run": pa.array([7] * len(events))} if timed else {}
    )
    result = Reconstruction(direction, densities if posterior else None)
    site = load_detector("icecube86").site
    with reconstruction_writer(
        path, {"method": "model", "detector": {"name": detector, "fingerprint": "f"}}
    ) as table:
        table.write(
            reconstruction_rows(
                batch, result, {"linefit": Reconstruction(batch.truth.direction)}, carried, site
            )
        )
    return path


@pytest.fixture
def saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write(tmp_path / "events.reco.parquet")


def skymap(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["skymap", *map(str, arguments)])


def done(*arguments: object) -> Result:
    result = skymap(*arguments)
    assert result.exit_code == 0, result.output
    return result


def complaint(*arguments: object) -> str:
    result = skymap(*arguments)
    assert result.exit_code == 2, result.output
    assert result.stderr.startswith("error: ")
    return result.stderr


@pytest.mark.parametrize("event", [10, 11, 12, 13, 14])
def test_a_map_is_a_multi_order_table_whose_probability_sums_to_one(saved, event):
    done(saved, event, "-o", "sky.fits")
    table = QTable.read("sky.fits")
    order, pixel = healpix.from_uniq(np.asarray(table["UNIQ"]))
    assert table["PROBDENSITY"].unit == "1 / sr"
    assert healpix.area_sr(order).sum() == pytest.approx(4 * np.pi)
    assert (table["PROBDENSITY"].value * healpix.area_sr(order)).sum() == pytest.approx(1.0)
    assert (table.meta["ORDERING"], table.meta["COORDSYS"], table.meta["MJD-OBS"]) == ("NUNIQ", "C", MJD)
    row = pq.read_table(saved).filter(pa.compute.field("event_id") == event).to_pylist()[0]
    if event != 11:
        best = healpix.centres(order, pixel)[int(table["PROBDENSITY"].argmax())]
        published = direction_from_angles(np.array(row["ra"]), np.array(np.pi / 2 - row["dec"]))
        sigma = 1 / np.sqrt(np.nanmax(KAPPA[event]))
        assert opening_angle(best, published) < max(sigma, np.radians(0.01)) or event == 14


def test_contours_are_polygons_in_both_frames_and_as_large_as_the_columns_say(saved):
    done(saved, 10, "-o", "sky.json")
    document = json.loads(Path("sky.json").read_text())
    row = pq.read_table(saved).filter(pa.compute.field("event_id") == 10).to_pylist()[0]
    for name in ("50", "90"):
        contour = document["contours"][f"{name}%"]
        area = contour["area_square_deg"] * np.radians(1.0) ** 2
        assert area == pytest.approx(row[f"area{name}_sr"], rel=0.03)
        (local,), (sky,) = contour["polygons"], contour["polygons_ra_dec"]
        assert len(local) == len(sky)
        assert local[0] == local[-1]
        zenith, azimuth = np.radians(local).T
        away = opening_angle(direction_from_angles(azimuth, zenith), direction_from_angles(
            np.array([row["azimuth"]]), np.array([row["zenith"]])))  # fmt: skip
        right_ascension, declination = np.radians(sky).T
        there = opening_angle(direction_from_angles(right_ascension, np.pi / 2 - declination), direction_from_angles(
            np.array([row["ra"]]), np.array([np.pi / 2 - row["dec"]])))  # fmt: skip
        assert np.degrees(away) == pytest.approx(np.degrees(there), abs=0.02)
        assert away.min() < row[f"r{name}"] < away.max()
    assert document["truth"]["separation_deg"] == document["others"]["linefit"]["separation_deg"]


@pytest.mark.parametrize("event", [10, 11, 12, 13, 14])
@pytest.mark.parametrize("frame", ["equatorial", "detector"])
def test_figures_are_drawn_of_every_shape(saved, event, frame):
    done(saved, event, "--frame", frame, "-o", "sky.png")
    with Image.open("sky.png") as picture:
        assert picture.width > 1000
        assert len(picture.getcolors(1 << 24)) > 50


def test_a_figure_says_what_it_shows_and_is_the_same_every_time(saved):
    for name in ("one.svg", "two.svg", "sky.pdf"):
        done(saved, 10, "-o", name)
    text = Path("one.svg").read_text()
    for words in ("right ascension", "declination", "50%", "90%", "true direction", "linefit", "event 10"):
        assert words in text
    assert re.search(r">−?\d+\.?\d*°<", text)
    assert text == Path("two.svg").read_text()
    assert Path("sky.pdf").read_bytes().startswith(b"%PDF")


def test_several_events_have_their_ids_in_the_names(saved):
    result = done(saved, 10, 14, "-o", "sky.fits", "-o", "sky.json", "--json")
    assert sorted(path.name for path in Path().glob("sky*")) == [
        "sky-10.fits",
        "sky-10.json",
        "sky-14.fits",
        "sky-14.json",
    ]
    documents = json.loads(result.stdout)
    assert [one["event_id"] for one in documents] == [10, 14]
    assert documents[0]["outputs"] == ["sky-10.fits", "sky-10.json"]


def test_without_the_time_the_frame_is_that_of_the_detector(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path / "untimed.parquet", timed=False)
    result = done(path, 10, "-o", "sky.fits", "-o", "sky.json")
    assert "right ascension" not in result.stdout
    meta = QTable.read("sky.fits").meta
    assert meta["FRAME"] == "DETECTOR"
    assert "COORDSYS" not in meta
    assert "polygons_ra_dec" not in json.loads(Path("sky.json").read_text())["contours"]["50%"]
    assert "its time (start_mjd)" in complaint(path, 10, "--frame", "equatorial")
    assert "equatorial coordinates" in complaint(path, 10, "-o", "sky.npz")


def test_the_site_is_that_of_the_named_detector(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path / "own.parquet", detector="a-card-of-my-own")
    assert "right ascension" not in done(path, 10).stdout
    assert "--detector" in complaint(path, 10, "--frame", "equatorial")
    assert "right ascension" in done(path, 10, "--detector", "icecube86").stdout


def test_skyreader_gets_pixels_of_each_nside_that_cover_the_sky(saved):
    """As its SkyScanResult.read_npz reads them, and finds the value of a direction: in the finest pixels that have it."""
    done(saved, 10, "-o", "sky.npz")
    with np.load("sky.npz") as result:
        header = result["header"]
        covered = 0.0
        for one in header:
            assert {"run_id", "event_id", "mjd", "event_type", "nside"} <= set(one.dtype.names)
            pixels = result[f"nside-{one['nside']}"]
            assert pixels.dtype.names == ("index", "llh", "E_in", "E_tot")
            assert (np.diff(pixels["index"]) > 0).all()
            covered += len(pixels) / (12 * int(one["nside"]) ** 2)
        _, nside, index = min(
            (pixel["llh"], int(one["nside"]), int(pixel["index"]))
            for one in header
            for pixel in result[f"nside-{one['nside']}"]
        )
    row = pq.read_table(saved).to_pylist()[0]
    best = np.array(healpix_to_xyz(index, nside, order="ring"))
    direction = direction_from_angles(np.array(row["ra"]), np.array(np.pi / 2 - row["dec"]))
    assert np.degrees(opening_angle(best, direction)) < 1.5
    assert covered == pytest.approx(1.0)
    assert (header["run_id"] == 7).all()


def test_an_event_that_is_not_there_is_reported_with_the_nearest(saved):
    assert "the nearest is 15, and its 6 events are 10 to 15" in complaint(saved, 17)


def test_a_file_without_posteriors_is_reported_with_what_to_do(tmp_path):
    path = write(tmp_path / "bare.parquet", posterior=False)
    assert "--method likelihood" in complaint(path, 10)


def test_an_event_without_a_prediction_is_reported_before_anything_is_written(saved):
    assert "event 15 has no direction by model" in complaint(saved, 10, 15, "-o", "sky.fits")
    assert not list(Path().glob("sky*"))


def test_a_posterior_that_is_no_probability_is_reported(saved):
    table = pq.read_table(saved)
    at = table.schema.names.index("posterior_weight")
    twice = pa.array([[2.0 * weight for weight in row] for row in table["posterior_weight"].to_pylist()])
    pq.write_table(table.set_column(at, table.schema.field(at), twice), saved)
    assert "event 10 (posterior_weight) must be at least 0 and sum to 1, not 2" in complaint(saved, 10)


@pytest.mark.parametrize(
    ("name", "words"),
    [("sky.fit", "did you mean '.fits'"), ("sky", "a file without suffix"), (".", "is not written as")],
)
def test_other_endings_are_refused(saved, name, words):
    assert words in complaint(saved, 10, "-o", name)


def test_what_exists_is_replaced_with_force_only(saved):
    done(saved, 10, "-o", "sky.json")
    assert "--force" in complaint(saved, 10, "-o", "sky.json")
    done(saved, 10, "-o", "sky.json", "--force")


def test_a_missing_file_is_reported(saved):
    assert "there is no file nothing.parquet" in complaint("nothing.parquet", 10)
