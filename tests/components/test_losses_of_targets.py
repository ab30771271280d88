"""Losses of energy, vertex, kind and inelasticity: each against its definition, and what it decodes against the truth."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from icereco_losses.energy_quantiles import LEVELS

from icereco.events.tensors import TruthTensors
from icereco.events.truth import EVENT_KINDS
from icereco.plugins.discovery import registry

OF_TARGETS = ("log-energy", "energy-quantiles", "vertex", "kind", "inelasticity")


def build(name, **options):
    component = registry().get("loss", name)
    return component.load_factory()(component.load_options()(**options))


def truth_of(count, **targets):
    columns = {name: torch.as_tensor(values) for name, values in targets.items()}
    return TruthTensors(direction=torch.zeros(count, 3), **columns)


def everything(count, dtype=torch.float32):
    random = np.random.default_rng(5)
    numbers = {
        "energy_gev": 10 ** random.uniform(2, 6, count),
        "vertex_m": random.normal(0, 400, (count, 3)),
        "inelasticity": random.uniform(0, 1, count),
    }
    kind = random.integers(0, len(EVENT_KINDS), count)
    return truth_of(
        count, kind=kind, **{name: torch.tensor(one, dtype=dtype) for name, one in numbers.items()}
    )


def fitted(loss, truth, steps=800, rate=0.2):
    """The best outputs that are the same for all events, decoded."""
    count = len(truth.direction)
    outputs = torch.zeros(1, loss.output_count, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([outputs], lr=rate)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.01, steps)
    for _ in range(steps):
        optimizer.zero_grad()
        loss(outputs.expand(count, -1), truth).mean().backward()
        optimizer.step()
        schedule.step()
    return loss.decode(outputs.detach())


@pytest.mark.parametrize("name", OF_TARGETS)
@pytest.mark.parametrize("size", [1e4, -1e4])
def test_extreme_outputs_stay_finite(name, size):
    loss, count = build(name), 64
    signs = torch.randint(0, 2, (count, loss.output_count), generator=torch.Generator().manual_seed(2))
    truth = everything(count)
    for outputs in (torch.full_like(signs, size, dtype=torch.float32), size * (2.0 * signs - 1)):
        outputs.requires_grad_()
        values = loss(outputs, truth)
        (gradient,) = torch.autograd.grad(values.sum(), outputs)
        estimates = loss.decode(outputs.detach())
        decoded = [getattr(estimates, field) for field in estimates.__slots__]
        assert values.isfinite().all()
        assert gradient.isfinite().all()
        assert all(one.isfinite().all() for one in decoded if one is not None)


@pytest.mark.parametrize("name", OF_TARGETS)
def test_every_partial_derivative_is_right(name):
    loss = build(name).double()
    outputs = torch.randn(6, loss.output_count, generator=torch.Generator().manual_seed(1)).double()
    truth = everything(6, torch.float64)
    assert torch.autograd.gradcheck(lambda given: loss(given, truth), outputs.requires_grad_())


@pytest.mark.parametrize("name", OF_TARGETS)
def test_no_event_has_no_loss(name):
    loss = build(name)
    assert loss(torch.zeros(0, loss.output_count), everything(0)).shape == (0,)


@given(st.lists(st.floats(-1e4, 1e4, width=32), min_size=5, max_size=5))
def test_quantiles_of_the_energy_do_not_cross(outputs):
    loss = build("energy-quantiles")
    quantiles = loss.quantiles(torch.tensor([outputs]))[0]
    assert (quantiles.diff() >= 0).all()


def test_quantiles_of_the_energy_are_those_of_a_skewed_sample():
    sample = np.random.default_rng(3).exponential(0.7, 4_000) + 3
    loss, truth = build("energy-quantiles"), truth_of(4_000, energy_gev=10**sample)
    expected = np.quantile(sample, LEVELS)
    estimates = fitted(loss, truth)
    assert estimates.energy_gev[0].log10().item() == pytest.approx(expected[2], abs=0.03)
    assert estimates.energy_interval_gev[0].log10().tolist() == pytest.approx(expected[[1, 3]], abs=0.03)
    assert estimates.energy_log10_sigma[0].item() == pytest.approx((expected[3] - expected[1]) / 2, abs=0.03)


def test_the_pinball_loss_counts_what_lies_above_and_below():
    loss = build("energy-quantiles", mean_log10_gev=4.0, spread_decades=2.0)
    quantiles = loss.quantiles(torch.zeros(1, 5))[0]
    error = (5.0 - quantiles) / 2
    expected = sum(p * e if e > 0 else (p - 1) * e for p, e in zip(LEVELS, error.tolist(), strict=True))
    assert loss(torch.zeros(1, 5), truth_of(1, energy_gev=[1e5])).item() == pytest.approx(expected, rel=1e-5)


def test_the_interval_of_a_gaussian_holds_68_percent():
    loss = build("log-energy")
    estimates = loss.decode(torch.randn(50, 2, generator=torch.Generator().manual_seed(1)).double())
    low, high = estimates.energy_interval_gev.log10().T
    gaussian = torch.distributions.Normal(estimates.energy_gev.log10(), estimates.energy_log10_sigma)
    assert gaussian.cdf(low).numpy() == pytest.approx(0.16, abs=1e-5)
    assert gaussian.cdf(high).numpy() == pytest.approx(0.84, abs=1e-5)


def ellipsoid(count, seed=8):
    """A Gaussian sample of vertices, ten times as long as wide and oblique."""
    random = np.random.default_rng(seed)
    axes, _ = np.linalg.qr(random.normal(size=(3, 3)))
    mean, covariance = np.array([120.0, -300.0, 40.0]), axes * np.array([200.0, 60.0, 20.0]) ** 2 @ axes.T
    return random.multivariate_normal(mean, covariance, count), mean, covariance


def test_the_vertex_density_finds_mean_and_covariance_of_a_gaussian_sample():
    sample, mean, covariance = ellipsoid(4_000)
    estimates = fitted(build("vertex"), truth_of(4_000, vertex_m=sample))
    assert estimates.vertex_m[0].numpy() == pytest.approx(mean, abs=8)
    root = np.linalg.inv(np.linalg.cholesky(covariance))
    # In units of the true ellipsoid; the exponential tails, which a Gaussian sample lacks, make it a little larger.
    relative = root @ estimates.vertex_covariance_m2[0].numpy() @ root.T
    assert relative == pytest.approx(np.eye(3), abs=0.12)


def test_vertices_kilometres_away_move_the_density_little():
    sample, mean, _ = ellipsoid(4_000)
    far = np.concatenate([sample, np.tile([9e3, 0.0, 0.0], (40, 1))])
    estimates = fitted(build("vertex"), truth_of(len(far), vertex_m=far))
    assert np.linalg.norm(far.mean(0) - mean) > 80
    assert np.linalg.norm(estimates.vertex_m[0].numpy() - mean) < 25


def test_the_covariance_is_the_second_moment_of_the_density():
    loss = build("vertex").double()
    outputs = torch.randn(1, 9, generator=torch.Generator().manual_seed(6)).double()
    estimates = loss.decode(outputs)
    steps = torch.linspace(-9, 9, 73).double()
    factor = torch.linalg.cholesky(estimates.vertex_covariance_m2[0])
    away = torch.cartesian_prod(steps, steps, steps) @ factor.T
    truth = truth_of(len(away), vertex_m=away + estimates.vertex_m)
    weight = (
        torch.exp(-loss(outputs.expand(len(away), -1), truth)) * factor.det() * (steps[1] - steps[0]) ** 3
    )
    assert weight.sum().item() == pytest.approx(1, abs=1e-3)
    assert (weight[:, None] * away).sum(0).numpy() == pytest.approx(0, abs=0.1)
    second = (weight[:, None, None] * away[:, :, None] * away[:, None, :]).sum(0)
    torch.testing.assert_close(second, estimates.vertex_covariance_m2[0], rtol=5e-3, atol=1.0)


def test_a_vertex_pulls_no_more_than_at_three_sigmas():
    loss = build("vertex")
    outputs = torch.randn(1, 9, generator=torch.Generator().manual_seed(2)).double().expand(60, 9)
    estimates = loss.decode(outputs)
    root = torch.linalg.cholesky(estimates.vertex_covariance_m2)
    away = torch.logspace(-1, 4, 60).double()[:, None] * root[:, :, 0]
    mean = outputs.clone().requires_grad_()
    loss(mean, truth_of(60, vertex_m=estimates.vertex_m + away)).sum().backward()
    force = (mean.grad[:, None, :3] @ root / 500).norm(dim=(1, 2))
    assert (force.diff() >= -1e-9).all()
    assert force[-1].item() == pytest.approx(3, rel=0.1)


def test_a_covariance_is_positive_definite_for_thin_and_oblique_ellipsoids():
    outputs = 1e4 * torch.randn(500, 9, generator=torch.Generator().manual_seed(3))
    covariance = build("vertex").decode(outputs).vertex_covariance_m2
    assert (torch.linalg.eigvalsh(covariance) > 0).all()


def test_probabilities_of_kinds_are_their_shares():
    kind = torch.tensor([0] * 50 + [1] * 30 + [2] * 20)
    probability = fitted(build("kind"), truth_of(100, kind=kind)).kind_probability[0]
    assert probability.tolist() == pytest.approx([0.5, 0.3, 0.2], abs=0.01)


def test_the_beta_density_is_that_of_torch():
    loss, part = build("inelasticity"), torch.linspace(0.01, 0.99, 50).double()
    outputs = torch.tensor([[1.0, 2.0]]).double().expand(50, 2)
    alpha, beta = torch.nn.functional.softplus(outputs[0]) + 0.5
    density = torch.distributions.Beta(alpha, beta)
    torch.testing.assert_close(loss(outputs, truth_of(50, inelasticity=part)), -density.log_prob(part))
    estimates = loss.decode(outputs)
    torch.testing.assert_close(estimates.inelasticity[0], density.mean)
    torch.testing.assert_close(estimates.inelasticity_sigma[0], density.stddev)


def test_mean_and_sigma_of_the_inelasticity_are_those_of_a_sample():
    sample = np.random.default_rng(1).beta(0.9, 1.6, 5_000)
    estimates = fitted(build("inelasticity"), truth_of(5_000, inelasticity=sample))
    assert estimates.inelasticity[0].item() == pytest.approx(sample.mean(), abs=0.01)
    assert estimates.inelasticity_sigma[0].item() == pytest.approx(sample.std(), abs=0.01)


@pytest.mark.parametrize("part", [0.0, 1.0])
@pytest.mark.parametrize("size", [-50.0, 0.0, 50.0])
def test_an_inelasticity_of_zero_or_one_has_a_finite_loss(part, size):
    outputs = torch.full((3, 2), size, requires_grad=True)
    values = build("inelasticity")(outputs, truth_of(3, inelasticity=[part] * 3))
    values.sum().backward()
    assert values.isfinite().all()
    assert outputs.grad.isfinite().all()
