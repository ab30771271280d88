"""Summary statistics against their plain definition, and the aggregators that are made of tokens."""

import math

import numpy as np
import pytest
import torch
from icereco_aggregators.attention_pool import AttentionPoolAggregator
from icereco_aggregators.first_pulses import FirstPulsesAggregator
from icereco_aggregators.options import AttentionPoolOptions, FirstPulsesOptions, SummaryOptions
from icereco_aggregators.statistics import CHARGES, NAMES, SHARES, summary_statistics
from icereco_aggregators.summary import SummaryAggregator
from pydantic import ValidationError

from icereco.testing.networks import call_aggregator

COUNTS = [1, 4, 0, 1, 2, 60, 1, 700, 3]


def pulses(seed=0, counts=COUNTS, equal=False):
    random = np.random.default_rng(seed)
    total = sum(counts)
    time = np.concatenate([np.sort(random.exponential(300.0, count)) for count in counts] or [[]]) + 1e4
    charge = np.ones(total) if equal else random.gamma(2.0, 0.6, total)
    columns = (
        torch.tensor(time),
        torch.tensor(charge, dtype=torch.float32),
        torch.tensor(random.random(total) < 0.3),
    )
    return *columns, torch.tensor([0, *np.cumsum(counts)])


def plain(name, time, charge, auxiliary):
    """The definition of one statistic of one DOM, in NumPy."""
    time, charge = time.numpy(), charge.double().numpy()
    late = time - time[0]
    mean = (charge * time).sum() / charge.sum()
    moments = {power: (charge * (time - mean) ** power).sum() / charge.sum() for power in (2, 3)}
    if name.startswith("quantile"):
        share = int(name.split("_")[1]) / 100
        return time[np.flatnonzero(np.cumsum(charge) >= share * charge.sum())[0]]
    if name.startswith("charge_") and name.endswith("_ns_pe"):
        return charge[late <= int(name.split("_")[1])].sum()
    return {
        "charge_pe": charge.sum(),
        "first_ns": time.min(),
        "last_ns": time.max(),
        "mean_ns": mean,
        "std_ns": math.sqrt(moments[2]),
        "first_charge_pe": charge[0],
        "largest_charge_pe": charge.max(),
        "largest_ns": time[charge.argmax()],
        "pulses": len(time),
        "skewness": moments[3] / moments[2] ** 1.5 if moments[2] > 1e-12 else 0.0,
        "auxiliary_share": charge[auxiliary.numpy()].sum() / charge.sum(),
    }[name]


@pytest.mark.parametrize("chosen", ["nine", "extended"])
@pytest.mark.parametrize("equal", [False, True], ids=["charges", "equal charges"])
def test_statistics_are_those_of_the_plain_definition(chosen, equal):
    *columns, offsets = pulses(equal=equal)
    statistics = summary_statistics(*columns, offsets, chosen)
    assert statistics.shape == (len(COUNTS), len(NAMES[chosen]))
    for dom, count in enumerate(COUNTS):
        own = [column[offsets[dom] : offsets[dom + 1]] for column in columns]
        expected = [plain(name, *own) if count else 0.0 for name in NAMES[chosen]]
        np.testing.assert_allclose(statistics[dom].numpy(), expected, rtol=1e-9, atol=1e-7)


def test_the_nine_are_those_of_the_literature_and_among_the_extended():
    assert NAMES["nine"] == (
        "charge_pe", "charge_100_ns_pe", "charge_500_ns_pe", "first_ns", "last_ns",
        "quantile_20_ns", "quantile_50_ns", "mean_ns", "std_ns",
    )  # fmt: skip
    assert set(NAMES["nine"]) < set(NAMES["extended"])
    assert len(NAMES["extended"]) == 25
    assert {name for name in NAMES["extended"] if not name.endswith("_ns")} == CHARGES | SHARES


def test_statistics_of_a_dom_are_bit_for_bit_the_same_in_any_company():
    *columns, offsets = pulses()
    together = summary_statistics(*columns, offsets, "extended")
    for dom in range(len(COUNTS)):
        own = [column[offsets[dom] : offsets[dom + 1]] for column in columns]
        alone = summary_statistics(*own, torch.tensor([0, COUNTS[dom]]), "extended")
        assert torch.equal(alone[0], together[dom])


def test_statistics_without_charge_are_finite():
    time, charge, auxiliary, offsets = pulses()
    assert summary_statistics(time, charge * 0, auxiliary, offsets, "extended").isfinite().all()


