"""Calls of aggregators and encoders with random numbers, and with a matching batch if they take one."""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import softplus

from icereco.events.tensors import TensorBatch
from icereco.protocols import takes_batch

__all__ = ["call_aggregator", "call_encoder"]


def call_aggregator(
    aggregator: Any, features: Float[Tensor, "pulse feature"], pulse_offsets: Int[Tensor, "dom_plus_1"]
) -> Float[Tensor, "dom width"]:
    """Return the vectors of an aggregator for DOMs of one event. Times and charges come from the first two features, so that they have gradients."""
    doms = len(pulse_offsets) - 1
    batch = TensorBatch(
        dom_offsets=torch.tensor([0, doms]),
        sensor_id=torch.arange(doms, dtype=torch.int32),
        position_m=torch.zeros(doms, 3),
        pulse_offsets=pulse_offsets,
        time_ns=1e4 + 100 * features[:, 0].double(),
        charge_pe=softplus(features[:, 1]),
        auxiliary=features[:, -1] > 0,
    )
    further = {"batch": batch} if takes_batch(aggregator) else {}
    vectors: Tensor = aggregator(features, pulse_offsets, **further)
    return vectors


def call_encoder(
    encoder: Any,
    dom_vectors: Float[Tensor, "dom input"],
    positions: Float[Tensor, "dom 3"],
    dom_offsets: Int[Tensor, "event_plus_1"],
) -> Float[Tensor, "event width"]:
    """Return the vectors of an encoder for DOMs with one pulse each, whose time comes from the first number of the DOM's vector."""
    doms = len(dom_vectors)
    batch = TensorBatch(
        dom_offsets=dom_offsets,
        sensor_id=torch.arange(doms, dtype=torch.int32),
        position_m=500 * positions,
        pulse_offsets=torch.arange(doms + 1),
        time_ns=1e4 + 500 * dom_vectors[:, 0].double().detach(),
        charge_pe=torch.ones(doms),
        auxiliary=torch.zeros(doms, dtype=torch.bool),
    )
    further = {"batch": batch} if takes_batch(encoder) else {}
    vectors: Tensor = encoder(dom_vectors, positions, dom_offsets, **further)
    return vectors
