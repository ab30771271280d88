import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from icereco.detector import detector_names, load_detector
from icereco.errors import IcerecoError
from icereco.resources import data_dir


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
            r"sensors\.csv:1: needs .*quantum_efficiency.*found .*qe",
        ),
        ("ice.csv", "-820.40", "-830.40", r"ice\.csv:4: z_m must ascend"),
        ("detector.toml", "rate_hz = 560.0", "", r"detector\.toml: noise\.rate_hz is missing"),
        ("detector.toml", "rate_hz = 560.0", "rate_hz = '560'", r"noise\.rate_hz must be a number"),
        ("detector.toml", "rate_hz = 560.0", "rate_hz = ", r"detector\.toml: not valid TOML.*line"),
        ("detector.toml", "ice.csv", "snow.csv", r"snow\.csv: cannot read"),
    ],
)
def test_a_broken_card_names_the_file_and_the_place(card: Path, file: str, old: str, new: str, message: str):
    replace(card / file, old, new)
    with pytest.raises(IcerecoError, match=message):
        load_detector(card)


def test_a_folder_without_card_is_refused(tmp_path: Path):
    with pytest.raises(IcerecoError, match=r"holds no detector\.toml"):
        load_detector(tmp_path)


def test_loading_a_card_imports_nothing_heavy():
    code = (
        "import sys; from icereco.detector import load_detector; load_detector('icecube86');"
        "print([m for m in ('torch', 'polars', 'pyarrow', 'pydantic') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