def test_a_summary_does_not_see_when_the_readout_began():
    from icereco.events.tensors import TensorBatch

    time, charge, auxiliary, offsets = pulses()
    torch.manual_seed(1)
    aggregator = SummaryAggregator(SummaryOptions(width=16), 3)
    features, doms = torch.randn(len(time), 3), len(COUNTS)

    def vectors(shift):
        batch = TensorBatch(
            torch.tensor([0, doms]), torch.arange(doms).int(), torch.zeros(doms, 3), offsets, time + shift, charge,
            auxiliary,
        )  # fmt: skip
        return aggregator(features, offsets, batch)

    torch.testing.assert_close(vectors(1e6), vectors(0.0), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("limit", [1, 3, 100])
def test_first_pulses_are_a_linear_layer_on_a_padded_row(limit):
    torch.manual_seed(3)
    aggregator = FirstPulsesAggregator(FirstPulsesOptions(width=8, pulses=limit), 5)
    counts = [1, 4, 0, 2, 1, 7]
    features, offsets = torch.randn(15, 5), torch.tensor([0, *np.cumsum(counts)])
    first = aggregator.first
    torch.nn.init.normal_(first.biases)
    for dom, count in enumerate(counts):
        row = torch.zeros(limit, 5)
        own = features[offsets[dom] : offsets[dom + 1]][:limit]
        row[: len(own)] = own
        expected = row.flatten() @ first.blocks.flatten(0, 1) + first.biases[: len(own)].sum(0)
        expected = expected + first.count(torch.tensor([math.log1p(count)]))
        torch.testing.assert_close(aggregator(features, offsets)[dom], expected, rtol=1e-5, atol=1e-5)


def test_attention_pool_is_a_softmax_over_each_doms_pulses():
    torch.manual_seed(4)
    pool = AttentionPoolAggregator(AttentionPoolOptions(width=8, heads=2), 5)
    counts = [1, 4, 0, 7, 1]
    features, offsets = torch.randn(13, 5), torch.tensor([0, *np.cumsum(counts)])
    for dom, count in enumerate(counts):
        tokens = pool.pulse(features[offsets[dom] : offsets[dom + 1]])
        weights = pool.score(tokens).softmax(0).repeat_interleave(4, 1)
        pooled = (weights * pool.value(tokens)).sum(0) + pool.count(torch.tensor([math.log1p(count)]))
        torch.testing.assert_close(pool(features, offsets)[dom], pool.dom(pooled), rtol=1e-5, atol=1e-6)


def test_a_model_that_cuts_says_how_many_pulses_it_used():
    from icereco.detector.detector import load_detector
    from icereco.model.model import build_model
    from icereco.profiles import load_profile
    from icereco.tables.assembly import event_batch
    from icereco.testing.random_events import random_events

    detector = load_detector("icecube86")
    batch = event_batch(random_events(np.array([40, 0, 900]), sensors=60), detector)
    settings = [
        "aggregator.use=first-pulses",
        "aggregator.width=16",
        "aggregator.pulses=3",
        "encoder.layers=1",
    ]
    used = build_model(load_profile("hierarchical", settings), detector).reconstruct(batch).pulses_used
    per_dom = [[min(len(dom.pulses), 3) for dom in event.doms] for event in batch]
    assert used.tolist() == [sum(doms) for doms in per_dom]
    whole = build_model(load_profile("hierarchical", ["encoder.layers=1", "aggregator.layers=1"]), detector)
    assert whole.reconstruct(batch).pulses_used.tolist() == batch.pulse_count.tolist()


def test_gradients_of_statistics_are_finite_where_all_pulses_come_at_once():
    aggregator = SummaryAggregator(SummaryOptions(width=16, statistics="extended"), 7)
    features = torch.ones(6, 7, requires_grad=True)
    call_aggregator(aggregator, features, torch.tensor([0, 1, 6])).sum().backward()
    assert features.grad.isfinite().all()


@pytest.mark.parametrize("options", [{"width": 0}, {"pulses": 0}, {"puls": 4}])
def test_bad_options_are_refused(options):
    with pytest.raises(ValidationError, match=next(iter(options))):
        FirstPulsesOptions(**options)


def test_queries_share_the_width():
    with pytest.raises(ValidationError, match="width 6 is not a multiple of heads 4"):
        AttentionPoolOptions(width=6, heads=4)
