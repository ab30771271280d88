"""Simulated events, so that training needs no download."""

from collections.abc import Iterable

from icereco.plugins.component import Component
from icereco.plugins.hookspecs import hookimpl

__all__ = ["icereco_simulators"]


@hookimpl
def icereco_simulators() -> Iterable[Component]:
    """Declare the simulators of this package."""
    return [
        Component(
            "ice-telescope",
            "icereco_simulation.simulator:IceTelescope",
            "icereco_simulation.options:IceTelescopeOptions",
            "tracks and cascades in layered ice: light, noise, local coincidence, trigger",
        ),
    ]
