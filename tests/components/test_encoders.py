"""Every registered encoder keeps the promises of T2, and each of ours has its documented architecture."""

import dataclasses
import inspect
import itertools
import math
import resource

import pytest
import torch
from icereco_encoders.edge_conv import EdgeConv
from icereco_encoders.intervals import interval_bins, signed_interval_m
from icereco_encoders.modern import ModernTransformerEncoder
from icereco_encoders.neighbours import NUDGE, nearest
from icereco_encoders.options import ModernTransformerOptions, RelativeTransformerOptions
from icereco_encoders.relative import RelativeTransformerEncoder

from icereco.detector.detector import LIGHT_M_PER_NS
from icereco.nn.length_groups import length_groups, ungrouped
from icereco.plugins.discovery import registry
from icereco.testing.networks import call_encoder

ENCODERS = registry().names("encoder")
WIDTH = 32
COUNTS = [1, 1, 5, 1, 2, 40, 3, 1, 130]
LONG = 5


@pytest.fixture(params=ENCODERS)
def name(request):
    return request.param


def build(name, seed=1, **options):
    component = registry().get("encoder", name)
    model = component.load_options()
    wanted = {"width": 32, "layers": 2, "plain_layers": 1, **options}
    torch.manual_seed(seed)
    encoder = component.load_factory()(
        model(**{key: value for key, value in wanted.items() if key in model.model_fields}), WIDTH
    )
    with torch.no_grad():  # layers that start as the identity would hide a leak
        for weight in encoder.parameters():
            weight.add_(0.03 * torch.randn_like(weight))
    return encoder.eval()


def events_of(counts, seed=0):
    counts = torch.tensor(counts, dtype=torch.int64)
    generator = torch.Generator().manual_seed(seed)
    doms = int(counts.sum())
    vectors, positions = (torch.randn(doms, width, generator=generator) for width in (WIDTH, 3))
    return vectors, positions, offsets_of(counts)


def offsets_of(counts):
    return torch.cat([counts.new_zeros(1), counts.cumsum(0)])


def evaluate(encoder, vectors, positions, offsets):
    with torch.no_grad():
        return call_encoder(encoder, vectors, positions, offsets)


def close(result, expected):
    torch.testing.assert_close(result, expected, rtol=1e-4, atol=2e-5)


def test_one_finite_vector_per_event_and_no_two_alike(name):
    encoder = build(name)
    vectors = evaluate(encoder, *events_of(COUNTS))
    assert vectors.shape == (len(COUNTS), encoder.width)
    assert vectors.isfinite().all()
    assert (torch.cdist(vectors, vectors) + torch.eye(len(COUNTS))).min() > 1e-3


def test_an_event_has_the_same_vector_alone_and_in_company(name):
    encoder = build(name)
    vectors, positions, offsets = events_of(COUNTS)
    together = evaluate(encoder, vectors, positions, offsets)
    for event, (start, stop) in enumerate(itertools.pairwise(offsets)):
        alone = evaluate(encoder, vectors[start:stop], positions[start:stop], torch.tensor([0, stop - start]))
        close(alone[0], together[event])


def test_a_long_event_changes_no_other(name):
    encoder = build(name)
    vectors, positions, offsets = events_of([3, 1, 12, 900])
    alone = evaluate(encoder, vectors[:16], positions[:16], offsets[:4])
    close(evaluate(encoder, vectors, positions, offsets)[:3], alone)


def test_gradients_do_not_leak_between_events(name):
    encoder = build(name)
    vectors, positions, offsets = events_of(COUNTS)
    vectors.requires_grad_()
    call_encoder(encoder, vectors, positions, offsets)[LONG].square().sum().backward()
    seen = vectors.grad.abs().sum(-1) > 0
    inside = torch.zeros_like(seen)
    inside[offsets[LONG] : offsets[LONG + 1]] = True
    assert not (seen & ~inside).any()
    assert seen[inside].all()


def test_order_of_doms_and_of_events_does_not_matter(name):
    encoder = build(name)
    vectors, positions, offsets = events_of(COUNTS)
    order = torch.tensor([8, 3, 5, 0, 7, 1, 6, 2, 4])
    rows = torch.cat([torch.arange(offsets[event], offsets[event + 1]).flip(0) for event in order])
    turned = evaluate(encoder, vectors[rows], positions[rows], offsets_of(torch.tensor(COUNTS)[order]))
    close(turned, evaluate(encoder, vectors, positions, offsets)[order])


def test_equally_far_neighbours_do_not_make_order_matter(name):
    # DOMs on a string: those above and below are equally far.
    encoder = build(name, neighbours=3)
    vectors, _, offsets = events_of([25])
    positions = torch.stack([torch.zeros(25), torch.zeros(25), 17 / 500 * torch.arange(25.0)], -1)
    back = torch.arange(24, -1, -1)
    turned = evaluate(encoder, vectors[back], positions[back], offsets)
    close(turned, evaluate(encoder, vectors, positions, offsets))


