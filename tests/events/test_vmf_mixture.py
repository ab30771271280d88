"""Mixtures of von Mises-Fisher densities: they integrate to one, their contours hold what they say, company changes nothing."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from icereco.events.posterior import Posterior
from icereco.events.vmf_mixture import VmfMixture
from icereco.physics.sphere import opening_angle
from icereco.physics.vmf import angular_sigma, probability_inside


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def mixture(events=20, components=3, seed=1, decades=(0.0, 3.0)):
    random = np.random.default_rng(seed)
    return VmfMixture(
        random.dirichlet(np.ones(components), events),
        unit(random.normal(size=(events, components, 3))),
        10 ** random.uniform(*decades, (events, components)),
    )


def sphere(rings=200, around=400):
    """Directions all over the sphere, and the solid angle of each."""
    cosine, weight = np.polynomial.legendre.leggauss(rings)
    azimuth = (np.arange(around) + 0.5) * 2 * np.pi / around
    sine = np.sqrt(1 - cosine**2)[:, None]
    x, y = sine * np.cos(azimuth), sine * np.sin(azimuth)
    z = np.broadcast_to(cosine[:, None], x.shape)
    return np.stack([x, y, z], -1).reshape(-1, 3), np.repeat(weight * 2 * np.pi / around, around)


def test_a_mixture_is_a_posterior():
    assert isinstance(mixture(), Posterior)


@pytest.mark.parametrize("components", [1, 3, 40])
def test_a_density_integrates_to_one(components):
    directions, solid_angle = sphere()
    posterior = mixture(5, components)
    density = np.exp(posterior.log_density(np.broadcast_to(directions, (5, *directions.shape))))
    assert (density * solid_angle).sum(1) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("kappa", [0.0, 1e-6, 0.5, 30.0, 1e5, 1e10])
def test_one_component_is_the_closed_form(kappa):
    zenith = np.array([[0.0, 0.0, 1.0]])
    posterior = VmfMixture.single(zenith, np.array([kappa]))
    angle = 0.7 / max(np.sqrt(kappa), 1)
    there = np.array([[np.sin(angle), 0.0, np.cos(angle)]])
    assert posterior.content(there) == pytest.approx(probability_inside(np.array([angle]), np.array([kappa])))
    assert posterior.kappa[0] == kappa
    sigma = float(angular_sigma(np.array(kappa)))
    border = np.array([[[np.sin(sigma), 0.0, np.cos(sigma)]]])
    level = posterior.contour_level(1 - np.exp(-0.5))[0]
    assert posterior.log_density(border)[0, 0] == pytest.approx(level, abs=1e-5)


@pytest.mark.parametrize("components", [1, 3])
def test_contours_hold_as_many_samples_as_they_say(components):
    posterior = mixture(30, components)
    samples = posterior.sample(4_000, seed=3)
    assert np.linalg.norm(samples, axis=-1) == pytest.approx(1)
    height = posterior.log_density(samples)
    for probability in (0.1, 0.5, 0.9, 0.99):
        inside = height > posterior.contour_level(probability)[:, None]
        assert inside.mean() == pytest.approx(probability, abs=0.01)


@pytest.mark.parametrize("components", [1, 3])
def test_the_content_of_true_directions_is_uniform(components):
    posterior = mixture(2_000, components)
    content = posterior.content(posterior.sample(1, seed=5)[:, 0])
    for probability in (0.1, 0.5, 0.9):
        assert np.mean(content <= probability) == pytest.approx(probability, abs=0.035)


@given(st.integers(0, 10_000))
@example(1979)  # the highest mode is near the third of the highest components
def test_the_mode_is_nowhere_lower_than_anywhere_else(seed):
    posterior = mixture(8, 4, seed, decades=(-1, 2))
    directions, _ = sphere(40, 80)
    height = posterior.log_density(np.broadcast_to(directions, (8, *directions.shape)))
    top = posterior.log_density(posterior.mode[:, None])[:, 0]
    assert (top >= height.max(1) - 1e-6).all()


def test_shared_components_have_the_mode_of_separate_ones():
    random = np.random.default_rng(2)
    mean = np.broadcast_to(unit(random.normal(size=(1, 300, 3))), (6, 300, 3))
    shared = VmfMixture(
        random.dirichlet(np.ones(300), 6), mean, np.broadcast_to(np.array([[60.0]]), (6, 300))
    )
    separate = VmfMixture(shared.weight, mean.copy(), shared.concentration.copy())
    assert np.degrees(opening_angle(shared.mode, separate.mode)).max() < 0.1


def test_company_changes_nothing():
    posterior = mixture(12)
    alone = [posterior.take(np.array([row])) for row in range(12)]
    truth = posterior.sample(1, seed=1)[:, 0]
    assert np.concatenate([one.kappa for one in alone]) == pytest.approx(posterior.kappa, rel=1e-9)
    levels = np.concatenate([one.contour_level(0.9) for one in alone])
    assert levels == pytest.approx(posterior.contour_level(0.9), rel=1e-9)
    content = np.concatenate([one.content(truth[[row]]) for row, one in enumerate(alone)])
    assert content == pytest.approx(posterior.content(truth), abs=1e-9)


def test_joining_and_taking_keep_each_event():
    many, single = mixture(4), VmfMixture.single(np.eye(3), np.array([1.0, 10.0, 100.0]))
    joined = VmfMixture.joined([many, single])
    assert len(joined) == 7
    assert joined.kappa[4:] == pytest.approx([1.0, 10.0, 100.0], rel=1e-6)
    taken = joined.take(np.array([6, -1, 0]))
    assert taken.mode[0] == pytest.approx([0, 0, 1], abs=1e-9)
    assert np.isnan(taken.kappa[1])
    assert np.isnan(taken.content(np.eye(3))[1])
    assert taken.mode[2] == pytest.approx(many.mode[0])


def test_nothing_taken_is_unknown():
    nothing = VmfMixture.single(np.empty((0, 3)), np.empty(0))
    assert np.isnan(nothing.take(np.array([-1, -1])).kappa).all()


def test_pruning_keeps_the_weight_it_says_and_nearly_the_density():
    posterior = mixture(10, 40)
    pruned = posterior.pruned(0.999)
    assert pruned.weight.sum(1) == pytest.approx(1)
    assert pruned.weight.shape[1] <= 40
    assert np.degrees(opening_angle(pruned.mode, posterior.mode)).max() < 1
    assert mixture(10, 1).pruned().weight.shape == (10, 1)


def round_mixture(events=40, components=3, seed=5):
    parts = mixture(events, components, seed)
    return VmfMixture(parts.weight, np.repeat(parts.mean[:, :1], components, 1), parts.concentration)


def test_a_round_mixture_is_exact_and_keeps_its_centre():
    posterior = round_mixture()
    assert (posterior.mode == posterior.mean[:, 0]).all()
    samples = posterior.sample(4_000, seed=3)
    height = posterior.log_density(samples)
    for probability in (0.1, 0.5, 0.9, 0.99):
        level = posterior.contour_level(probability)
        inside = height > level[:, None]
        error = 4 * np.sqrt(probability * (1 - probability) / samples.shape[1])
        assert inside.mean(1) == pytest.approx(probability, abs=error)
        for event in range(3):  # a direction on the contour has just that content
            on_it = samples[event, np.abs(height[event] - level[event]).argmin()][None]
            row = np.array([event])
            assert posterior.take(row).content(on_it)[0] == pytest.approx(probability, abs=0.01)


def test_round_and_other_mixtures_in_one_batch_are_as_if_alone():
    both = VmfMixture.joined([round_mixture(3), mixture(3), round_mixture(2, seed=9)])
    to = unit(np.random.default_rng(2).normal(size=(8, 3)))
    for row in range(8):
        alone = both.take(np.array([row]))
        assert alone.content(to[[row]])[0] == both.content(to)[row]
        assert alone.contour_level(0.9)[0] == both.contour_level(0.9)[row]
        assert alone.mode[0] == pytest.approx(both.mode[row], abs=1e-5)
