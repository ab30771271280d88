"""The whole extension interface: one hook per kind of component, each yields declarations, and one for detector cards."""

from collections.abc import Iterable
from pathlib import Path

import pluggy

from icereco.plugins.component import Component

__all__ = ["hookimpl", "hookspec"]

hookspec = pluggy.HookspecMarker("icereco")
hookimpl = pluggy.HookimplMarker("icereco")


@hookspec
def icereco_normalizers() -> Iterable[Component]:  # type: ignore[empty-body]  # a hook specification has no body
    """Raw units to features that a network likes."""


@hookspec
def icereco_aggregators() -> Iterable[Component]:  # type: ignore[empty-body]  # see above
    """T1: the pulses of a DOM to one vector."""


@hookspec
def icereco_encoders() -> Iterable[Component]:  # type: ignore[empty-body]  # see above
    """T2: the DOM vectors of an event to one vector."""


@hookspec
def icereco_losses() -> Iterable[Component]:  # type: ignore[empty-body]  # see above
    """What training minimises, and how a model's outputs are decoded."""


@hookspec
def icereco_readers() -> Iterable[Component]:  # type: ignore[empty-body]  # see above
    """Files to event tables."""


@hookspec
def icereco_simulators() -> Iterable[Component]:  # type: ignore[empty-body]  # see above
    """A detector and a seed to event tables with truth."""


@hookspec
def icereco_reconstructors() -> Iterable[Component]:  # type: ignore[empty-body]  # see above
    """Methods without training: events to directions."""


@hookspec
def icereco_detectors() -> Iterable[Path]:  # type: ignore[empty-body]  # see above
    """Folders of detector cards, each with a detector.toml; the folder's name is the detector's."""
