"""The method `hybrid`: the likelihood fit from the model that would be used, with the calibration that comes with icereco."""

from pathlib import Path

import numpy as np
import pytest

from icereco.data.simulated import simulate
from icereco.errors import IcerecoError
from icereco.events.batch import EventBatch
from icereco.reconstruction.calibration_file import CalibrationFile
from icereco.reconstruction.methods import Method
from icereco.reconstruction.wanted import Wanted
from icereco.system.resources import calibrations_dir


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without runs or models of one's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "own"))


@pytest.fixture(scope="module")
def events() -> EventBatch:
    return simulate(6, seed=5)


def hybrid(**options: str) -> Method:
    return Wanted(method="hybrid", detector="icecube86", options=options, device="cpu").choice().method


def test_it_fits_from_the_model_that_would_be_used(events: EventBatch) -> None:
    method = hybrid()
    assert method.name == "hybrid"
    model = Wanted(detector="icecube86", device="cpu").choice().method
    seeds = method.provenance["seeds"]
    assert [seed["checkpoint_sha256"] for seed in seeds] == [model.provenance["checkpoint_sha256"]]
    fitted = method(events)
    assert np.isfinite(fitted.direction).all()
    assert fitted.posterior is not None
    assert not np.array_equal(fitted.direction, model(events).direction)


def test_its_calibration_is_of_the_model_and_the_options_of_now(events: EventBatch) -> None:
    method = hybrid()
    path = calibrations_dir() / "hybrid.json"
    assert method.provenance["calibration"]["file"] == str(path)
    assert method.uncalibrated is not None
    before, after = method.uncalibrated(events), method(events)
    np.testing.assert_array_equal(after.direction, before.direction)
    assert not np.array_equal(after.kind_probability, before.kind_probability)


def test_with_other_options_it_is_not_calibrated() -> None:
    assert "calibration" not in hybrid(samples="4").provenance


def test_a_calibration_of_ones_own_takes_the_place_of_the_one_that_comes_with_it(
    tmp_path: Path, events: EventBatch
) -> None:
    method = hybrid()
    own = tmp_path / "own.json"
    own.write_bytes((calibrations_dir() / "hybrid.json").read_bytes())
    again = CalibrationFile.read(own).applied(method, own)
    assert again.provenance["calibration"]["file"] == str(own)
    np.testing.assert_array_equal(again(events).kind_probability, method(events).kind_probability)


def test_another_process_makes_the_same_method(events: EventBatch) -> None:
    method = hybrid()
    assert method.again is not None
    again = method.again()
    assert again.name == "hybrid"
    np.testing.assert_array_equal(again(events).direction, method(events).direction)
    np.testing.assert_array_equal(again(events).kind_probability, method(events).kind_probability)


def test_without_a_model_for_the_detector_the_search_over_the_sky_is_named() -> None:
    with pytest.raises(IcerecoError, match="--method likelihood searches the whole sky"):
        Wanted(method="hybrid", detector="deepcore").choice()
