"""The profile of a cascade: normalised, forwards, smooth."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from icereco.physics.light.emission import CascadeEmission

SCATTERINGS = [0.0, 0.1, 0.7, 3.0, 20.0]


def profile(cosine: Tensor, scatterings: float) -> Tensor:
    return CascadeEmission()(cosine, torch.full_like(cosine, scatterings))


@pytest.mark.parametrize("scatterings", SCATTERINGS)
def test_averages_to_one_at_every_distance(scatterings: float):
    cosine = torch.linspace(-1, 1, 200_001, dtype=torch.float64)
    light = profile(cosine, scatterings)
    assert light.min() > 0
    assert np.trapezoid(light, cosine) / 2 == pytest.approx(1.0, abs=1e-4)


def test_peaks_at_the_cherenkov_angle_until_it_is_scattered():
    emission = CascadeEmission()
    cosine = torch.linspace(-1, 1, 200_001, dtype=torch.float64)
    light = [profile(cosine, scatterings) for scatterings in SCATTERINGS]
    assert cosine[light[0].argmax()] == pytest.approx(1 / 1.3194, abs=0.005)
    assert np.trapezoid(light[0] * cosine, cosine) / 2 == pytest.approx(emission.mean_cosine, abs=1e-3)
    peaks = [one.max().item() for one in light]
    assert peaks == sorted(peaks, reverse=True)


@pytest.mark.parametrize("scatterings", SCATTERINGS[1:])
def test_its_derivative_is_right(scatterings: float):
    cosine = torch.linspace(-1, 1, 1237, dtype=torch.float64)[1:-1].requires_grad_()
    distance = torch.full_like(cosine, scatterings).requires_grad_()
    emission, step = CascadeEmission(), 1e-7
    by_cosine = (emission(cosine + step, distance) - emission(cosine - step, distance)) / (2 * step)
    by_distance = (emission(cosine, distance + step) - emission(cosine, distance - step)) / (2 * step)
    gradients = torch.autograd.grad(emission(cosine, distance).sum(), (cosine, distance))
    torch.testing.assert_close(gradients, (by_cosine.detach(), by_distance.detach()), rtol=1e-3, atol=1e-5)
    few = [one.detach()[::60].clone().requires_grad_() for one in (cosine, distance)]
    assert gradcheck(emission, few, eps=step), "each value depends on its own cosine and distance alone"
