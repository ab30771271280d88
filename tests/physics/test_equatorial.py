"""Right ascension and declination: against astropy, and against coordinates that experiments published of real events."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icereco.data.sources.source import open_source
from icereco.detector.detector import detector_names, load_detector
from icereco.detector.site import SITE, Site, read_site
from icereco.errors import IcerecoError
from icereco.physics.equatorial import equatorial_angles, equatorial_rotation
from icereco.physics.sphere import direction_from_angles, opening_angle

TOLERANCE_DEG = 0.1
DUT1_DEG = 0.9 * 15 / 3600
"""What Earth turns in the greatest difference of UT1 and UTC."""

PUBLISHED_DEG = {"run00136662-evt000035405932-BRONZE.pkl": (48.8497, -3.5219)}
"""IceCube-220524A: the first GCN notice, 136662_35405932, which has the direction of OnlineL2_SplineMPE."""

KM3_230213A_DEG, KM3_68_PERCENT_DEG = (94.3, -7.8), 1.5
"""KM3NeT Collaboration, Nature 638 (2025) 376."""


def random_directions(count, seed):
    vectors = np.random.default_rng(seed).normal(size=(count, 3))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def from_angles(right_ascension_deg, declination_deg):
    right_ascension, declination = (
        np.radians(np.atleast_1d(one)) for one in (right_ascension_deg, declination_deg)
    )
    return direction_from_angles(right_ascension, np.pi / 2 - declination)


def apart_deg(angles, right_ascension_deg, declination_deg):
    ours = from_angles(*np.degrees(angles))
    return np.degrees(opening_angle(ours, from_angles(right_ascension_deg, declination_deg)))


def by_astropy(direction, mjd, site):
    from astropy import units
    from astropy.coordinates import ICRS, AltAz, EarthLocation
    from astropy.time import Time
    from astropy.utils import iers

    place = EarthLocation(lat=site.latitude_deg * units.deg, lon=site.longitude_deg * units.deg)
    azimuth = np.degrees(np.arctan2(direction[:, 1], direction[:, 0]))
    with iers.conf.set_temp("auto_download", False), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        local = AltAz(
            alt=np.degrees(np.arcsin(direction[:, 2])) * units.deg,
            az=(site.x_axis_deg - azimuth) * units.deg,
            location=place,
            obstime=Time(mjd, format="mjd", scale="utc"),
        )
        sky = local.transform_to(ICRS())
    return sky.ra.deg, sky.dec.deg


@pytest.mark.parametrize("name", ["icecube86", "km3net-orca6", "km3net-arca115", "pone", "gvd", "trident"])
def test_coordinates_are_those_of_astropy(name):
    site = load_detector(name).site
    assert site is not None
    direction, mjd = random_directions(200, 3), np.random.default_rng(4).uniform(55_000, 61_000, 200)
    away = apart_deg(equatorial_angles(direction, mjd, site), *by_astropy(direction, mjd, site))
    assert away.max() < DUT1_DEG + 0.001


def test_every_card_has_a_site():
    assert all(load_detector(name).site for name in detector_names())


@given(
    st.floats(-90, 90), st.floats(-180, 180), st.floats(0, 360), st.floats(20_000, 80_000), st.integers(0, 99)
)
@settings(max_examples=30)
def test_the_rotation_is_that_of_single_directions(latitude, longitude, bearing, mjd, seed):
    site = Site(latitude, longitude, bearing)
    turn, direction = equatorial_rotation(mjd, site), random_directions(20, seed)
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(turn) == pytest.approx(1.0)
    right_ascension, declination = equatorial_angles(direction, np.full(20, mjd), site)
    turned = direction_from_angles(right_ascension, np.pi / 2 - declination)
    assert np.degrees(opening_angle(direction @ turn.T, turned)).max() < 0.01


def test_what_is_not_known_has_no_coordinates():
    site = load_detector("icecube86").site
    direction = np.array([[0.0, 0, 1], [np.nan] * 3, [0.0, 0, 1], [0.0, 0, 1], [0.0, 0, 1]])
    times = np.array([59_000.0, 59_000.0, np.nan, 0.0, 1e9])
    for angle in equatorial_angles(direction, times, site):
        assert np.isfinite(angle).tolist() == [True, False, False, False, False]


@pytest.mark.parametrize("file", PUBLISHED_DEG)
def test_a_published_alert_has_its_published_coordinates(shared_data: Path, file: str):
    path = shared_data / "i3" / "realtime" / file
    if not path.is_file():
        pytest.skip("needs ../shared/data/i3/realtime beside the checkout")
    detector = load_detector("icecube86")
    (rows,) = open_source(path).checked(detector, as_given=True)
    azimuth, zenith = (np.asarray(rows[f"fit_OnlineL2_SplineMPE_{angle}"]) for angle in ("azimuth", "zenith"))
    assert detector.site is not None
    ours = equatorial_angles(
        direction_from_angles(azimuth, zenith), np.asarray(rows["start_mjd"]), detector.site
    )
    assert apart_deg(ours, *PUBLISHED_DEG[file])[0] < TOLERANCE_DEG


def test_the_brightest_event_of_km3net_is_where_it_was_published(shared_data: Path):
    pytest.importorskip("km3io", reason="needs icereco[km3net]")
    folder = shared_data / "km3net" / "km3-230213a"
    if not folder.is_dir():
        pytest.skip("needs ../shared/data/km3net beside the checkout")
    (rows,) = open_source(folder / "KM3-230213A_allhits.root").checked(
        load_detector(folder / "arca21"), as_given=True
    )
    azimuth, zenith = (np.asarray(rows[f"fit_jmuon_{angle}"]) for angle in ("azimuth", "zenith"))
    site = load_detector("km3net-arca115").site
    assert site is not None
    ours = equatorial_angles(direction_from_angles(azimuth, zenith), np.asarray(rows["start_mjd"]), site)
    assert apart_deg(ours, *KM3_230213A_DEG)[0] < KM3_68_PERCENT_DEG


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("latitude_deg = 91.0\nlongitude_deg = 0.0\nx_axis_deg = 0.0\n", "latitude_deg must be at most 90"),
        ("latitude_deg = 1.0\nlongitude_deg = 0.0\n", "x_axis_deg is missing"),
        ("latitud_deg = 1.0\n", "did you mean 'latitude_deg'"),
    ],
)
def test_a_site_that_is_none_is_reported(tmp_path: Path, content: str, words: str):
    (tmp_path / SITE).write_text(content)
    with pytest.raises(IcerecoError, match=words):
        read_site(tmp_path)
