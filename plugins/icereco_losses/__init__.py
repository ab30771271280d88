"""What training minimises: losses on the sphere."""

from collections.abc import Iterable

from icereco.components import Component
from icereco.hookspecs import hookimpl

__all__ = ["icereco_losses"]


@hookimpl
def icereco_losses() -> Iterable[Component]:
    """Declare the losses of this package."""
    return [
        Component(
            "angular",
            "icereco_losses.angular:AngularLoss",
            "icereco_losses.options:AngularOptions",
            "opening angle between prediction and truth, stable at 0 and 180 degrees",
            waives=("is-a-density",),
        ),
        Component(
            "vmf",
            "icereco_losses.vmf:VonMisesFisherLoss",
            "icereco_losses.options:VonMisesFisherOptions",
            "negative log density of a von Mises-Fisher distribution: a direction and how sure it is",
        ),
    ]
