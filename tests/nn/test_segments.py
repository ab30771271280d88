"""Rows and means of the segments of ragged tensors."""

import numpy as np
import pytest
import torch

from icereco.events import segments
from icereco.nn.segments import segment_mean, segment_of, segment_repeat
from icereco.physics.weighted_mean import weighted_mean

OFFSETS = torch.tensor([0, 3, 3, 4, 9])


def test_rows_know_their_segment_as_in_numpy():
    segment = segment_of(OFFSETS)
    assert segment.tolist() == [0, 0, 0, 2, 3, 3, 3, 3, 3]
    assert segments.segment_of(OFFSETS.numpy()).tolist() == segment.tolist()


def test_a_mean_is_that_of_numpy_and_zero_for_an_empty_segment():
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(9, 3, generator=generator, dtype=torch.float64)
    weight = torch.rand(9, 1, generator=generator, dtype=torch.float64)
    mean = segment_mean(values, weight, OFFSETS).numpy()
    expected = weighted_mean(values.numpy(), weight[:, 0].numpy(), segment_of(OFFSETS).numpy(), 4)
    np.testing.assert_allclose(mean, np.nan_to_num(expected), rtol=1e-12)
    assert mean[1].tolist() == [0, 0, 0]


@pytest.mark.parametrize("neighbours", [slice(0, 1), slice(2, 4)], ids=["first", "last"])
def test_a_mean_never_depends_on_the_neighbours_of_a_segment(neighbours):
    generator = torch.Generator().manual_seed(1)
    values, weight = torch.randn(9, 3, generator=generator), torch.rand(9, 1, generator=generator)
    part = OFFSETS[neighbours.start : neighbours.stop + 1]
    rows = slice(int(part[0]), int(part[-1]))
    alone = segment_mean(values[rows], weight[rows], part - part[0])
    assert torch.equal(alone, segment_mean(values, weight, OFFSETS)[neighbours])


def test_repeated_values_are_those_of_indexing_and_so_are_their_gradients():
    generator = torch.Generator().manual_seed(2)
    values = torch.randn(4, 2, generator=generator, dtype=torch.float64, requires_grad=True)
    gradient = torch.randn(9, 2, generator=generator, dtype=torch.float64)
    segment = segment_of(OFFSETS)
    repeated = segment_repeat(values, OFFSETS, segment)
    assert torch.equal(repeated, values[segment])
    (expected,) = torch.autograd.grad(values[segment], values, gradient)
    torch.testing.assert_close(torch.autograd.grad(repeated, values, gradient)[0], expected)


def test_the_gradient_of_repeated_values_does_not_depend_on_the_number_of_threads():
    generator = torch.Generator().manual_seed(3)
    lengths = torch.randint(0, 200, (1_000,), generator=generator)
    offsets = torch.cat([torch.zeros(1, dtype=torch.int64), lengths.cumsum(0)])
    segment = segment_of(offsets)
    values = torch.zeros(1_000, 4, 8, requires_grad=True)
    gradient = torch.randn(len(segment), 4, 8, generator=generator)

    def taken(threads: int) -> torch.Tensor:
        torch.set_num_threads(threads)
        return torch.autograd.grad(segment_repeat(values, offsets, segment), values, gradient)[0]

    threads = torch.get_num_threads()
    try:
        alone = taken(1)
        assert all(torch.equal(taken(4), alone) for _ in range(10))
    finally:
        torch.set_num_threads(threads)
