"""The method `hybrid`: the likelihood fit from the model that would be used, with the calibration that comes with icereco."""

from pathlib import Path

import numpy as np
import pytest

from icereco.data.simulated import simulate
from icereco.errors import IcerecoError
from icereco.events.batch import EventBatch
from icereco.reconstruction import hybrid as hybrid_module
from icereco.reconstruction.calibration_file import CalibrationFile
from icereco.reconstruction.combination import densest
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
    assert before.kappa is not None
    assert after.kappa is not None
    assert not np.array_equal(after.kappa, before.kappa)


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
    np.testing.assert_array_equal(again(events).kappa, method(events).kappa)


def test_another_process_makes_the_same_method(events: EventBatch) -> None:
    method = hybrid()
    assert method.again is not None
    again = method.again()
    assert again.name == "hybrid"
    np.testing.assert_array_equal(again(events).direction, method(events).direction)
    np.testing.assert_array_equal(again(events).kappa, method(events).kappa)


def test_energy_and_kind_are_the_models(events: EventBatch) -> None:
    method = hybrid().uncalibrated
    assert method is not None
    both, model = method(events), Wanted(detector="icecube86", device="cpu").choice().method(events)
    for name in ("energy_gev", "energy_interval_gev", "kind_probability", "inelasticity"):
        np.testing.assert_array_equal(getattr(both, name), getattr(model, name))
    assert both.vertex_m is not None
    assert not np.array_equal(both.vertex_m, model.vertex_m)


def test_its_posterior_is_that_of_the_network_which_weighs_both(events: EventBatch) -> None:
    method = hybrid().uncalibrated
    assert method is not None
    assert method.provenance["combination"]["seeds"][0]["model"] == "fast"
    fitted = method(events)
    assert fitted.posterior is not None
    np.testing.assert_allclose(fitted.direction, densest(fitted.posterior.as_mixture()))


def test_with_other_options_a_part_of_its_posterior_is_the_models(events: EventBatch) -> None:
    method = hybrid(samples="4")
    assert "combination" not in method.provenance
    both, model = method(events).posterior, Wanted(detector="icecube86", device="cpu").choice().method(events)
    assert both is not None
    assert model.posterior is not None
    whole, part = both.as_mixture(), model.posterior.as_mixture()
    share = np.exp(whole.log_density(part.mean) - part.log_density(part.mean))
    assert (share[part.weight > 0] > hybrid_module._SHARE_OF_MODEL * 0.999).all()


def test_the_model_takes_the_place_of_a_fit_that_fails(events: EventBatch) -> None:
    whole = events[:1]
    pulses = int(whole.pulse_offsets[1])
    one_module = EventBatch(
        event_id=whole.event_id,
        dom_offsets=np.array([0, 1]),
        pulse_offsets=whole.pulse_offsets[:2],
        sensor_id=whole.sensor_id[:1],
        position_m=whole.position_m[:1],
        time_ns=whole.time_ns[:pulses],
        charge_pe=whole.charge_pe[:pulses],
        auxiliary=whole.auxiliary[:pulses],
    )
    method = hybrid().uncalibrated
    assert method is not None
    both, model = method(one_module), Wanted(detector="icecube86", device="cpu").choice().method(one_module)
    assert both.status is not None
    assert both.status[0] == "too few modules"
    np.testing.assert_array_equal(both.direction, model.direction)
    assert both.kappa is not None
    assert model.kappa is not None
    np.testing.assert_allclose(both.kappa, model.kappa, rtol=1e-6)


def test_its_name_is_suggested_for_what_is_close_to_it() -> None:
    with pytest.raises(IcerecoError, match="no method is called 'hybrd'; did you mean 'hybrid'"):
        Wanted(method="hybrd", detector="icecube86").choice()


def test_an_option_that_it_does_not_have_is_reported_as_its_own() -> None:
    with pytest.raises(
        IcerecoError,
        match=r"samplse is not an option of the method 'hybrid'; did you mean 'samples'\?\n  it has: .*samples",
    ):
        hybrid(samplse="4")


def test_without_a_model_for_the_detector_the_search_over_the_sky_is_named() -> None:
    with pytest.raises(IcerecoError, match="--method likelihood searches the whole sky"):
        Wanted(method="hybrid", detector="deepcore").choice()
