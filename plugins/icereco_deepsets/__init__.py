"""T1 and T2 without attention: every pulse or DOM alone, then their mean and maximum."""

from collections.abc import Iterable

from icereco.components import Component
from icereco.hookspecs import hookimpl

__all__ = ["icereco_aggregators", "icereco_encoders"]


@hookimpl
def icereco_aggregators() -> Iterable[Component]:
    """T1: a deep set over the pulses of each DOM."""
    return [
        Component(
            "deepsets",
            "icereco_deepsets.aggregator:DeepSetsAggregator",
            "icereco_deepsets.options:DeepSetsOptions",
            "mean and maximum over the pulses of each DOM (Zaheer et al., arXiv:1703.06114)",
        )
    ]


@hookimpl
def icereco_encoders() -> Iterable[Component]:
    """T2: a deep set over the DOMs of each event."""
    return [
        Component(
            "deepsets",
            "icereco_deepsets.encoder:DeepSetsEncoder",
            "icereco_deepsets.options:DeepSetsOptions",
            "mean and maximum over the DOMs of each event (Zaheer et al., arXiv:1703.06114)",
        )
    ]
