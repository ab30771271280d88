# ruff: noqa: TID253 -- tests of tensor code
"""Every registered aggregator keeps the promises of T1."""

import itertools

import pytest
import torch

from icereco.plugins import registry
from icereco.testing.networks import call_aggregator

AGGREGATORS = registry().names("aggregator")
WAIVED = {component.name: component.waives for component in registry().components("aggregator")}
FEATURES = 7


@pytest.fixture(params=AGGREGATORS)
def name(request):
    return request.param


def build(name, seed=1, **options):
    component = registry().get("aggregator", name)
    model = component.load_options()
    wanted = {key: value for key, value in {"width": 32, **options}.items() if key in model.model_fields}
    torch.manual_seed(seed)
    return component.load_factory()(model(**wanted), FEATURES)


def pulses_of(counts, seed=0):
    counts = torch.tensor(counts)
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(int(counts.sum()), FEATURES, generator=generator)
    return features, torch.cat([counts.new_zeros(1), counts.cumsum(0)])


def evaluate(aggregator, features, offsets):
    aggregator.eval()
    with torch.no_grad():
        return call_aggregator(aggregator, features, offsets)


def promises(name, what):
    if what in WAIVED[name]:
        pytest.skip(f"{name} does not promise it")


COUNTS = [1, 1, 5, 1, 2, 40, 3, 1, 130]


def test_one_finite_vector_per_dom(name):
    aggregator = build(name)
    vectors = evaluate(aggregator, *pulses_of(COUNTS))
    assert vectors.shape == (len(COUNTS), aggregator.width)
    assert vectors.isfinite().all()


def test_different_pulses_give_different_vectors(name):
    vectors = evaluate(build(name), *pulses_of(COUNTS))
    apart = torch.cdist(vectors, vectors) + torch.eye(len(COUNTS))
    assert apart.min() > 1e-3


def test_pulses_of_one_dom_never_change_another(name):
    aggregator = build(name)
    features, offsets = pulses_of(COUNTS)
    before = evaluate(aggregator, features, offsets)
    changed = features.clone()
    changed[offsets[5] : offsets[6]] += 10
    after = evaluate(aggregator, changed, offsets)
    others = torch.arange(len(COUNTS)) != 5
    torch.testing.assert_close(after[others], before[others], rtol=0, atol=1e-6)
    assert (after[5] - before[5]).abs().max() > 1e-3


def test_a_dom_has_the_same_vector_alone_and_in_company(name):
    aggregator = build(name)
    features, offsets = pulses_of(COUNTS)
    together = evaluate(aggregator, features, offsets)
    for dom, count in enumerate(COUNTS):
        own = features[offsets[dom] : offsets[dom + 1]]
        alone = evaluate(aggregator, own, torch.tensor([0, count]))
        torch.testing.assert_close(alone[0], together[dom], rtol=1e-4, atol=1e-5)


def test_gradients_do_not_leak_between_doms(name):
    aggregator = build(name).eval()
    features, offsets = pulses_of([3, 1, 4, 2])
    features.requires_grad_()
    call_aggregator(aggregator, features, offsets)[2].square().sum().backward()
    seen = features.grad.abs().sum(-1) > 0
    assert seen.tolist() == [False] * 4 + [True] * 4 + [False] * 2


def test_order_of_doms_does_not_matter(name):
    aggregator = build(name)
    features, offsets = pulses_of(COUNTS)
    order = torch.tensor([8, 3, 5, 0, 7, 1, 6, 2, 4])
    parts = [features[offsets[dom] : offsets[dom + 1]] for dom in order]
    counts = torch.tensor(COUNTS)[order]
    shuffled = evaluate(aggregator, torch.cat(parts), torch.cat([counts.new_zeros(1), counts.cumsum(0)]))
    torch.testing.assert_close(shuffled, evaluate(aggregator, features, offsets)[order], rtol=1e-4, atol=1e-5)


def test_order_of_pulses_in_a_dom_does_not_matter(name):
    # The time of a pulse is a feature, its place in the list is not.
    promises(name, "pulse-order")
    aggregator = build(name)
    features, offsets = pulses_of(COUNTS)
    turned = torch.cat([features[start:stop].flip(0) for start, stop in itertools.pairwise(offsets)])
    torch.testing.assert_close(
        evaluate(aggregator, turned, offsets), evaluate(aggregator, features, offsets), rtol=1e-4, atol=1e-5
    )


def test_every_pulse_counts(name):
    promises(name, "every-pulse-counts")
    aggregator = build(name).eval()
    features, offsets = pulses_of([1, 700, 30])
    features.requires_grad_()
    call_aggregator(aggregator, features, offsets).square().sum().backward()
    assert (features.grad.abs().sum(-1) > 0).all()


def test_gradient_reaches_every_parameter(name):
    aggregator = build(name)
    call_aggregator(aggregator, *pulses_of(COUNTS)).square().sum().backward()
    dead = [key for key, value in aggregator.named_parameters() if value.grad is None or not value.grad.any()]
    assert dead == []
    assert all(value.grad.isfinite().all() for value in aggregator.parameters())


@pytest.mark.parametrize("count", [1, 20_000])
def test_a_dom_may_have_one_pulse_or_twenty_thousand(name, count):
    vectors = evaluate(build(name, layers=1), *pulses_of([count]))
    assert vectors.shape == (1, 32)
    assert vectors.isfinite().all()


def test_a_batch_without_doms_works(name):
    assert evaluate(build(name), torch.zeros(0, FEATURES), torch.tensor([0])).shape == (0, 32)


def test_half_precision_is_finite_and_close(name):
    aggregator = build(name)
    features, offsets = pulses_of(COUNTS)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = evaluate(aggregator, features, offsets)
    torch.testing.assert_close(half.float(), evaluate(aggregator, features, offsets), rtol=0.1, atol=0.1)


def test_same_seed_gives_the_same_weights(name):
    first, again, other = build(name, seed=7), build(name, seed=7), build(name, seed=8)
    features, offsets = pulses_of(COUNTS)
    vectors = evaluate(first, features, offsets)
    torch.testing.assert_close(evaluate(again, features, offsets), vectors, rtol=0, atol=0)
    assert not torch.allclose(evaluate(other, features, offsets), vectors)


def test_state_makes_the_round_trip(name, tmp_path):
    from safetensors.torch import load_file, save_file

    first, second = build(name, seed=1), build(name, seed=2)
    save_file(first.state_dict(), tmp_path / "weights.safetensors")
    second.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    features, offsets = pulses_of(COUNTS)
    torch.testing.assert_close(
        evaluate(second, features, offsets), evaluate(first, features, offsets), rtol=0, atol=0
    )


def test_evaluation_repeats_exactly(name):
    aggregator = build(name)
    features, offsets = pulses_of(COUNTS)
    torch.testing.assert_close(
        evaluate(aggregator, features, offsets), evaluate(aggregator, features, offsets), rtol=0, atol=0
    )
