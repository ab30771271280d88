"""The convolved Pandel density, against quadrature."""

import numpy as np
import pytest
import torch
from jaxtyping import Float
from numpy import ndarray

from icereco.physics.likelihood.pandel import LARGEST_SHAPE, SMALLEST_SHAPE, ConvolvedPandel

SHAPES = np.geomspace(SMALLEST_SHAPE, LARGEST_SHAPE, 13)
Z = np.array([-8.9, -4.2, -1.3, -0.2, 0.4, 1.7, 3.1, 8.0, 40.0, 900.0, 3000.0])


@pytest.fixture(scope="module")
def pandel() -> ConvolvedPandel:
    return ConvolvedPandel()


def quadrature(shape: float, z: float) -> float:
    """Return log ∫₀^∞ u^(a−1)/Γ(a) φ(z − u) du by Gauss-Legendre sums over pieces of v = u^min(a, 1), narrow ones at zero."""
    power = min(shape, 1.0)
    peak = 0.5 * (z + np.sqrt(z * z + 4.0 * shape))
    low, high = max(peak - 14.0, 0.0) ** power, (peak + 14.0) ** power
    edges = low + (high - low) * np.linspace(0.0, 1.0, 401) ** 4
    node, weight = np.polynomial.legendre.leggauss(24)
    width = 0.5 * np.diff(edges)[:, None]
    u = (0.5 * (edges[1:, None] + edges[:-1, None]) + width * node) ** (1.0 / power)
    log_term = (shape - power) * np.log(np.maximum(u, 1e-300)) - 0.5 * (z - u) ** 2
    highest = log_term.max()
    total = (np.exp(log_term - highest) * weight * width).sum() / power
    log_gamma = float(torch.lgamma(torch.tensor(shape, dtype=torch.float64)))
    return float(highest + np.log(total) - log_gamma - 0.5 * np.log(2 * np.pi))


def density(
    pandel: ConvolvedPandel, time: ndarray, shape: float, scale: float, jitter: float
) -> Float[ndarray, "n"]:
    like = torch.ones(len(time), dtype=torch.float64)
    return pandel(torch.from_numpy(time), like * shape, like * scale, jitter)[0].numpy()


@pytest.mark.parametrize("jitter", [2.0, 40.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_density_agrees_with_quadrature_to_a_millionth(
    pandel: ConvolvedPandel, shape: float, jitter: float
) -> None:
    scale = 310.0
    ratio = jitter / scale
    time = (Z + ratio) * jitter
    expected = [
        -np.log(jitter) + shape * np.log(ratio) + 0.5 * ratio**2 - t / scale + quadrature(shape, z)
        for z, t in zip(Z, time, strict=True)
    ]
    np.testing.assert_allclose(density(pandel, time, shape, scale, jitter), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "scale", "jitter"), [(0.05, 400.0, 2.0), (0.7, 300.0, 15.0), (20.0, 120.0, 40.0)]
)
def test_the_density_is_normalised(
    pandel: ConvolvedPandel, shape: float, scale: float, jitter: float
) -> None:
    mean, spread = shape * scale, np.sqrt(shape) * scale
    time = np.sort(
        np.concatenate(
            [
                np.linspace(-8 * jitter, 20 * jitter, 40_001),
                np.geomspace(20 * jitter, mean + 40 * spread + 30 * scale, 40_000),
            ]
        )
    )
    assert np.trapezoid(np.exp(density(pandel, time, shape, scale, jitter)), time) == pytest.approx(
        1.0, abs=1e-4
    )


def test_gradients_are_those_of_differences(pandel: ConvolvedPandel) -> None:
    values = (
        [3.0, -17.0, 100.0, -5.0, 2000.0],
        [0.3, 2.0, 5.0, 40.0, 0.05],
        [300.0, 250.0, 100.0, 400.0, 90.0],
    )
    arguments = [torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in values]
    for jitter in (2.0, 40.0):
        assert torch.autograd.gradcheck(lambda *a, jitter=jitter: pandel(*a, jitter)[0], arguments)


def test_derivatives_by_the_time_are_those_of_differences(pandel: ConvolvedPandel) -> None:
    time = np.array([-15.0, -3.0, 0.5, 4.0, 60.0, 900.0])
    like = torch.ones(len(time), dtype=torch.float64)
    _, slope, bend = pandel(torch.from_numpy(time), 0.6 * like, 300.0 * like, 2.0)
    step = 1e-3
    before, here, after = (density(pandel, time + shift, 0.6, 300.0, 2.0) for shift in (-step, 0.0, step))
    np.testing.assert_allclose(slope.numpy(), (after - before) / (2 * step), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(bend.numpy(), (after - 2 * here + before) / step**2, rtol=1e-2, atol=1e-4)


def test_long_before_direct_light_the_density_falls_like_a_gaussian(pandel: ConvolvedPandel) -> None:
    jitter, step = 2.0, 0.1
    time = jitter * np.array([-12.0, -20.0, -400.0])
    like = torch.ones(len(time), dtype=torch.float64)
    _, slope, _ = pandel(torch.from_numpy(time), 0.6 * like, 300.0 * like, jitter)
    before, here, after = (density(pandel, time + shift, 0.6, 300.0, jitter) for shift in (-step, 0.0, step))
    np.testing.assert_allclose(slope.numpy(), (after - before) / (2 * step), rtol=1e-6)
    np.testing.assert_allclose((after - 2 * here + before) / step**2, -1.0 / jitter**2, rtol=1e-2)


def test_the_density_is_continuous_where_the_table_ends(pandel: ConvolvedPandel) -> None:
    scale, jitter = 300.0, 2.0
    edge = (-9.0 + jitter / scale) * jitter
    below, above = density(pandel, np.array([edge - 1e-7, edge + 1e-7]), 0.8, scale, jitter)
    assert below == pytest.approx(above, abs=1e-5)


def test_absurd_times_have_finite_densities_in_single_precision() -> None:
    single = ConvolvedPandel().float()
    time = torch.tensor([-1e7, -1e4, 0.0, 1e4, 1e7])
    shape = torch.tensor([1e-3, 0.5, 3.0, 150.0, 1e4])
    log_density, slope, bend = single(time, shape, torch.full((5,), 200.0), 2.0)
    assert torch.isfinite(log_density).all()
    assert torch.isfinite(slope).all()
    assert torch.isfinite(bend).all()
