import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from icereco.detector.cards import find_card
from icereco.detector.detector import detector_names, load_detector
from icereco.errors import IcerecoError
from icereco.system.resources import data_dir


@pytest.fixture
def card(tmp_path: Path) -> Path:
    return Path(shutil.copytree(data_dir("geometry") / "icecube86", tmp_path / "mine"))


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_icecube86_has_86_strings_of_60_modules_in_order():
    detector = load_detector("icecube86")
    ids = np.arange(5160)
    np.testing.assert_array_equal(detector.string, ids // 60 + 1)
    np.testing.assert_array_equal(detector.om, ids % 60 + 1)
    assert detector.position_m.shape == (5160, 3)
    assert np.all(np.diff(detector.position_m[:60, 2]) < 0), "om 1 is at the top"
    assert abs(detector.position_m.mean(axis=0)[:2]).max() < 10


def test_icecube86_knows_dead_and_high_efficiency_modules():
    detector = load_detector("icecube86")
    assert 50 < np.count_nonzero(~detector.alive) < 100
    high = detector.quantum_efficiency > 1.1
    assert set(np.unique(detector.string[high])) >= set(range(79, 87))
    np.testing.assert_array_equal(detector.noise_rate_hz, np.where(high, np.float32(780), np.float32(560)))


def test_icecube86_ice_is_dusty_at_2000_m_depth_and_clearest_below():
    medium = load_detector("icecube86").medium
    assert np.all(np.diff(medium.z_m) > 0)
    dust = np.interp(1948.07 - 2050, medium.z_m, medium.absorption_length_m)
    clear = np.interp(1948.07 - 2440, medium.z_m, medium.absorption_length_m)
    assert dust < 40 < 150 < clear
    assert medium.scattering_length_m.min() > 1


def test_every_shipped_card_loads_and_bears_the_name_of_its_folder():
    assert "icecube86" in detector_names()
    for name in detector_names():
        assert load_detector(name).name == name


def test_a_card_of_ones_own_loads_from_its_folder(card: Path):
    shipped = load_detector("icecube86")
    assert load_detector(card).fingerprint == shipped.fingerprint
    assert load_detector(str(card)).fingerprint == shipped.fingerprint


def test_any_change_of_a_figure_changes_the_fingerprint(card: Path):
    replace(card / "ice.csv", "-840.40", "-840.39")
    assert load_detector(card).fingerprint != load_detector("icecube86").fingerprint


def test_unknown_name_suggests_the_nearest():
    with pytest.raises(IcerecoError, match="did you mean 'icecube86'"):
        load_detector("icecube68")


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("sensors.csv", "1,2,-256.14", "1,2,here", r"sensors\.csv:3: x_m must be a number, not 'here'"),
        ("sensors.csv", "1,2,-256.14", "1,2", r"sensors\.csv:3: 6 values where the header names 7"),
        ("sensors.csv", "1,2,-256.14", "1,2,nan", r"sensors\.csv:3: x_m must be a finite number"),
        (
            "sensors.csv",
            "quantum_efficiency",
            "qe",
            r"sensors\.csv:1: no column is called 'qe' \(known: .*quantum_efficiency",
        ),
        ("sensors.csv", "string,om", "strings,om", r"sensors\.csv:1: needs .*string.*found strings"),
        ("ice.csv", "-820.40", "-830.40", r"ice\.csv:4: z_m must be above that of the row before"),
        ("ice.csv", "4.95,17.76", "4.95,0", r"ice\.csv:2: absorption_length_m must be above 0"),
        ("detector.toml", "[noise]", "[nose]", r"nose is not part of a detector card; did you mean 'noise'"),
        ("detector.toml", "layers =", "layer =", r"medium\.layer is not part of .*did you mean 'layers'"),
        ("detector.toml", '"ice"', '"snow"', r"medium\.kind must be one of ice, water, not 'snow'"),
        ("detector.toml", "-1948.07]", "]", r"file_origins_m\.prometheus must be a list \[x, y, z\]"),
        ("detector.toml", "-1948.07]", "'deep']", r"file_origins_m\.prometheus must be a number"),
        ("detector.toml", "rate_hz = 560.0", "", r"detector\.toml: noise\.rate_hz is missing"),
        ("detector.toml", "rate_hz = 560.0", "rate_hz = '560'", r"noise\.rate_hz must be a number"),
        ("detector.toml", "rate_hz = 560.0", "rate_hz = ", r"detector\.toml: not valid TOML.*line"),
        ("detector.toml", "ice.csv", "snow.csv", r"snow\.csv: cannot read"),
    ],
)
def test_a_broken_detector_names_the_file_and_the_place(
    card: Path, file: str, old: str, new: str, message: str
):
    replace(card / file, old, new)
    with pytest.raises(IcerecoError, match=message):
        load_detector(card)


def test_a_folder_without_card_is_refused(tmp_path: Path):
    with pytest.raises(IcerecoError, match=r"holds no detector\.toml"):
        load_detector(tmp_path)


def test_loading_a_card_imports_nothing_heavy():
    code = (
        "import sys; from icereco.detector.detector import load_detector; load_detector('icecube86');"
        "print([m for m in ('torch', 'polars', 'pyarrow', 'pydantic') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", detector_names())
def test_a_shipped_card_can_be_matched_by_place_and_number(name: str):
    detector = load_detector(name)
    used = detector.position_m[detector.alive]
    assert len(np.unique(used.round(2), axis=0)) == len(used), "no two modules in use are at one place"
    modules = np.stack([detector.string, detector.om], axis=1)
    assert len(np.unique(modules, axis=0)) == len(modules)
    for card_line in ("summary", "origin", "source.sensors", "source.medium"):
        assert find_card(name).text(card_line)


