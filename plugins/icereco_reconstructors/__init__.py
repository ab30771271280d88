"""The line fit: a direction from the pulses alone, without training."""

from collections.abc import Iterator

from icereco.plugins.component import Component
from icereco.plugins.hookspecs import hookimpl


@hookimpl
def icereco_reconstructors() -> Iterator[Component]:
    """Declare the methods without training."""
    yield Component(
        name="linefit",
        factory="icereco_reconstructors.linefit:LineFit",
        options="icereco_reconstructors.options:LineFitOptions",
        summary="least-squares line through the positions and times of the pulses (Stenger 1990)",
    )
    yield Component(
        name="likelihood",
        factory="icereco_reconstructors.likelihood.fit:LikelihoodFit",
        options="icereco_reconstructors.options:LikelihoodOptions",
        summary="likelihood fit of a track, a starting track or a cascade, with the light model of the medium",
        waives=("rotation",),  # ice has layers, and modules look down
    )
