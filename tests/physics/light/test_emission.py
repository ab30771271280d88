"""The profile of a cascade: normalised, forwards, smooth."""

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck

from icereco.physics.light.emission import CascadeEmission


def test_averages_to_one_and_peaks_at_the_cherenkov_angle():
    emission = CascadeEmission()
    cosine = torch.linspace(-1, 1, 200_001, dtype=torch.float64)
    profile = emission(cosine).numpy()
    assert profile.min() > 0
    assert np.trapezoid(profile, cosine) / 2 == pytest.approx(1.0, abs=1e-4)
    assert cosine[np.argmax(profile)] == pytest.approx(1 / 1.3194, abs=0.005)
    assert np.trapezoid(profile * cosine.numpy(), cosine) / 2 == pytest.approx(emission.mean_cosine, abs=1e-3)


def test_its_derivative_is_right():
    cosine = torch.linspace(-1, 1, 1237, dtype=torch.float64)[1:-1].requires_grad_()
    assert gradcheck(CascadeEmission(), cosine, eps=1e-7)
