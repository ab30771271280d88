"""The settings that differ among several runs, side by side."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from icereco.tui.keys import Key, bindings
from icereco.tui.runs.difference_card import short_value
from icereco.watch.runs import RunView

__all__ = ["DifferencesScreen"]


class DifferencesScreen(ModalScreen[None]):
    """Shows a row for each setting that differs, and a column for each run."""

    BINDINGS = bindings((Key("escape,d,q,enter", "dismiss", "Close", "Window"),))

    def __init__(self, runs: Sequence[RunView]) -> None:
        super().__init__()
        self.runs = runs

    def compose(self) -> ComposeResult:
        """Show a table that scrolls."""
        with VerticalScroll(classes="window") as window:
            window.border_title = "settings that differ"
            window.border_subtitle = "esc closes"
            yield Static(self._table())

    def _table(self) -> Table | str:
        if len(self.runs) < 2:
            return "Overlay runs with space, or pin one as baseline with b, to compare their settings here."
        names = dict.fromkeys(name for run in self.runs for name in run.settings)
        rows = {name: [short_value(run.settings.get(name)) for run in self.runs] for name in names}
        differing = {name: values for name, values in rows.items() if len(set(values)) > 1}
        if not differing:
            return "These runs have the same settings."
        table = Table.grid(padding=(0, 2))
        table.add_row("", *(Text(run.name, style="bold", overflow="fold") for run in self.runs))
        for name, values in differing.items():
            table.add_row(Text(name, style="dim"), *values)
        return table
