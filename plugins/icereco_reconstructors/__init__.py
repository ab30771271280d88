"""Methods without training: a direction from the pulses alone."""

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
        name="robust-linefit",
        factory="icereco_reconstructors.linefit:LineFit",
        options="icereco_reconstructors.options:RobustLineFitOptions",
        summary="linefit without late pulses and with Huber's penalty (IceCube, arXiv:1308.5501)",
    )
    yield Component(
        name="tensor-of-inertia",
        factory="icereco_reconstructors.inertia:TensorOfInertia",
        options="icereco_reconstructors.options:InertiaOptions",
        summary="longest axis of the charges, towards the earlier light (AMANDA, astro-ph/0407044)",
    )
    yield Component(
        name="plane-wave",
        factory="icereco_reconstructors.plane_wave:PlaneWave",
        options="icereco_reconstructors.options:PlaneWaveOptions",
        summary="plane wavefront with the speed of light, least squares on the first times of the DOMs",
    )
    yield Component(
        name="likelihood",
        factory="icereco_reconstructors.likelihood.fit:LikelihoodFit",
        options="icereco_reconstructors.options:LikelihoodOptions",
        summary="likelihood fit of a track, a starting track or a cascade, with the light model of the medium",
        waives=("rotation",),  # ice has layers, and modules look down
    )
