import pytest
import torch
from torch import nn

from icereco.nn.linear import STEP, Linear, linear


def gradients(product, rows, weight):
    rows, weight = rows.clone().requires_grad_(), weight.clone().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        result = product(rows, weight)
    result.float().square().sum().backward()
    return result.detach(), rows.grad, weight.grad


@pytest.mark.parametrize("count", [0, 1, STEP - 1, STEP, STEP + 1, 3 * STEP + 7])
def test_products_in_bfloat16_are_those_of_torch(count):
    torch.manual_seed(1)
    rows, weight = torch.randn(count, 24), torch.randn(40, 24)
    for ours, theirs in zip(
        gradients(linear, rows, weight), gradients(nn.functional.linear, rows, weight), strict=True
    ):
        assert ours.dtype == theirs.dtype
        torch.testing.assert_close(ours, theirs, rtol=0.02, atol=0.02 * float(weight.norm()))


def test_products_outside_of_a_context_are_those_of_torch():
    layer, rows = Linear(8, 5), torch.randn(STEP + 3, 8)
    assert torch.equal(layer(rows), nn.functional.linear(rows, layer.weight, layer.bias))


def test_a_row_gives_the_same_product_in_any_company():
    rows, layer = torch.randn(3 * STEP, 16), Linear(16, 8)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        whole = layer(rows)
        assert torch.equal(layer(rows[:5]), whole[:5])
        assert torch.equal(layer(rows[: STEP + 9]), whole[: STEP + 9])


def test_weights_without_gradient_get_none():
    layer, rows = Linear(4, 4, bias=False), torch.randn(3, 4, requires_grad=True)
    layer.weight.requires_grad_(False)
    with torch.autocast("cpu", torch.bfloat16):
        layer(rows).sum().backward()
    assert layer.weight.grad is None
    assert rows.grad is not None
