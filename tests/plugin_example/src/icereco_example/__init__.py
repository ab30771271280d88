"""A gated mean over the pulses of each DOM."""

from collections.abc import Iterator

from icereco.components import Component
from icereco.hookspecs import hookimpl


@hookimpl
def icereco_aggregators() -> Iterator[Component]:
    """T1: a mean in which pulses count differently."""
    yield Component(
        name="gated-mean",
        factory="icereco_example.aggregator:GatedMean",
        options="icereco_example.options:GatedMeanOptions",
        summary="mean over the pulses of each DOM, each weighed by a gate that is learned",
    )
