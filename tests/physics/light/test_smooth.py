"""Functions without corners: right where they replace sharper ones, smooth in between."""

from functools import partial

import numpy as np
import torch
from torch.autograd import gradcheck

from icereco.physics.light.smooth import dot, logistic_step, softened_root, tanh


def test_a_softened_root_is_the_root_above_its_least_and_smooth_at_zero():
    square = torch.tensor([0.0, 1e-12, 0.3, 1.0, 9.0, 400.0], dtype=torch.float64, requires_grad=True)
    root = softened_root(square, 1.0)
    assert root.tolist()[3:] == [1.0, 3.0, 20.0]
    assert np.all(np.diff(root.detach()) >= 0)
    assert root[0] == 0.5
    assert gradcheck(
        partial(softened_root, least=1.0), square[:3].detach().requires_grad_(), eps=1e-14 / 1e-8
    )
    point = torch.zeros(1, 3, dtype=torch.float64, requires_grad=True)
    softened_root(dot(point, point), 1.0).sum().backward()
    assert point.grad is not None
    assert point.grad.tolist() == [[0.0, 0.0, 0.0]]


def test_the_hyperbolic_tangent_is_that_of_torch():
    value = torch.tensor([0.0, 1e-9, 0.02, 0.7, 5.0, 300.0], dtype=torch.float64)
    np.testing.assert_allclose(tanh(value), torch.tanh(value), rtol=1e-14)


def test_a_logistic_step_is_that_of_torch_and_never_ends_in_nan():
    value = torch.linspace(-70, 70, 141, dtype=torch.float64)
    np.testing.assert_allclose(logistic_step(value), torch.sigmoid(value), rtol=1e-12)
    far = torch.tensor([-1e6, 1e6], requires_grad=True)
    logistic_step(far).sum().backward()
    assert far.grad is not None
    assert far.grad.tolist() == [0.0, 0.0]
