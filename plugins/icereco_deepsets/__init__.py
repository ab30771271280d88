"""A small T1 without attention: every pulse alone, then their mean and maximum."""

from collections.abc import Iterable

from icereco.components import Component
from icereco.hookspecs import hookimpl

__all__ = ["icereco_aggregators"]


@hookimpl
def icereco_aggregators() -> Iterable[Component]:
    """T1: a deep set over the pulses of each DOM."""
    return [
        Component(
            "deepsets",
            "icereco_deepsets.aggregator:DeepSetsAggregator",
            "icereco_deepsets.options:DeepSetsOptions",
            "mean and maximum over the pulses of each DOM, each pulse through a small network",
        )
    ]
