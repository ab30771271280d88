"""Calibration: what is right is called right, what is too narrow or has no tails is seen and mended on other events."""

import numpy as np
import pytest

from icereco.evaluation.calibration import LEVELS, calibration, interval
from icereco.evaluation.recalibrate import LEAST_EVENTS, MOST_COMPONENTS, recalibrate
from icereco.events.recalibration import Recalibration
from icereco.events.truth import Truth
from icereco.events.vmf_mixture import VmfMixture


def right(events=3_000, seed=1, widths=(1.0,), shares=(1.0,), said=1.0):
    """Posteriors of one density each, the truths, and pulses.

    Truths are spread with κ times one of `widths`; the posteriors have κ times `said`.
    """
    random = np.random.default_rng(seed)
    kappa = 10 ** random.uniform(0.5, 3.5, events)
    direction = random.normal(size=(events, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    true_kappa = kappa * random.choice(widths, events, p=shares)
    truth = VmfMixture.single(direction, true_kappa).sample(1, seed=seed)[:, 0]
    return VmfMixture.single(direction, said * kappa), truth, random.integers(20, 500, events)


def held(posterior, truth, level):
    return float((posterior.content(truth) <= level).mean())


def truth_of(direction, **more):
    return Truth(direction=direction, **more)


@pytest.mark.parametrize("said", [0.2, 5.0], ids=["too wide", "too narrow"])
def test_wrong_widths_are_mended_on_other_events(said):
    posterior, truth, pulses = right(said=said)
    recalibration = recalibrate(posterior, pulses, truth)
    other, other_truth, other_pulses = right(seed=2, said=said)
    mended = recalibration(other, other_pulses)
    for level in (0.5, 0.9):
        assert abs(held(other, other_truth, level) - level) > 0.05
        assert held(mended, other_truth, level) == pytest.approx(level, abs=0.03)


def test_tails_are_found():
    wrong = {"widths": (1.0, 0.02), "shares": (0.7, 0.3)}
    recalibration = recalibrate(*(right(**wrong)[place] for place in (0, 2, 1)))
    other, truth, pulses = right(seed=2, **wrong)
    mended = recalibration(other, pulses)
    gain = mended.log_density(truth[:, None]) - other.log_density(truth[:, None])
    assert gain.mean() > 0.5
    for level in (0.5, 0.9):
        assert held(mended, truth, level) == pytest.approx(level, abs=0.03)


def test_right_posteriors_stay_as_they_are():
    posterior, truth, pulses = right()
    recalibration = recalibrate(posterior, pulses, truth)
    other, truth, pulses = right(seed=2)
    change = recalibration(other, pulses).log_density(truth[:, None]) - other.log_density(truth[:, None])
    assert change.mean() == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize(("events", "most"), [(LEAST_EVENTS, 1), (400, 3), (3_000, 15)])
def test_few_events_get_few_parameters(events, most):
    posterior, truth, pulses = right(events, widths=(1.0, 0.02), shares=(0.6, 0.4))
    recalibration = recalibrate(posterior, pulses, truth)
    relative = recalibration.weight[1:-1] - recalibration.weight[0]
    assert np.count_nonzero(recalibration.scale[:-1]) + np.count_nonzero(relative) <= most


@pytest.mark.parametrize("events", [LEAST_EVENTS, 1_500])
def test_no_direction_is_less_probable_than_so_many_events_can_tell(events):
    posterior, truth, pulses = right(events, widths=(1.0, 0.3), shares=(0.7, 0.3))
    recalibration = recalibrate(posterior, pulses, truth)
    other, _, pulses = right(seed=2)
    mended = recalibration(other, pulses)
    missed = np.log(1 / (events + 2)) - np.log(4 * np.pi)
    opposite = mended.log_density(-other.mode[:, None])[:, 0]
    assert opposite.min() > missed - 1
    assert np.median(opposite) == pytest.approx(missed, abs=0.3)
    assert other.log_density(-other.mode[:, None]).min() < -1_000


def test_too_few_events_and_posteriors_of_many_parts_are_left_alone():
    posterior, truth, pulses = right(LEAST_EVENTS - 1)
    assert recalibrate(posterior, pulses, truth) is None
    posterior, truth, pulses = right(LEAST_EVENTS)
    many = VmfMixture.joined([posterior]).widened(MOST_COMPONENTS + 1)
    assert recalibrate(many, pulses, truth) is None
    unknown = np.where(np.arange(len(truth))[:, None] < 10, np.nan, truth)
    assert recalibrate(posterior, pulses, unknown) is None


def test_a_recalibration_keeps_directions_and_missing_events_and_each_event_is_its_own():
    posterior, truth, pulses = right(widths=(1.0, 0.02), shares=(0.6, 0.4))
    recalibration = recalibrate(posterior, pulses, truth)
    some = posterior.take(np.array([0, -1, 2]))
    mended = recalibration(some, pulses[:3])
    assert (mended.mode[[0, 2]] == some.mean[[0, 2], 0]).all()
    assert np.isnan(mended.content(truth[:3])).tolist() == [False, True, False]
    assert mended.weight.sum(1) == pytest.approx(1)
    alone = recalibration(some.take(np.array([2])), pulses[2:3])
    assert (alone.concentration == mended.concentration[2]).all()
    assert (alone.weight == mended.weight[2]).all()


def test_events_beyond_those_of_the_fit_are_treated_as_the_nearest():
    recalibration = Recalibration(
        scale=np.array([[0.0, 1.0, 0.0]]),
        weight=np.zeros((1, 3)),
        least=np.array([1.0, 0.0, 0.0]),
        most=np.array([1.0, 2.0, 1.0]),
    )
    zenith = np.array([[0.0, 0.0, 1.0]])
    far = recalibration(VmfMixture.single(zenith, np.array([1e6])), np.array([50]))
    assert far.concentration[0, 0] == pytest.approx(1e6 * np.exp(2.0))


def test_right_posteriors_are_called_right():
    posterior, truth, pulses = right(6_000)
    kind = np.where(np.arange(6_000) % 2 == 0, "cascade", "through_track").astype(object)
    energy = np.full(6_000, 5e3)
    groups = calibration(posterior, posterior.mode, truth_of(truth, kind=kind, energy_gev=energy), pulses)
    whole = groups["all"]
    for level in LEVELS:
        contour = whole["contours"][f"{level:.0%}"]
        assert contour["least"] <= contour["inside"] <= contour["most"]
        assert contour["inside"] == pytest.approx(level, abs=0.03)
    assert whole["width"] == pytest.approx(1, abs=0.05)
    assert sum(whole["histogram"]) == whole["events"] == len(truth)
    assert max(whole["histogram"]) < 1.3 * min(whole["histogram"])
    assert groups["cascade"]["events"] == groups["through_track"]["events"] == 3_000
    assert groups["1-10 TeV"]["events"] == 6_000
    assert sum(group["events"] for name, group in groups.items() if "pulses" in name) == 6_000
    assert sum(group["events"] for name, group in groups.items() if "zenith" in name) == 6_000


def test_posteriors_that_are_too_narrow_have_a_width_above_one():
    posterior, truth, pulses = right(said=9.0)
    whole = calibration(posterior, posterior.mode, truth_of(truth), pulses)["all"]
    assert whole["width"] == pytest.approx(3, rel=0.15)
    assert whole["contours"]["90%"]["most"] < 0.5


def test_events_without_truth_or_posterior_are_in_no_group():
    posterior, truth, pulses = right(50)
    truth[:20] = np.nan
    groups = calibration(
        posterior.take(np.r_[np.arange(30), np.full(20, -1)]), posterior.mode, truth_of(truth), pulses
    )
    assert groups["all"]["events"] == 10
    truth[:] = np.nan
    assert calibration(posterior, posterior.mode, truth_of(truth), pulses) == {}


@pytest.mark.parametrize("trials", [1, 10, 1_000])
def test_an_interval_holds_its_fraction_and_stays_in_range(trials):
    for successes in {0, trials // 2, trials}:
        least, most = interval(successes, trials)
        assert 0 <= least <= successes / trials <= most <= 1
        assert least < most
