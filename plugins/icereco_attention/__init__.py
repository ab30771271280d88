"""Attention over the pulses of each DOM (T1) and over the DOMs of each event (T2)."""

from collections.abc import Iterator

from icereco.components import Component
from icereco.hookspecs import hookimpl


@hookimpl
def icereco_aggregators() -> Iterator[Component]:
    """T1: a transformer over the pulses of each DOM."""
    yield Component(
        name="flex-attention",
        factory="icereco_attention.aggregator:AttentionAggregator",
        options="icereco_attention.options:AggregatorOptions",
        summary="transformer (Vaswani et al., arXiv:1706.03762) over the pulses of each DOM, nothing padded or cut",
    )


@hookimpl
def icereco_encoders() -> Iterator[Component]:
    """T2: a transformer over the hit DOMs of each event."""
    yield Component(
        name="transformer",
        factory="icereco_attention.encoder:AttentionEncoder",
        options="icereco_attention.options:EncoderOptions",
        summary="transformer (Vaswani et al., arXiv:1706.03762) over the hit DOMs of each event, with their positions",
    )
