"""The network of `hybrid`: what it sees, and what it makes of two posteriors."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from icereco.events.reconstruction import Reconstruction
from icereco.events.vmf_mixture import VmfMixture, unit
from icereco.reconstruction.combination import (
    FEATURES,
    OUTPUTS,
    Combination,
    combined,
    densest,
    parts_of,
)
from icereco.reconstruction.hybrid import COMBINATION
from icereco.system.resources import calibrations_dir

EVENTS = 5
PULSES = np.array([20, 50, 70, 200, 9])


def mixture(parts: int, seed: int) -> VmfMixture:
    random = np.random.default_rng(seed)
    weight = random.uniform(0.1, 1.0, (EVENTS, parts))
    mean = unit(random.normal(size=(EVENTS, parts, 3)))
    return VmfMixture(
        weight / weight.sum(1, keepdims=True), mean, np.exp(random.uniform(0.0, 8.0, (EVENTS, parts)))
    )


def reconstruction(parts: int, seed: int) -> Reconstruction:
    posterior, random = mixture(parts, seed), np.random.default_rng(seed)
    kinds = random.uniform(size=(EVENTS, 3))
    return Reconstruction(
        direction=densest(posterior),
        posterior=posterior,
        kind_probability=kinds / kinds.sum(1, keepdims=True),
        extras={"reduced_log_likelihood": random.normal(size=EVENTS)},
    )


@pytest.fixture
def fit() -> Reconstruction:
    return reconstruction(6, seed=1)


@pytest.fixture
def model() -> Reconstruction:
    return reconstruction(3, seed=2)


@pytest.fixture
def combination() -> Combination:
    """The one that comes with icereco."""
    return Combination.read(calibrations_dir() / COMBINATION)


def test_the_network_in_the_box_has_the_size_that_is_declared(combination: Combination) -> None:
    assert combination.layers[0][0].shape[1] == FEATURES == len(combination.centre) == len(combination.spread)
    assert combination.layers[-1][0].shape[0] == OUTPUTS


def test_outputs_of_zero_leave_the_posterior_as_it_is() -> None:
    before = mixture(4, seed=3)
    after = combined(before, np.zeros((EVENTS, 4, OUTPUTS)))
    places = mixture(7, seed=4).mean
    np.testing.assert_allclose(after.log_density(places), before.log_density(places), rtol=1e-9, atol=1e-9)


def test_weights_add_up_to_one_and_widths_stay_in_range(
    combination: Combination, fit: Reconstruction, model: Reconstruction
) -> None:
    parts = parts_of(fit, model, PULSES)
    both = combination.of(parts.mixture, parts.features)
    np.testing.assert_allclose(both.weight.sum(1), 1.0)
    assert (both.concentration > 0).all()
    assert np.isfinite(both.concentration).all()


def test_turning_the_sky_turns_the_posterior(
    combination: Combination, fit: Reconstruction, model: Reconstruction
) -> None:
    turn, _ = np.linalg.qr(np.random.default_rng(5).normal(size=(3, 3)))

    def turned(one: Reconstruction) -> Reconstruction:
        assert one.posterior is not None
        posterior = one.posterior.as_mixture()
        return replace(
            one,
            direction=one.direction @ turn.T,
            posterior=VmfMixture(posterior.weight, posterior.mean @ turn.T, posterior.concentration),
        )

    here, there = parts_of(fit, model, PULSES), parts_of(turned(fit), turned(model), PULSES)
    np.testing.assert_allclose(there.features, here.features, rtol=1e-6, atol=1e-6)
    before, after = (combination.of(parts.mixture, parts.features) for parts in (here, there))
    np.testing.assert_allclose(densest(after), densest(before) @ turn.T, atol=1e-9)


def test_a_fit_that_failed_has_no_weight(
    combination: Combination, fit: Reconstruction, model: Reconstruction
) -> None:
    assert fit.posterior is not None
    nothing = fit.posterior.as_mixture().take(np.array([-1, 1, 2, 3, 4]))
    direction = np.where(np.arange(EVENTS)[:, None] == 0, np.nan, fit.direction)
    parts = parts_of(replace(fit, direction=direction, posterior=nothing), model, PULSES)
    both = combination.of(parts.mixture, parts.features)
    assert np.isfinite(both.weight).all()
    assert np.isfinite(both.mean).all()
    of_model = model.posterior.as_mixture().mean[0] if model.posterior is not None else np.empty((0, 3))
    alive = both.mean[0][both.weight[0] > 0]
    assert all((one == of_model).all(1).any() for one in alive)


def test_other_events_change_not_a_bit(
    combination: Combination, fit: Reconstruction, model: Reconstruction
) -> None:
    parts = parts_of(fit, model, PULSES)
    whole = combination.of(parts.mixture, parts.features)
    for event in range(EVENTS):
        row = np.array([event])
        alone = combination.of(parts.mixture.take(row), parts.features[row])
        np.testing.assert_array_equal(alone.weight[0], whole.weight[event])
        np.testing.assert_array_equal(alone.concentration[0], whole.concentration[event])


def test_a_file_keeps_six_digits(tmp_path: Path, combination: Combination) -> None:
    path = tmp_path / "again.json"
    combination.write(path)
    again = Combination.read(path)
    assert again.facts == combination.facts
    for (one, added), (other, added_too) in zip(combination.layers, again.layers, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)
        np.testing.assert_allclose(added, added_too, rtol=1e-5)
