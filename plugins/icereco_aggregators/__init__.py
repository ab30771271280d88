"""T1: from the pulses of a DOM to a vector. Attention, deep sets, pooling, first pulses, summary statistics."""

from collections.abc import Iterable

from icereco.plugins.component import Component
from icereco.plugins.hookspecs import hookimpl

__all__ = ["icereco_aggregators"]

_IN_ORDER = ("pulse-order",)
"""These use the order of the pulses in an `EventBatch`: by time."""


@hookimpl
def icereco_aggregators() -> Iterable[Component]:
    """T1: from the pulses of a DOM to a vector."""
    return [
        Component(
            "flex-attention",
            "icereco_aggregators.attention:AttentionAggregator",
            "icereco_aggregators.options:AttentionOptions",
            "transformer (Vaswani et al., arXiv:1706.03762) over the pulses of each DOM, nothing padded or cut",
        ),
        Component(
            "deepsets",
            "icereco_aggregators.deepsets:DeepSetsAggregator",
            "icereco_aggregators.options:DeepSetsOptions",
            "mean and maximum over the pulses of each DOM (Zaheer et al., arXiv:1703.06114)",
        ),
        Component(
            "attention-pool",
            "icereco_aggregators.attention_pool:AttentionPoolAggregator",
            "icereco_aggregators.options:AttentionPoolOptions",
            "learned queries that weigh the pulses of each DOM (Lee et al. 2019, pooling by multihead attention)",
        ),
        Component(
            "first-pulses",
            "icereco_aggregators.first_pulses:FirstPulsesAggregator",
            "icereco_aggregators.options:FirstPulsesOptions",
            "the first pulses of each DOM side by side, later ones only counted (the token of iceaggr's flat model)",
            waives=("pulse-order", "every-pulse-counts"),
        ),
        Component(
            "summary-statistics",
            "icereco_aggregators.summary:SummaryAggregator",
            "icereco_aggregators.options:SummaryOptions",
            "nine or 25 statistics of the charges and times of each DOM (IceCube's dnn_reco, arXiv:2101.11589)",
            waives=_IN_ORDER,
        ),
        Component(
            "hybrid",
            "icereco_aggregators.hybrid:HybridAggregator",
            "icereco_aggregators.options:HybridOptions",
            "first pulses and summary statistics in one vector (the hybrid token of iceaggr's flat model)",
            waives=_IN_ORDER,
        ),
    ]
