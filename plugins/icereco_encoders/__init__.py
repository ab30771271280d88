"""T2: from the DOMs of an event to a vector. Transformers, deep sets, graph convolutions."""

from collections.abc import Iterable

from icereco.plugins.component import Component
from icereco.plugins.hookspecs import hookimpl

__all__ = ["icereco_encoders"]


@hookimpl
def icereco_encoders() -> Iterable[Component]:
    """T2: from the DOMs of an event to a vector."""
    return [
        Component(
            "transformer",
            "icereco_encoders.attention:AttentionEncoder",
            "icereco_encoders.options:TransformerOptions",
            "transformer (Vaswani et al., arXiv:1706.03762) over the hit DOMs of each event, with their positions",
        ),
        Component(
            "deepsets",
            "icereco_encoders.deepsets:DeepSetsEncoder",
            "icereco_encoders.options:DeepSetsOptions",
            "mean and maximum over the DOMs of each event (Zaheer et al., arXiv:1703.06114)",
        ),
        Component(
            "modern-transformer",
            "icereco_encoders.modern:ModernTransformerEncoder",
            "icereco_encoders.options:ModernTransformerOptions",
            "RMSNorm, QK-norm, ReLU², projections that start at zero, scaled residuals (flat v2 of iceaggr)",
        ),
        Component(
            "relative-transformer",
            "icereco_encoders.relative:RelativeTransformerEncoder",
            "icereco_encoders.options:RelativeTransformerOptions",
            "attention that knows the space-time interval between DOMs (IceMix, second place on Kaggle)",
        ),
        Component(
            "edge-conv",
            "icereco_encoders.edge_conv:EdgeConvEncoder",
            "icereco_encoders.options:EdgeConvOptions",
            "convolutions over nearest neighbours, found anew in each layer (DynEdge of GraphNeT, arXiv:2209.03042)",
        ),
    ]
