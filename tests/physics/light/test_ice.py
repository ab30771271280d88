"""Coefficients along rays: the exact integral, also of short and of level rays."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from icereco.detector.detector import Detector, Medium
from icereco.physics.light.ice import LayeredIce


@pytest.fixture(scope="module")
def medium(detector: Detector) -> Medium:
    return detector.medium


@pytest.fixture(scope="module")
def ice(medium: Medium) -> LayeredIce:
    return LayeredIce(medium.z_m, *medium.lengths_m())


@pytest.fixture(scope="module")
def depths() -> tuple[Tensor, Tensor]:
    first, second = np.random.default_rng(0).uniform(-600, 600, (2, 300))
    second[100:200] = first[100:200] + 1.0
    second[200:250] = first[200:250] + 1e-3
    second[250:] = first[250:]
    return torch.from_numpy(first), torch.from_numpy(second)


def test_means_are_the_integrals_of_the_cards_layers(ice: LayeredIce, medium: Medium, depths: tuple):
    first, second = depths
    path = np.linspace(first.numpy(), second.numpy(), 20_001)
    for mean, length in zip(ice.mean_coefficients(first, second), medium.lengths_m(), strict=True):
        expected = np.trapezoid(np.interp(path, medium.z_m, 1.0 / length), dx=1 / 20_000, axis=0)
        np.testing.assert_allclose(mean, expected, rtol=1e-5)


def test_up_and_down_are_the_same_way(ice: LayeredIce, depths: tuple):
    first, second = depths
    for up, down in zip(
        ice.mean_coefficients(first, second), ice.mean_coefficients(second, first), strict=True
    ):
        assert torch.equal(up, down)


def test_single_precision_agrees_also_on_short_ways(medium: Medium, ice: LayeredIce, depths: tuple):
    single = LayeredIce(medium.z_m, *medium.lengths_m()).float()
    first, second = (depth.float() for depth in depths)
    for mean, exact in zip(
        single.mean_coefficients(first, second),
        ice.mean_coefficients(first.double(), second.double()),
        strict=True,
    ):
        np.testing.assert_allclose(mean, exact, rtol=3e-5)


def test_gradients_are_right(ice: LayeredIce, depths: tuple):
    first, second = (depth[:250].clone().requires_grad_() for depth in depths)
    assert gradcheck(ice.mean_coefficients, (first, second))


def test_of_a_level_way_both_ends_share_the_local_slope(ice: LayeredIce):
    first = torch.tensor([-301.3], dtype=torch.float64, requires_grad=True)
    second = torch.tensor([-301.3], dtype=torch.float64, requires_grad=True)
    scattering, _ = ice.mean_coefficients(first, second)
    gradients = torch.autograd.grad(scattering, (first, second))
    above, below = (ice.mean_coefficients(z, z)[0] for z in (first.detach() + 0.1, first.detach() - 0.1))
    for gradient in gradients:
        assert gradient.item() == pytest.approx((above - below).item() / 0.4, rel=1e-6)


def test_homogeneous_media_are_the_same_everywhere():
    ice = LayeredIce(np.zeros(1), np.array([25.0]), np.array([100.0]))
    z = torch.tensor([-900.0, 0.0, 3.0, 5000.0], dtype=torch.float64)
    scattering, absorption = ice.mean_coefficients(z, z.flip(0))
    np.testing.assert_allclose(scattering, 1 / 25.0)
    np.testing.assert_allclose(absorption, 1 / 100.0)
