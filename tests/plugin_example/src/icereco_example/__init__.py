"""A gated mean over the pulses of each DOM, and a detector in a lake."""

from collections.abc import Iterator
from pathlib import Path

from icereco import Component, hookimpl


@hookimpl
def icereco_aggregators() -> Iterator[Component]:
    """T1: a mean in which pulses count differently."""
    yield Component(
        name="gated-mean",
        factory="icereco_example.aggregator:GatedMean",
        options="icereco_example.options:GatedMeanOptions",
        summary="mean over the pulses of each DOM, each weighed by a gate that is learned",
    )


@hookimpl
def icereco_detectors() -> Iterator[Path]:
    """A detector card, which is data: its folder lies beside this file."""
    yield Path(__file__).parent / "lake"
