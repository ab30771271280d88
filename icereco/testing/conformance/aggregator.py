"""What an aggregator (T1) promises: one vector per DOM from its pulses alone."""

from typing import Any

import torch
from torch import Tensor

from icereco.testing.conformance import network
from icereco.testing.conformance.network import COUNTS, INPUT_WIDTH, LONG, Sequences
from icereco.testing.conformance.subject import Subject, require, require_close
from icereco.testing.networks import call_aggregator


def _call(aggregator: Any, pulses: Sequences) -> Tensor:
    return call_aggregator(aggregator, pulses.features, pulses.offsets)


def _build(subject: Subject, seed: int = 1, **changes: Any) -> Any:
    return network.seeded(subject, INPUT_WIDTH, seed=seed, **changes)


def _evaluate(aggregator: Any, pulses: Sequences) -> Tensor:
    return network.evaluate(aggregator, _call, pulses)


def one_vector_per_dom(subject: Subject) -> None:
    """It gives one finite vector per DOM, as long as its attribute `width` says."""
    aggregator = _build(subject)
    vectors = _evaluate(aggregator, Sequences.random())
    expected = (len(COUNTS), aggregator.width)
    require(
        tuple(vectors.shape) == expected,
        f"{expected[0]} DOMs and width {expected[1]} gave vectors of shape {tuple(vectors.shape)}",
    )
    require(vectors.isfinite().all(), "a vector is not finite")


def tells_doms_apart(subject: Subject) -> None:
    """DOMs with different pulses have different vectors."""
    vectors = _evaluate(_build(subject), Sequences.random())
    apart = torch.cdist(vectors, vectors) + torch.eye(len(vectors))
    require(apart.min() > 1e-4, "two DOMs with different pulses have the same vector")


def doms_do_not_leak(subject: Subject) -> None:
    """Pulses of one DOM never change the vector of another."""
    aggregator, pulses = _build(subject), Sequences.random()
    before, after = _evaluate(aggregator, pulses), _evaluate(aggregator, pulses.changed(LONG))
    moved = (after - before).abs().amax(-1)
    changed = [dom for dom in range(len(COUNTS)) if dom != LONG and moved[dom] > 1e-6]
    require(not changed, f"other pulses in DOM {LONG} changed the vectors of DOMs {changed}")
    require(moved[LONG] > 1e-4, f"other pulses in DOM {LONG} did not change its own vector")


def gradients_do_not_leak(subject: Subject) -> None:
    """The gradient of one DOM's vector reaches no pulse of another DOM."""
    pulses = Sequences.random()
    seen = network.gradient_per_token(_build(subject), _call, pulses, LONG) > 0
    inside = torch.zeros_like(seen)
    inside[pulses.tokens(LONG)] = True
    require(not (seen & ~inside).any(), "the gradient of one DOM's vector reaches pulses of other DOMs")


def alone_as_in_company(subject: Subject) -> None:
    """A DOM has the same vector alone and in any batch."""
    aggregator, pulses = _build(subject), Sequences.random()
    together = _evaluate(aggregator, pulses)
    alone = torch.cat([_evaluate(aggregator, pulses.only(dom)) for dom in range(len(pulses))])
    require_close(alone, together, "the vector of a DOM alone differs from that in a batch")


def dom_order(subject: Subject) -> None:
    """The order of the DOMs in a batch does not matter."""
    aggregator, pulses = _build(subject), Sequences.random()
    order = [8, 3, 5, 0, 7, 1, 6, 2, 4]
    shuffled = _evaluate(aggregator, pulses.reordered(order))
    require_close(
        shuffled, _evaluate(aggregator, pulses)[order], "the order of the DOMs changes their vectors"
    )


def pulse_order(subject: Subject) -> None:
    """The order of the pulses of a DOM does not matter: time is a feature, a place in a list is not."""
    aggregator, pulses = _build(subject), Sequences.random()
    require_close(
        _evaluate(aggregator, pulses.shuffled_inside()),
        _evaluate(aggregator, pulses),
        "the order of the pulses of a DOM changes its vector",
    )


def every_pulse_counts(subject: Subject) -> None:
    """No pulse is left out, however many a DOM has."""
    pulses = Sequences.random((1, 700, 30))
    silent = network.gradient_per_token(_build(subject), _call, pulses, None) == 0
    require(not silent.any(), f"{int(silent.sum())} of {len(silent)} pulses have no influence on any vector")


def all_parameters_learn(subject: Subject) -> None:
    """Training moves every parameter."""
    network.require_all_gradients(_build(subject), _call, Sequences.random())


def one_pulse(subject: Subject) -> None:
    """A DOM with a single pulse works."""
    aggregator = _build(subject)
    vectors = _evaluate(aggregator, Sequences.random((1,)))
    require(
        vectors.shape == (1, aggregator.width) and vectors.isfinite().all(), "one pulse gave no finite vector"
    )


def twenty_thousand_pulses(subject: Subject) -> None:
    """A DOM with 20,000 pulses works."""
    aggregator = _build(subject, layers=1)
    vectors = _evaluate(aggregator, Sequences.random((20_000,)))
    require(
        vectors.shape == (1, aggregator.width) and vectors.isfinite().all(),
        "20,000 pulses gave no finite vector",
    )


def batch_without_doms(subject: Subject) -> None:
    """A batch without any DOM gives no vectors, and no error."""
    aggregator = _build(subject)
    vectors = _evaluate(aggregator, Sequences.random(()))
    require(
        tuple(vectors.shape) == (0, aggregator.width), f"no DOMs gave vectors of shape {tuple(vectors.shape)}"
    )


def half_precision(subject: Subject) -> None:
    """Under bfloat16 autocast its vectors are finite and near those of float32."""
    network.require_finite_half_precision(_build(subject), _call, Sequences.random())


def same_seed_same_weights(subject: Subject) -> None:
    """The seed of torch decides about its weights, and nothing else does."""
    network.require_seeded(_build(subject, 7), _build(subject, 7), _build(subject, 8))


def state_round_trip(subject: Subject) -> None:
    """Its state, saved and loaded, gives the same vectors: a checkpoint holds all of it."""
    network.require_round_trip(_build(subject, 1), _build(subject, 2), _call, Sequences.random())


def evaluation_repeats(subject: Subject) -> None:
    """In evaluation nothing is random."""
    network.require_repeatable(_build(subject), _call, Sequences.random())


PROMISES = (
    one_vector_per_dom,
    tells_doms_apart,
    doms_do_not_leak,
    gradients_do_not_leak,
    alone_as_in_company,
    dom_order,
    pulse_order,
    every_pulse_counts,
    all_parameters_learn,
    one_pulse,
    twenty_thousand_pulses,
    batch_without_doms,
    half_precision,
    same_seed_same_weights,
    state_round_trip,
    evaluation_repeats,
)

WAIVABLE = ("pulse-order", "every-pulse-counts")
