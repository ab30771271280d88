"""All alerts in full: the bar at the top has room for only one."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from icereco.tui.keys import Key, bindings
from icereco.tui.themes import themed
from icereco.watch.alerts import Alert

__all__ = ["AlertsScreen"]


class AlertsScreen(ModalScreen[None]):
    """Shows a row for each alert: the run, the kind, and the message."""

    BINDINGS = bindings((Key("escape,a,q,enter", "dismiss", "Close", "Window"),))

    def __init__(self, alerts: Sequence[Alert]) -> None:
        super().__init__()
        self.alerts = alerts

    def compose(self) -> ComposeResult:
        """Show a table that scrolls."""
        with VerticalScroll(classes="window") as window:
            window.border_title = "alerts"
            window.border_subtitle = "esc closes"
            yield Static(self._table() if self.alerts else "There are no alerts.")

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for alert in self.alerts:
            kind = Text(alert.kind, style=themed(self.app, "warning" if alert.is_warning else "error"))
            table.add_row(Text(alert.subject, style="bold", overflow="fold"), kind, Text(alert.text))
        return table
