"""Light against energy, compared with figures of the papers."""

import pytest
import torch

from icereco.physics.light.yields import hadronic_fraction, muon_yield, shower_maximum_m


def test_light_grows_with_energy():
    energy = torch.logspace(0, 8, 50, dtype=torch.float64, requires_grad=True)
    for light in (muon_yield, hadronic_fraction, shower_maximum_m):
        assert (light(energy).diff() > 0).all()
        (gradient,) = torch.autograd.grad(light(energy).sum(), energy)
        assert gradient.isfinite().all()


def test_hadronic_cascades_are_dimmer_the_less_the_higher_their_energy():
    # 1 − (E/0.399)^−0.130 · 0.533: Rädel & Wiebusch, Astropart. Phys. 44 (2013) 102
    share = hadronic_fraction(torch.tensor([100.0, 1e5], dtype=torch.float64))
    assert share.tolist() == pytest.approx([0.740, 0.894], abs=1e-3)
