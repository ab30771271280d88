"""Rows and means of the segments of ragged tensors."""

import numpy as np
import pytest
import torch

from icereco.events import segments
from icereco.nn.segments import segment_mean, segment_of
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
