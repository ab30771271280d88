"""IceTray's .i3 files and IceCube's real-time alerts, read without IceTray."""

from collections.abc import Iterable

from icereco.plugins.component import Component
from icereco.plugins.hookspecs import hookimpl

__all__ = ["icereco_readers"]


@hookimpl
def icereco_readers() -> Iterable[Component]:
    """Declare the reader of this package."""
    return [
        Component(
            "icetray",
            "icereco_icetray.reader:IcetrayReader",
            "icereco_icetray.options:IcetrayOptions",
            "IceTray's files: .i3, also .gz, .bz2, .zst and .xz, a folder or a pattern of them; alerts as JSON or pickle",
        )
    ]
