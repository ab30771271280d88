"""What several methods say together of the same events."""

from dataclasses import replace

import numpy as np
import pytest

from icereco.events.averaging import averaged
from icereco.events.reconstruction import Reconstruction
from icereco.events.vmf_mixture import VmfMixture

EVENTS = 5


def unit(random, *shape):
    vectors = random.normal(size=(*shape, 3))
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def reconstruction(seed, components=2):
    """With every quantity, as a model gives them."""
    random = np.random.default_rng(seed)
    weight = random.dirichlet(np.ones(components), EVENTS)
    kappa = random.uniform(2.0, 500.0, (EVENTS, components))
    posterior = VmfMixture(weight, unit(random, EVENTS, components), kappa)
    root = random.normal(size=(EVENTS, 3, 3))
    energy = 10.0 ** random.uniform(2, 5, EVENTS)
    return Reconstruction(
        direction=posterior.mode,
        posterior=posterior,
        energy_gev=energy,
        energy_log10_sigma=random.uniform(0.1, 0.5, EVENTS),
        energy_interval_gev=energy[:, None] * [0.5, 2.0],
        vertex_m=random.normal(0, 100, (EVENTS, 3)),
        vertex_covariance_m2=root @ root.transpose(0, 2, 1),
        kind_probability=random.dirichlet(np.ones(3), EVENTS),
        inelasticity=random.uniform(0, 1, EVENTS),
        inelasticity_sigma=random.uniform(0.1, 0.3, EVENTS),
    )


def test_the_average_of_one_and_the_same_is_itself():
    one = reconstruction(1)
    both = averaged([one, one])
    np.testing.assert_allclose(both.direction, one.direction, atol=1e-5)
    points = unit(np.random.default_rng(0), EVENTS, 20)
    np.testing.assert_allclose(both.posterior.log_density(points), one.posterior.log_density(points))
    for name, values in one.quantities.items():
        np.testing.assert_allclose(both.quantities[name], values, rtol=1e-12, err_msg=name)


def test_the_density_is_the_mean_density_and_the_direction_its_maximum():
    parts = [reconstruction(seed, components) for seed, components in ((1, 1), (2, 3), (3, 2))]
    both = averaged(parts)
    points = unit(np.random.default_rng(0), EVENTS, 500)
    mean = np.mean([np.exp(part.posterior.log_density(points)) for part in parts], axis=0)
    np.testing.assert_allclose(np.exp(both.posterior.log_density(points)), mean)
    peak = both.posterior.log_density(both.direction[:, None])
    assert (peak >= np.log(mean) - 1e-9).all()


def test_moments_are_those_of_samples_of_all():
    random = np.random.default_rng(4)
    parts = [reconstruction(1), reconstruction(2)]
    both = averaged(parts)
    vertices = np.concatenate(
        [
            random.multivariate_normal(part.vertex_m[0], part.vertex_covariance_m2[0], 200_000)
            for part in parts
        ]
    )
    np.testing.assert_allclose(both.vertex_m[0], vertices.mean(0), atol=0.5)
    np.testing.assert_allclose(both.vertex_covariance_m2[0], np.cov(vertices.T), rtol=0.02, atol=5.0)
    logs = np.concatenate(
        [random.normal(np.log10(part.energy_gev[0]), part.energy_log10_sigma[0], 200_000) for part in parts]
    )
    assert np.log10(both.energy_gev[0]) == pytest.approx(logs.mean(), abs=0.01)
    assert both.energy_log10_sigma[0] == pytest.approx(logs.std(), rel=0.01)
    np.testing.assert_allclose(both.kind_probability.sum(1), 1.0)


def test_the_order_of_the_parts_and_other_events_do_not_matter():
    parts = [reconstruction(1), reconstruction(2)]
    forth, back = averaged(parts), averaged(parts[::-1])
    np.testing.assert_allclose(forth.direction, back.direction, atol=1e-5)
    for name, values in forth.quantities.items():
        np.testing.assert_allclose(back.quantities[name], values, err_msg=name)


def test_what_one_does_not_estimate_is_that_of_the_others():
    full = reconstruction(1)
    bare = Reconstruction(full.direction, full.posterior)
    both = averaged([bare, full, full])
    for name, values in full.quantities.items():
        np.testing.assert_allclose(both.quantities[name], values, err_msg=name)
    without_sigma = replace(full, energy_log10_sigma=None)
    assert averaged([without_sigma, without_sigma]).energy_log10_sigma is None
    assert averaged([bare, bare]).energy_gev is None


def test_directions_alone_are_refused():
    full = reconstruction(1)
    with pytest.raises(ValueError, match="posteriors"):
        averaged([full, replace(full, posterior=None)])
