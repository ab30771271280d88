"""All keys of a screen, by group."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from icereco.tui.keys import Key, bindings, keymap_path

__all__ = ["HelpScreen", "readable_keys"]

_NAMES = {
    "question_mark": "?", "slash": "/", "plus": "+", "minus": "-", "equals_sign": "=", "left_square_bracket": "[",
    "right_square_bracket": "]", "left": "←", "right": "→", "up": "↑", "down": "↓", "full_stop": ".", "comma": ",",
    "escape": "esc", "less_than_sign": "<", "greater_than_sign": ">", "colon": ":", "semicolon": ";",
}  # fmt: skip


def readable_keys(keys: str) -> str:
    """Keys as they are printed on a keyboard.

    >>> readable_keys("question_mark,f1")
    '? f1'
    """
    return " ".join(_NAMES.get(key.strip(), key.strip()) for key in keys.split(","))


class HelpScreen(ModalScreen[None]):
    """Shows a table of keys, made from the bindings themselves."""

    BINDINGS = bindings((Key("escape,question_mark,f1,q,enter", "dismiss", "Close", "Window"),))

    def __init__(self, keys: Sequence[Key]) -> None:
        super().__init__()
        self.keys = keys

    def compose(self) -> ComposeResult:
        """Show one table that scrolls."""
        with VerticalScroll(classes="window") as window:
            window.border_title = "keys"
            window.border_subtitle = "esc closes"
            yield Static(self._table())
            yield Static(f'Your own keys: {keymap_path()}, lines such as "runs.stop" = "x".', classes="note")

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for group in dict.fromkeys(key.group for key in self.keys):
            table.add_row("", Text(group, style="bold underline"), "")
            for key in self.keys:
                if key.group == group:
                    name = Text(key.identity, style="dim")
                    table.add_row(Text(readable_keys(key.keys), style="bold"), key.description, name)
        return table
