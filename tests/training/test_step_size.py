"""The size of a step, and the metrics of steps."""

import pytest
import torch

from icereco.training.step_size import UpdateRatio
from icereco.training.trainer import _means


def test_the_ratio_is_that_of_the_norms_over_all_trained_weights():
    weights = [torch.nn.Parameter(torch.tensor([3.0, 0.0])), torch.nn.Parameter(torch.tensor([[4.0]]))]
    frozen = torch.nn.Parameter(torch.full((5,), 100.0), requires_grad=False)
    ratio = UpdateRatio([*weights, frozen])
    with torch.no_grad():
        weights[0][1] += 0.3
        weights[1][0, 0] -= 0.4
        frozen += 7
    assert ratio.after() == pytest.approx(0.5 / 5.0)


def test_the_ratio_of_weights_that_were_zero_is_zero():
    weight = torch.nn.Parameter(torch.zeros(3))
    ratio = UpdateRatio([weight])
    with torch.no_grad():
        weight += 1
    assert ratio.after() == 0.0


def test_values_that_only_some_steps_have_are_averaged_over_these():
    steps = [
        ({"loss": 1.0, "norm": 4.0}, 10),
        ({"loss": 4.0}, 20),
        ({"loss": 1.0, "ratio": 0.5, "norm": 1.0}, 20),
    ]
    assert _means(steps) == {"loss": pytest.approx(2.2), "norm": pytest.approx(2.0), "ratio": 0.5}
