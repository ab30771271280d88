"""Modules look down."""

import torch
from torch.autograd import gradcheck

from icereco.physics.light.acceptance import AngularAcceptance


def test_modules_look_down():
    acceptance = AngularAcceptance()
    up, down = acceptance(torch.tensor([0.7, -0.7], dtype=torch.float64)).tolist()
    assert up > 5 * down
    assert down < acceptance.mean < up


def test_is_never_negative_and_its_derivative_is_right():
    cosine = torch.linspace(-1, 1, 1237, dtype=torch.float64)[1:-1].requires_grad_()
    assert AngularAcceptance()(cosine).min() >= 0
    assert gradcheck(AngularAcceptance(), cosine)
