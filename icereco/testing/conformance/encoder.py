"""What an encoder (T2) promises: one vector per event from its DOMs alone."""

from typing import Any

import torch
from torch import Tensor

from icereco.testing.conformance import network
from icereco.testing.conformance.network import COUNTS, LONG, Sequences
from icereco.testing.conformance.subject import Subject, require, require_close
from icereco.testing.networks import call_encoder

DOM_WIDTH = 32
"""Width of a small T1."""

ALL_DOMS = 5_160


def _sequences(counts: tuple[int, ...] = COUNTS) -> Sequences:
    return Sequences.random(counts, DOM_WIDTH)


def _call(encoder: Any, events: Sequences) -> Tensor:
    return call_encoder(encoder, events.features, events.positions, events.offsets)


def _build(subject: Subject, seed: int = 1, **changes: Any) -> Any:
    return network.seeded(subject, DOM_WIDTH, seed=seed, **changes)


def _evaluate(encoder: Any, events: Sequences) -> Tensor:
    return network.evaluate(encoder, _call, events)


def one_vector_per_event(subject: Subject) -> None:
    """It gives one finite vector per event, as long as its attribute `width` says."""
    encoder = _build(subject)
    vectors = _evaluate(encoder, _sequences())
    expected = (len(COUNTS), encoder.width)
    require(
        tuple(vectors.shape) == expected,
        f"{expected[0]} events and width {expected[1]} gave vectors of shape {tuple(vectors.shape)}",
    )
    require(vectors.isfinite().all(), "a vector is not finite")


def tells_events_apart(subject: Subject) -> None:
    """Events with different DOMs have different vectors."""
    vectors = _evaluate(_build(subject), _sequences())
    apart = torch.cdist(vectors, vectors) + torch.eye(len(vectors))
    require(apart.min() > 1e-4, "two events with different DOMs have the same vector")


def events_do_not_leak(subject: Subject) -> None:
    """DOMs of one event never change the vector of another."""
    encoder, events = _build(subject), _sequences()
    before, after = _evaluate(encoder, events), _evaluate(encoder, events.changed(LONG))
    moved = (after - before).abs().amax(-1)
    changed = [event for event in range(len(COUNTS)) if event != LONG and moved[event] > 1e-6]
    require(not changed, f"other DOMs in event {LONG} changed the vectors of events {changed}")
    require(moved[LONG] > 1e-5, f"other DOMs in event {LONG} did not change its own vector")


def gradients_do_not_leak(subject: Subject) -> None:
    """The gradient of one event's vector reaches no DOM of another event."""
    events = _sequences()
    seen = network.gradient_per_token(_build(subject), _call, events, LONG) > 0
    inside = torch.zeros_like(seen)
    inside[events.tokens(LONG)] = True
    require(not (seen & ~inside).any(), "the gradient of one event's vector reaches DOMs of other events")


def alone_as_in_company(subject: Subject) -> None:
    """Padding and the other events of a batch change nothing: an event has the same vector alone and in any batch."""
    encoder, events = _build(subject), _sequences()
    together = _evaluate(encoder, events)
    alone = torch.cat([_evaluate(encoder, events.only(event)) for event in range(len(events))])
    require_close(alone, together, "the vector of an event alone differs from that in a batch")


def beside_a_huge_event(subject: Subject) -> None:
    """The longest event of a batch, which decides about any padding, changes no other vector."""
    encoder = _build(subject)
    small, large = _sequences((3, 1, 12)), _sequences((2_000,))
    both = Sequences(
        torch.cat([small.features, large.features]),
        torch.cat([small.positions, large.positions]),
        torch.cat([small.offsets, small.offsets[-1:] + 2_000]),
    )
    require_close(
        _evaluate(encoder, both)[:3],
        _evaluate(encoder, small),
        "the vector of an event changes when the batch holds a long event",
    )


def dom_order(subject: Subject) -> None:
    """The order of the DOMs of an event does not matter."""
    encoder, events = _build(subject), _sequences()
    require_close(
        _evaluate(encoder, events.shuffled_inside()),
        _evaluate(encoder, events),
        "the order of the DOMs of an event changes its vector",
    )


def event_order(subject: Subject) -> None:
    """The order of the events in a batch does not matter."""
    encoder, events = _build(subject), _sequences()
    order = [8, 3, 5, 0, 7, 1, 6, 2, 4]
    require_close(
        _evaluate(encoder, events.reordered(order)),
        _evaluate(encoder, events)[order],
        "the order of the events changes their vectors",
    )


def every_dom_counts(subject: Subject) -> None:
    """No DOM is left out, however many an event has."""
    events = _sequences((1, 700, 30))
    silent = network.gradient_per_token(_build(subject), _call, events, None) == 0
    require(not silent.any(), f"{int(silent.sum())} of {len(silent)} DOMs have no influence on any vector")


def all_parameters_learn(subject: Subject) -> None:
    """Training moves every parameter."""
    network.require_all_gradients(_build(subject), _call, _sequences())


def one_dom(subject: Subject) -> None:
    """An event with a single DOM works."""
    encoder = _build(subject)
    vectors = _evaluate(encoder, _sequences((1,)))
    require(vectors.shape == (1, encoder.width) and vectors.isfinite().all(), "one DOM gave no finite vector")


def all_doms(subject: Subject) -> None:
    """An event that lights every DOM of a large detector (5,160) works."""
    encoder = _build(subject, layers=1)
    vectors = _evaluate(encoder, _sequences((ALL_DOMS,)))
    require(
        vectors.shape == (1, encoder.width) and vectors.isfinite().all(),
        f"{ALL_DOMS} DOMs gave no finite vector",
    )


def event_without_doms(subject: Subject) -> None:
    """An event without DOMs gets a finite vector, and changes no other."""
    encoder = _build(subject)
    vectors = _evaluate(encoder, _sequences((0, 4, 0)))
    require(
        vectors.shape == (3, encoder.width), f"3 events, two empty, gave the shape {tuple(vectors.shape)}"
    )
    require(vectors.isfinite().all(), "an event without DOMs has a vector that is not finite")
    require_close(
        vectors[1:2], _evaluate(encoder, _sequences((4,))), "empty events change the vector of another"
    )


def half_precision(subject: Subject) -> None:
    """Under bfloat16 autocast its vectors are finite and near those of float32."""
    network.require_finite_half_precision(_build(subject), _call, _sequences())


def same_seed_same_weights(subject: Subject) -> None:
    """The seed of torch decides about its weights, and nothing else does."""
    network.require_seeded(_build(subject, 7), _build(subject, 7), _build(subject, 8))


def state_round_trip(subject: Subject) -> None:
    """Its state, saved and loaded, gives the same vectors: a checkpoint holds all of it."""
    network.require_round_trip(_build(subject, 1), _build(subject, 2), _call, _sequences())


def evaluation_repeats(subject: Subject) -> None:
    """In evaluation nothing is random."""
    network.require_repeatable(_build(subject), _call, _sequences())


PROMISES = (
    one_vector_per_event,
    tells_events_apart,
    events_do_not_leak,
    gradients_do_not_leak,
    alone_as_in_company,
    beside_a_huge_event,
    dom_order,
    event_order,
    every_dom_counts,
    all_parameters_learn,
    one_dom,
    all_doms,
    event_without_doms,
    half_precision,
    same_seed_same_weights,
    state_round_trip,
    evaluation_repeats,
)

WAIVABLE = ("every-dom-counts",)