def test_every_dom_counts(name):
    encoder = build(name)
    vectors, positions, offsets = events_of([1, 300, 30])
    vectors.requires_grad_()
    call_encoder(encoder, vectors, positions, offsets).square().sum().backward()
    assert (vectors.grad.abs().sum(-1) > 0).all()


def test_gradient_reaches_every_parameter(name):
    encoder = build(name).train()
    call_encoder(encoder, *events_of(COUNTS)).square().sum().backward()
    dead = [key for key, value in encoder.named_parameters() if value.grad is None or not value.grad.any()]
    assert dead == []
    assert all(value.grad.isfinite().all() for value in encoder.parameters())


@pytest.mark.parametrize("counts", [[], [0], [0, 4, 0], [1]])
def test_small_and_empty_events_work(name, counts):
    encoder = build(name)
    vectors = evaluate(encoder, *events_of(counts))
    assert vectors.shape == (len(counts), encoder.width)
    assert vectors.isfinite().all()
    if 4 in counts:
        close(vectors[1:2], evaluate(encoder, *events_of([4])))


def test_an_event_that_lights_all_doms_works(name):
    vectors = evaluate(build(name, layers=1), *events_of([5_160]))
    assert vectors.isfinite().all()


def test_half_precision_is_finite_and_close(name):
    encoder, events = build(name), events_of(COUNTS)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = evaluate(encoder, *events).float()
    full = evaluate(encoder, *events)
    assert (half - full).norm() / full.norm() < 0.1


def test_state_makes_the_round_trip_and_the_seed_decides(name):
    first, second, again = build(name, seed=1), build(name, seed=2), build(name, seed=1)
    events = events_of(COUNTS)
    expected = evaluate(first, *events)
    torch.testing.assert_close(evaluate(again, *events), expected, rtol=0, atol=0)
    assert not torch.allclose(evaluate(second, *events), expected)
    second.load_state_dict(first.state_dict())
    torch.testing.assert_close(evaluate(second, *events), expected, rtol=0, atol=0)


# Groups


def test_groups_hold_every_dom_once_and_little_padding():
    counts = torch.tensor([0, 7, 1, 300, 1, 290, 8, 0, 33, 36])
    offsets = offsets_of(counts)
    groups = length_groups(offsets)
    rows = torch.cat([group.index[group.real] for group in groups])
    assert rows.sort().values.tolist() == list(range(int(counts.sum())))
    assert sum(group.index.numel() for group in groups) < 1.1 * counts.sum() + 4
    values = torch.randn(int(counts.sum()), 2)
    assert torch.equal(ungrouped([values[group.index] for group in groups], groups, len(values)), values)


# Space-time intervals


def test_the_interval_of_light_is_zero_and_its_sign_says_what_can_cause_what():
    position = torch.tensor([[0.0, 0, 0], [100.0, 0, 0], [0, 0, 0]])
    on_the_cone = 100 / LIGHT_M_PER_NS
    time = torch.tensor([0.0, on_the_cone, 1000.0], dtype=torch.float64)
    interval = signed_interval_m(time, position)
    assert interval[0, 1].abs() < 0.1
    assert interval[0, 2] == pytest.approx(1000 * LIGHT_M_PER_NS)
    assert signed_interval_m(time * 0, position)[0, 1] == -100
    assert torch.equal(interval, interval.T)


def test_classes_of_intervals_rise_and_are_symmetric():
    time = torch.linspace(0, 20_000, 400, dtype=torch.float64)
    apart = interval_bins(time, torch.zeros(400, 3), 64, 10.0)
    assert apart[0, 0] == 32
    assert (apart[0].diff() >= 0).all()
    assert apart[0, -1] == 63
    far = interval_bins(time * 0, torch.linspace(0, 3000, 400)[:, None].expand(400, 3), 64, 10.0)
    assert far[0, -1] == 0
    assert torch.equal(apart, apart.T)


def test_relative_attention_is_the_plain_definition(monkeypatch):
    monkeypatch.setattr(
        "icereco_encoders.relative.MOST_SCORES", 5_000
    )  # in pieces, computed again for gradients
    encoder = build("relative-transformer").train()
    layer = encoder.layers[0]
    doms, heads = 90, layer.heads
    tokens = torch.randn(doms, WIDTH, requires_grad=True)
    kinds = torch.randint(0, encoder.bins, (1, doms, doms), dtype=torch.int32)
    groups = length_groups(torch.tensor([0, doms]))
    result = layer(tokens, groups, [kinds])
    query, key, value = (
        layer.qkv(layer.attention_norm(tokens)).unflatten(-1, (3, heads, -1)).permute(1, 2, 0, 3)
    )
    scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1]) + layer.bias[kinds[0].long()].permute(
        2, 0, 1
    )
    attended = (scores.softmax(-1) @ value).transpose(0, 1).flatten(1)
    middle = tokens + layer.attention_out(attended)
    expected = middle + layer.mlp_out(torch.nn.functional.gelu(layer.mlp_in(layer.mlp_norm(middle))))
    torch.testing.assert_close(result, expected, rtol=1e-5, atol=1e-5)
    wanted = torch.autograd.grad(expected.square().sum(), [tokens, layer.bias], retain_graph=True)
    for gradient, right in zip(
        torch.autograd.grad(result.square().sum(), [tokens, layer.bias]), wanted, strict=True
    ):
        torch.testing.assert_close(gradient, right, rtol=1e-3, atol=1e-4)


