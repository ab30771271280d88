"""The survival of the convolved Pandel density, against quadrature."""

import math

import numpy as np
import pytest
import torch
from jaxtyping import Float
from numpy import ndarray

from icereco.physics.likelihood.pandel import LARGEST_SHAPE, SMALLEST_SHAPE, ConvolvedPandel
from icereco.physics.likelihood.survival import LARGEST_RATIO, SMALLEST_RATIO, PandelSurvival

SHAPES = np.geomspace(SMALLEST_SHAPE, LARGEST_SHAPE, 9)
RATIOS = np.geomspace(SMALLEST_RATIO, LARGEST_RATIO, 7)
TOLERANCE = 0.01


@pytest.fixture(scope="module")
def survival() -> PandelSurvival:
    return PandelSurvival()


def quadrature(shape: float, ratio: float, s: float) -> float:
    """Return −log ∫₀^∞ r^a u^(a−1) e^(−r u)/Γ(a) Φ(u − s) du by Gauss-Legendre sums over pieces of v = u^min(a, 1)."""
    power = min(shape, 1.0)
    last = max((shape + 30.0 + 12.0 * np.sqrt(shape)) / ratio, s + 60.0 / ratio)
    pieces = np.linspace(0.0, 1.0, 801) ** 4 * last**power
    step = np.clip(s + np.linspace(-12.0, 12.0, 241), 0.0, last) ** power
    edges = np.unique(np.concatenate([pieces, step]))
    node, weight = np.polynomial.legendre.leggauss(16)
    width = 0.5 * np.diff(edges)[:, None]
    u = (0.5 * (edges[1:, None] + edges[:-1, None]) + width * node) ** (1.0 / power)
    log_gamma = (shape - power) * np.log(np.maximum(u, 1e-300)) - ratio * u + shape * np.log(ratio)
    log_gamma -= math.lgamma(shape) + np.log(power)
    away = torch.from_numpy(s - u)
    arrived, left = (
        float((np.exp(log_gamma + torch.special.log_ndtr(sign * away).numpy()) * weight * width).sum())
        for sign in (1, -1)
    )
    return -math.log1p(-arrived) if arrived < 0.5 else -math.log(max(left, 1e-300))


def evaluated(
    survival: PandelSurvival, time: Float[ndarray, "n"], shape: float, scale: float, jitter: float
) -> Float[ndarray, "n"]:
    like = torch.ones(len(time), dtype=torch.float64)
    return survival(torch.from_numpy(time), like * shape, like * scale, jitter).numpy()


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_hazard_agrees_with_quadrature_to_a_hundredth_of_itself(
    survival: PandelSurvival, shape: float, ratio: float
) -> None:
    late = np.array([0.03, 0.3, 0.7, 1.0, 1.3, 3.0, 10.0]) * max(shape, 0.5) / ratio
    s = np.concatenate([[-4.0, -1.2, 0.3, 1.7, 5.0], late])
    expected = np.array([quadrature(shape, ratio, one) for one in s])
    counts = (expected > 1e-5) & (expected < 20.0)
    assert counts.any()
    hazard = -evaluated(survival, s, shape, 1.0 / ratio, 1.0)
    np.testing.assert_allclose(hazard[counts], expected[counts], rtol=TOLERANCE)


def test_gradients_are_those_of_differences(survival: PandelSurvival) -> None:
    values = (
        [3.0, -5.0, 100.0, -8.0, 2000.0, 40.0],
        [0.3, 2.0, 5.0, 0.1, 0.05, 40.0],
        [300.0, 250.0, 100.0, 400.0, 90.0, 50.0],
    )
    arguments = [torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in values]
    for jitter in (2.0, 40.0):
        assert torch.autograd.gradcheck(lambda *a, jitter=jitter: survival(*a, jitter), arguments)


def test_the_hazard_rises_as_density_over_survival(survival: PandelSurvival) -> None:
    time = torch.tensor([-4.0, 0.5, 4.0, 60.0, 900.0], dtype=torch.float64, requires_grad=True)
    shape, scale = torch.full_like(time, 0.6).detach(), torch.full_like(time, 300.0).detach()
    log_survival = survival(time, shape, scale, 2.0)
    (slope,) = torch.autograd.grad(log_survival.sum(), time)
    hazard = torch.exp(ConvolvedPandel()(time, shape, scale, 2.0)[0] - log_survival).detach()
    torch.testing.assert_close(-slope, hazard, rtol=TOLERANCE, atol=0.0)


def test_single_precision_agrees_with_double_in_both_tails(survival: PandelSurvival) -> None:
    time = np.array([-16.0, -10.0, -3.0, 0.0, 30.0, 1000.0, 1e4])
    for shape in (0.05, 0.8, 6.0):
        like = torch.ones(len(time))
        single = PandelSurvival().float()(torch.from_numpy(time).float(), shape * like, 200.0 * like, 2.0)
        np.testing.assert_allclose(
            single.double(), evaluated(survival, time, shape, 200.0, 2.0), rtol=1e-4, atol=1e-37
        )


def test_absurd_arguments_have_finite_values_and_gradients_in_single_precision() -> None:
    values = ([-1e7, -1e3, 0.0, 1e4, 1e7], [1e-3, 0.5, 3.0, 150.0, 1e4], [1e-2, 200.0, 1e5, 200.0, 200.0])
    arguments = [torch.tensor(value, requires_grad=True) for value in values]
    result = PandelSurvival().float()(*arguments, 2.0)
    assert torch.isfinite(result).all()
    assert (result <= 0.0).all()
    for gradient in torch.autograd.grad(result.sum(), arguments):
        assert torch.isfinite(gradient).all()
