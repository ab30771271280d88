"""What screens may use of the app that shows them."""

from pathlib import Path
from typing import Any, Protocol, cast, runtime_checkable

from textual.dom import DOMNode
from textual.screen import Screen

from icereco.tui.memory import Memory
from icereco.tui.profiles.drafts import Drafts
from icereco.tui.settings import Settings
from icereco.watch.alerts import Alert
from icereco.watch.overview import Overviews
from icereco.watch.runs import RunView
from icereco.watch.system import SystemView

__all__ = ["WRITING", "Host", "host_of", "may"]

WRITING = frozenset(
    {
        "add",
        "again",
        "cancel",
        "copy",
        "delete",
        "expect",
        "export",
        "forget",
        "keep_filter",
        "keep_session",
        "new",
        "note",
        "order",
        "picture",
        "reconstruct",
        "remove",
        "save",
        "scan",
        "screenshot_here",
        "train",
    }
)
"""Actions that start, order, change or write something."""


@runtime_checkable
class Host(Protocol):
    """The app, as its screens know it."""

    runs: tuple[RunView, ...]
    system: SystemView | None
    drafts: Drafts
    alerts: tuple[Alert, ...]
    overviews: Overviews
    memory: Memory

    def restore_session(self, name: str) -> None:
        """Look at everything as in a session that was kept."""
        ...

    def delete_session(self, name: str) -> None:
        """Delete a session that was kept."""
        ...

    def open_events(self, what: str | Path) -> None:
        """Show the events of a file, or of a data set by its name."""
        ...

    def open_in(self, mode: str, method: str, what: str | Path) -> None:
        """Switch to a screen, and call one of its methods with what is to be shown."""
        ...


def may(node: DOMNode, action: str) -> bool:
    """Whether an action is allowed: with `--read-only` those that change something are not."""
    settings = getattr(node.app, "settings", None)
    return not (action in WRITING and isinstance(settings, Settings) and settings.read_only)


def host_of(screen: "Screen[Any]") -> Host:
    """The app of a screen, seen as its host."""
    return cast("Host", screen.app)
