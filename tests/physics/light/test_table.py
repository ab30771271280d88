"""Interpolation: through the nodes, between their values, smooth."""

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck

from icereco.physics.light.table import SmoothTable

VALUES = np.array([0.0, 0.0, 0.1, 3.0, 0.5, 0.5, 0.7, 0.0])


@pytest.fixture(scope="module")
def table() -> SmoothTable:
    return SmoothTable(-1.0, 2.5, VALUES)


def test_goes_through_the_values(table: SmoothTable):
    nodes = torch.linspace(-1.0, 2.5, len(VALUES), dtype=torch.float64)
    np.testing.assert_allclose(table(nodes), VALUES, atol=1e-12)


def test_stays_between_neighbouring_values(table: SmoothTable):
    fine = table(torch.linspace(-1.0, 2.5, 701, dtype=torch.float64))[:-1].reshape(-1, 100)
    low, high = np.minimum(VALUES[:-1], VALUES[1:]), np.maximum(VALUES[:-1], VALUES[1:])
    assert np.all(fine.min(1).values.numpy() >= low - 1e-12)
    assert np.all(fine.max(1).values.numpy() <= high + 1e-12)


def test_is_constant_beyond_its_ends(table: SmoothTable):
    beyond = torch.tensor([-5.0, 7.0], dtype=torch.float64, requires_grad=True)
    values = table(beyond)
    values.sum().backward()
    np.testing.assert_allclose(values.detach(), VALUES[[0, -1]], atol=1e-12)
    assert beyond.grad is not None
    assert beyond.grad.tolist() == [0.0, 0.0]


def test_its_derivative_is_right_and_continuous(table: SmoothTable):
    argument = torch.linspace(-0.99, 2.49, 97, dtype=torch.float64, requires_grad=True)
    assert gradcheck(table, argument)
    nodes = torch.linspace(-1.0, 2.5, len(VALUES), dtype=torch.float64)[1:-1]
    sides = torch.stack([nodes - 1e-9, nodes + 1e-9]).requires_grad_()
    table(sides).sum().backward()
    assert sides.grad is not None
    np.testing.assert_allclose(sides.grad[0], sides.grad[1], atol=1e-6)


def test_a_smooth_function_is_followed_closely():
    table = SmoothTable(0.0, np.pi, np.sin(np.linspace(0.0, np.pi, 101)))
    argument = torch.linspace(0.0, np.pi, 1234, dtype=torch.float64)
    np.testing.assert_allclose(table(argument), torch.sin(argument), atol=1e-4)
