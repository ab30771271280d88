"""Fluence against distance: the known limits, near and far."""

import math

import numpy as np
import torch
from torch.autograd import gradcheck

from icereco.physics.light.density import cascade_density, track_density

SCATTERING, ABSORPTION = torch.tensor([1 / 25.0, 1 / 100.0], dtype=torch.float64)


def metres(*distance: float) -> torch.Tensor:
    return torch.tensor(distance, dtype=torch.float64)


def test_cascades_are_ballistic_near_and_diffusive_far():
    near = cascade_density(metres(0.5), SCATTERING, ABSORPTION)
    np.testing.assert_allclose(near, 1 / (4 * math.pi * 0.25), rtol=0.1)
    decay, diffusion = math.sqrt(25.0 * 100.0 / 3), 25.0 / 3 * math.exp(0.25)
    far = cascade_density(metres(300.0), SCATTERING, ABSORPTION)
    np.testing.assert_allclose(far, math.exp(-300.0 / decay) / (4 * math.pi * diffusion * 300.0), rtol=0.05)


def test_tracks_far_away_are_the_integral_of_points():
    along = torch.linspace(-2000, 2000, 40_001, dtype=torch.float64)
    points = cascade_density(torch.hypot(along, metres(250.0)), SCATTERING, ABSORPTION)
    line = track_density(metres(250.0), SCATTERING, ABSORPTION, 0.65)
    np.testing.assert_allclose(line, torch.trapezoid(points, along), rtol=0.06)


def test_tracks_near_by_are_cherenkov_cones():
    density = track_density(metres(0.5), SCATTERING, ABSORPTION, 0.65)
    np.testing.assert_allclose(density, 1 / (2 * math.pi * 0.65 * 0.5), rtol=0.2)


def test_gradients_are_right_from_half_a_metre_to_a_kilometre():
    distance = metres(0.5, 1.0, 7.0, 60.0, 300.0, 1000.0).requires_grad_()
    scattering, absorption = (value.expand(6).clone().requires_grad_() for value in (SCATTERING, ABSORPTION))
    assert gradcheck(cascade_density, (distance, scattering, absorption))
    assert gradcheck(lambda *pair: track_density(*pair, 0.65), (distance, scattering, absorption))
