"""Energies, vertices, kinds and inelasticities that are too sure or not sure enough are calibrated on other events."""

from dataclasses import replace

import numpy as np
import pytest

from icereco.evaluation.recalibrate import LEAST_EVENTS
from icereco.evaluation.recalibrate_targets import LEAST_EVENTS_OF_KIND, recalibrate_targets
from icereco.evaluation.targets import evaluate_targets
from icereco.events.joining import take
from icereco.events.reconstruction import Reconstruction
from icereco.events.truth import EVENT_KINDS, Truth

UP = np.array([0.0, 0.0, 1.0])


def predictions(seed, events=4_000, said=1.0, shift=0.0):
    """Reconstructions whose widths are `said` times the right ones, and energies off by `shift` decades; with their truth."""
    random = np.random.default_rng(seed)
    energy, sigma = 10 ** random.uniform(2, 6, events), random.uniform(0.1, 0.5, events)
    pull = random.normal(size=events)
    error = np.where(pull < 0, pull, 2.0 * pull) * sigma  # twice as far above
    score = random.normal(size=(events, 3)) * 2.0 + [0.0, 0.5, 0.0]
    probability = np.exp(score) / np.exp(score).sum(1, keepdims=True)
    kind = (random.random((events, 1)) > probability.cumsum(1)[:, :2]).sum(1)
    sharper = score / said + [0.0, 0.0, shift]
    root = random.normal(size=(events, 3, 3))
    y_sigma = random.uniform(0.05, 0.2, events)
    made = energy * 10**shift
    reconstruction = Reconstruction(
        np.tile(UP, (events, 1)),
        energy_gev=made,
        energy_log10_sigma=1.5 * said * sigma,
        energy_interval_gev=made[:, None] * 10 ** (said * 0.99446 * sigma[:, None] * [-1.0, 2.0]),
        vertex_m=(root @ random.normal(size=(events, 3, 1)))[..., 0],
        vertex_covariance_m2=said**2 * root @ np.swapaxes(root, 1, 2),
        kind_probability=np.exp(sharper) / np.exp(sharper).sum(1, keepdims=True),
        inelasticity=0.5 + y_sigma * random.normal(size=events),
        inelasticity_sigma=said * y_sigma,
    )
    truth = Truth(
        reconstruction.direction,
        energy_gev=energy * 10**error,
        vertex_m=np.zeros((events, 3)),
        kind=np.array(EVENT_KINDS, object)[kind],
        inelasticity=np.full(events, 0.5),
    )
    return reconstruction, truth


@pytest.mark.parametrize(
    ("said", "shift"), [(0.4, 0.3), (2.5, -0.3), (1.0, 0.0)], ids=["sure", "unsure", "right"]
)
def test_other_events_are_held_as_they_should_be(said, shift):
    recalibration = recalibrate_targets(*predictions(1, said=said, shift=shift))
    made, truth = predictions(2, said=said, shift=shift)
    after = evaluate_targets(recalibration(made), truth)
    energy, vertex = after.energy["groups"]["all"], after.vertex["groups"]["all"]
    assert energy["bias"]["value"] == pytest.approx(0.0, abs=0.03)
    for name, wanted in (("below", 0.16), ("coverage", 0.68), ("above", 0.16)):
        assert energy[name]["value"] == pytest.approx(wanted, abs=0.035)
    for content, inside in vertex["inside"].items():
        assert inside["value"] == pytest.approx(float(content.rstrip("%")) / 100, abs=0.04)
    assert after.inelasticity["groups"]["all"]["coverage"]["value"] == pytest.approx(0.68, abs=0.035)
    assert after.kind["calibration_error"] < 0.035
    if said != 1.0:
        before = evaluate_targets(made, truth)
        assert after.kind["log_loss"]["value"] < before.kind["log_loss"]["value"] - 0.02
        assert abs(before.energy["groups"]["all"]["coverage"]["value"] - 0.68) > 0.1


def test_what_is_right_stays_as_it_is():
    recalibration = recalibrate_targets(*predictions(1))
    factors = (
        10**recalibration.energy.shift, recalibration.energy.below, recalibration.energy.above, recalibration.vertex.factor,
        recalibration.kind.temperature, recalibration.inelasticity.factor,
    )  # fmt: skip
    assert factors == pytest.approx([1.0] * 6, abs=0.1)
    assert not recalibration.kind.bias.any()


def test_evidences_that_are_far_too_sure_get_a_least_probability_and_keep_their_order():
    made, truth = predictions(1)
    sure = made.kind_probability.copy()
    wrong = np.arange(len(sure)) % 25 == 0
    sure[wrong] = 1e-200
    sure[wrong, np.arange(wrong.sum()) % 3] = 1.0
    recalibration = recalibrate_targets(replace(made, kind_probability=sure), truth).kind
    assert recalibration.least > 1e-4
    after = recalibration(replace(made, kind_probability=sure)).kind_probability
    assert (after.argmax(1) == sure.argmax(1)).mean() > 0.99


def test_a_sigma_without_an_interval_holds_68_percent():
    made, truth = predictions(1, said=0.4)
    recalibration = recalibrate_targets(replace(made, energy_interval_gev=None), truth)
    other, truth = predictions(2, said=0.4)
    after = recalibration(replace(other, energy_interval_gev=None))
    assert after.energy_interval_gev is None
    held = evaluate_targets(after, truth).energy["groups"]["all"]["coverage"]["value"]
    assert held == pytest.approx(0.68, abs=0.035)


def test_too_few_events_give_nothing():
    assert not recalibrate_targets(*predictions(1, LEAST_EVENTS - 1))
    made, truth = predictions(1, LEAST_EVENTS)
    assert not recalibrate_targets(made, Truth(truth.direction))
    assert not recalibrate_targets(Reconstruction(made.direction), truth)
    unknown = np.where(np.arange(LEAST_EVENTS) < 1, np.nan, truth.energy_gev)
    assert recalibrate_targets(made, replace(truth, energy_gev=unknown)).energy is None


def test_kinds_of_few_events_have_no_bias():
    made, truth = predictions(1, said=0.4, shift=2.0)
    assert recalibrate_targets(made, truth).kind.bias.any()
    cascades = np.flatnonzero(truth.kind == "cascade")[LEAST_EVENTS_OF_KIND - 1 :]
    truth.kind[cascades] = None
    few = recalibrate_targets(made, truth).kind
    assert not few.bias.any()
    assert few.temperature > 1.2
    truth.kind[truth.kind != "starting_track"] = None
    assert recalibrate_targets(made, truth).kind is None


def test_missing_events_stay_missing_and_each_event_is_its_own():
    made, truth = predictions(1, said=0.4, shift=0.3)
    recalibration = recalibrate_targets(made, truth)
    for column in made.quantities.values():
        column[1] = np.nan
    whole, alone = recalibration(made), recalibration(take(made, np.array([2])))
    for name, column in whole.quantities.items():
        assert np.isnan(column[1]).all()
        assert np.array_equal(column[2], alone.quantities[name][0])
    assert whole.kind_probability[0].sum() == pytest.approx(1.0)
    assert (np.diff(whole.energy_interval_gev[[0, 2]]) > 0).all()
