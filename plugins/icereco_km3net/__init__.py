"""Offline files of KM3NeT, read through km3io: an optional extra, `icereco[km3net]`."""

from collections.abc import Iterable

from icereco.plugins.component import Component
from icereco.plugins.hookspecs import hookimpl

__all__ = ["icereco_readers"]


@hookimpl
def icereco_readers() -> Iterable[Component]:
    """Declare the reader of this package."""
    return [
        Component(
            "km3net",
            "icereco_km3net.reader:Km3netReader",
            "icereco_km3net.options:Km3netOptions",
            "offline files of KM3NeT: ROOT with the tree E; needs icereco[km3net]",
        )
    ]
