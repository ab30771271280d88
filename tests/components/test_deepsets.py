import pytest
import torch
from icereco_aggregators.deepsets import DeepSetsAggregator
from icereco_aggregators.options import DeepSetsOptions
from pydantic import ValidationError

from icereco.nn.pooling import pooled


def test_pooling_is_that_of_a_plain_loop():
    values, counts = torch.randn(12, 4), [1, 5, 0, 6]
    parts = values.split(counts)
    expected = [
        torch.cat([part.mean(0), part.amax(0), torch.tensor([len(part) + 1.0]).log()])
        if len(part)
        else torch.zeros(9)
        for part in parts
    ]
    torch.testing.assert_close(pooled(values, torch.tensor([0, 1, 6, 6, 12])), torch.stack(expected))


def test_doms_without_pulses_are_finite_in_value_and_gradient():
    aggregator = DeepSetsAggregator(DeepSetsOptions(width=8), 3)
    features = torch.randn(2, 3, requires_grad=True)
    vectors = aggregator(features, torch.tensor([0, 0, 2, 2]))
    vectors.sum().backward()
    assert vectors.isfinite().all()
    assert features.grad.isfinite().all()
    torch.testing.assert_close(vectors[0], vectors[2])


def test_the_number_of_equal_pulses_is_seen():
    aggregator = DeepSetsAggregator(DeepSetsOptions(width=8), 3)
    vectors = aggregator(torch.ones(11, 3), torch.tensor([0, 1, 11]))
    assert (vectors[0] - vectors[1]).abs().max() > 1e-3


def test_layers_is_the_depth_of_the_pulse_network():
    assert len(DeepSetsAggregator(DeepSetsOptions(layers=5), 3).pulse) == 5


@pytest.mark.parametrize("options", [{"width": 0}, {"layers": 0}, {"widht": 4}])
def test_bad_options_are_refused(options):
    with pytest.raises(ValidationError, match=next(iter(options))):
        DeepSetsOptions(**options)