def test_times_decide_in_the_relative_transformer():
    encoder = build("relative-transformer")
    vectors, positions, offsets = events_of([20])
    before = evaluate(encoder, vectors, positions, offsets)
    seen = encoder.forward

    def later(*arguments, batch):
        return seen(*arguments, batch=dataclasses.replace(batch, time_ns=batch.time_ns * 3))

    encoder.forward = later
    later.__signature__ = inspect.signature(seen)
    assert (evaluate(encoder, vectors, positions, offsets) - before).abs().max() > 1e-4


@pytest.mark.slow
def test_relative_attention_over_all_doms_trains_in_bounded_memory():
    torch.manual_seed(1)
    encoder = RelativeTransformerEncoder(RelativeTransformerOptions(layers=2, plain_layers=1), 64).train()
    counts = torch.tensor([5_160])
    vectors = torch.randn(int(counts.sum()), 64, requires_grad=True)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    call_encoder(encoder, vectors, torch.randn(len(vectors), 3), offsets_of(counts)).sum().backward()
    assert vectors.grad.isfinite().all()
    # The scores of two layers, kept for the gradients, would take 3 GB and more.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1.5e6


# Graph convolutions


def test_neighbours_are_those_of_a_plain_loop(monkeypatch):
    monkeypatch.setattr("icereco_encoders.neighbours.MOST_DISTANCES", 500)  # in pieces
    counts = torch.tensor([1, 5, 0, 40, 3, 60])
    offsets, points = offsets_of(counts), torch.randn(109, 3)
    edges = nearest(points, length_groups(offsets), 4)
    for dom in range(109):
        event = int(torch.searchsorted(offsets, dom, right=True)) - 1
        others = [row for row in range(int(offsets[event]), int(offsets[event + 1])) if row != dom]
        here = points[dom] + torch.tensor(NUDGE)
        expected = sorted(others, key=lambda row, here=here: float((points[row] - here).norm()))[:4]
        span = slice(int(edges.offsets[dom]), int(edges.offsets[dom + 1]))
        assert sorted(edges.source[span].tolist()) == sorted(expected)
        assert (edges.target[span] == dom).all()


def test_edge_convolution_is_the_plain_definition():
    torch.manual_seed(2)
    layer, doms = EdgeConv(6, 8), torch.randn(30, 6)
    edges = nearest(doms[:, :3], length_groups(torch.tensor([0, 29, 30])), 5)
    first = torch.nn.Linear(12, 8)  # of [x, x' − x]
    with torch.no_grad():
        first.weight[:, 6:] = layer.other.weight
        first.weight[:, :6] = layer.own.weight + layer.other.weight
        first.bias.copy_(layer.own.bias)
    gelu = torch.nn.functional.gelu
    for dom in range(30):
        span = slice(int(edges.offsets[dom]), int(edges.offsets[dom + 1]))
        others = doms[edges.source[span]]
        own = doms[dom].expand_as(others)
        messages = gelu(layer.edge(gelu(first(torch.cat([own, others - own], 1)))))
        expected = messages.mean(0) if len(messages) else torch.zeros(8)
        torch.testing.assert_close(layer(doms, edges)[dom], expected, rtol=1e-5, atol=1e-6)


# Modern transformer


def test_modern_layers_start_as_the_identity():
    torch.manual_seed(1)
    encoder = ModernTransformerEncoder(ModernTransformerOptions(layers=3), WIDTH)
    shallow = ModernTransformerEncoder(ModernTransformerOptions(layers=1), WIDTH)
    shallow.load_state_dict(
        {key: value for key, value in encoder.state_dict().items() if key in shallow.state_dict()}
    )
    events = events_of(COUNTS)
    close(evaluate(encoder, *events), evaluate(shallow, *events))


@pytest.mark.parametrize("kernel", ["packed", "reference"])
def test_modern_attention_is_the_same_with_any_kernel(kernel):
    first = build("modern-transformer", kernel="bucketed")
    second = build("modern-transformer", kernel=kernel)
    close(evaluate(second, *events_of(COUNTS)), evaluate(first, *events_of(COUNTS)))
