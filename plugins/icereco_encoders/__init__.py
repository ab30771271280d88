"""T2 of other systems: a modern transformer, one that sees space-time intervals, and graph convolutions."""

from collections.abc import Iterable

from icereco.components import Component
from icereco.hookspecs import hookimpl

__all__ = ["icereco_encoders"]


@hookimpl
def icereco_encoders() -> Iterable[Component]:
    """T2: three ways from the DOMs of an event to a vector."""
    return [
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