@pytest.mark.parametrize("name", detector_names())
def test_centre_and_extent_bring_every_module_in_use_to_order_one(name: str):
    detector = load_detector(name)
    scaled = (detector.position_m[detector.alive] - detector.centre_m) / detector.extent_m
    np.testing.assert_allclose(np.abs(scaled).max(axis=0), 1, rtol=1e-5)


def test_a_card_says_what_it_does_not_know():
    pone = load_detector("pone")
    assert pone.medium.kind == "water"
    assert pone.medium.absorption_length_m is None
    assert pone.noise_rate_hz is None
    assert pone.dom_id is None
    np.testing.assert_array_equal(load_detector("gvd").medium.scattering_length_m, [480])


def test_deepcore_is_a_part_of_icecube():
    whole, part = load_detector("icecube86"), load_detector("deepcore")
    rows = np.flatnonzero(np.isin(whole.string, part.string))
    for column in ("string", "om", "position_m", "quantum_efficiency", "alive", "noise_rate_hz"):
        np.testing.assert_array_equal(getattr(part, column), getattr(whole, column)[rows])
    np.testing.assert_array_equal(part.medium.absorption_length_m, whole.medium.absorption_length_m)


GEOFILES = {
    "icecube86": "icecube86", "deepcore": "icecube_deepcore", "upgrade": "icecube_upgrade", "gen2": "icecube_gen2",
    "orca": "orca", "arca": "arca", "gvd": "gvd_cluster", "pone": "pone_triangle", "trident": "trident",
}  # fmt: skip


@pytest.mark.parametrize(("name", "table"), GEOFILES.items(), ids=GEOFILES)
def test_a_card_has_the_modules_of_its_source(shared_data: Path, name: str, table: str):
    detector = load_detector(name)
    lines = np.genfromtxt(shared_data / "detectors" / f"{table}.csv", delimiter=",", names=True)
    place = np.stack([lines[axis] for axis in "xyz"], axis=1)
    np.testing.assert_array_equal(detector.string, lines["string"])
    np.testing.assert_array_equal(detector.om, lines["om"])
    # The tables of the parts of IceCube are in its coordinates already.
    ours = ("icecube86", "deepcore", "upgrade", "gen2")
    origin = (0, 0, 0) if name in ours else detector.file_origins_m["prometheus"]
    np.testing.assert_allclose(detector.position_m, place - origin, atol=0.002)


def test_photons_of_prometheus_are_at_the_modules_of_the_cards(shared_data: Path):
    photons = pq.read_table(shared_data / "prometheus" / "photons.parquet").to_pydict()
    source = np.array(photons["source"])
    place = np.stack([photons[axis] for axis in "xyz"], axis=1)
    for name, card in (("icecube_nue_example", "icecube86"), ("graphnet_22980001", "arca")):
        mine = np.unique(place[source == name], axis=0)
        detector = load_detector(card)
        ours = mine - detector.file_origins_m["prometheus"]
        distance = np.linalg.norm(ours[:, None] - detector.position_m, axis=2).min(axis=1)
        assert distance.max() < 0.01
    centred = np.unique(place[source == "graphnet_orca150_numu"], axis=0)
    orca = load_detector("orca").position_m
    assert np.linalg.norm(centred[:, None] - orca, axis=2).min(axis=1).max() < 0.01


KM3NET_TABLES = {"km3net-orca6": "orca6", "km3net-orca115-23m": "orca115", "km3net-arca115": "arca115"}


@pytest.mark.parametrize(("name", "table"), KM3NET_TABLES.items(), ids=KM3NET_TABLES)
def test_cards_of_km3net_know_modules_by_their_own_number(shared_data: Path, name: str, table: str):
    detector = load_detector(name)
    path = shared_data / "detectors" / f"km3net_{table}_doms.csv"
    dom_id, *place = np.loadtxt(path, delimiter=",", skiprows=1, unpack=True)[:4]
    np.testing.assert_array_equal(detector.dom_id, dom_id)
    ours = np.stack(place, axis=1) - detector.file_origins_m["km3net"]
    np.testing.assert_allclose(detector.position_m, ours, atol=0.002)


def test_the_instrumented_volume_is_the_outline_of_the_strings(detector):
    """IceCube's own border: string 1 is a corner of the outline, the middle between strings 1 and 6 is on its edge."""
    corner, neighbour = (detector.position_m[detector.string == string][0] for string in (1, 6))
    middle = detector.position_m.mean(axis=0)
    at = np.stack([corner, (corner + neighbour) / 2])
    at[:, 2] = 0
    inwards = (middle - at) * [1, 1, 0]
    inwards /= np.linalg.norm(inwards, axis=1, keepdims=True)
    assert detector.encloses(at + inwards).all()
    assert not detector.encloses(at - inwards).any()
    heights = np.array([detector.position_m[:, 2].max() + side for side in (-1, 1)])
    above = np.stack([np.zeros(2), np.zeros(2), heights], axis=1)
    assert detector.encloses(above).tolist() == [True, False]
    assert not detector.encloses(np.full((1, 3), np.nan)).any()


def test_the_site_is_no_part_of_the_fingerprint(card: Path):
    """No model depends on it: checkpoints and stores of cards without one stay valid."""
    place = 'latitude_deg = 1.0\nlongitude_deg = 2.0\nx_axis_deg = 90.0\nsource = "invented"\n'
    (card / "site.toml").write_text(place)
    moved, shipped = load_detector(card), load_detector("icecube86")
    assert moved.fingerprint == shipped.fingerprint
    assert moved.site != shipped.site
