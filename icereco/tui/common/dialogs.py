"""Dialogs over a screen: ask for a file, or for one of several choices."""

import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from icereco.tui.keys import Key, bindings
from icereco.watch.files import EVENT_SUFFIXES

__all__ = ["AskPath", "Choose"]

_KEYS = (Key("escape", "leave", "Back", "Dialogs"),)
_MOST = 200
_CSS = """
{0} {{ align: center middle; }}
{0} > Vertical {{ width: 80; max-width: 100%; height: auto; max-height: 80%; border: round $primary; padding: 0 1; background: $surface; }}
{0} OptionList {{ height: auto; max-height: 16; border: none; padding: 0; background: $surface; }}
{0} OptionList:focus {{ border: none; }}
{0} Input {{ border: none; height: 1; padding: 0; background: $panel; }}
{0} Input:focus {{ border: none; }}
{0} .hint {{ color: $text-muted; }}
"""


class AskPath(ModalScreen[str | Path | None]):
    """Asks for a file or folder, or one of some names; those that match what is typed are listed below.

    The answer is a text if it was typed or is a name, and a path if it was chosen from the folder.

    Args:
        question: the title.
        hint: a line below.
        names: that may be chosen, too.
        what: has these names.
        suffixes: of the files that are listed.
    """

    BINDINGS = bindings(_KEYS)
    DEFAULT_CSS: ClassVar[str] = _CSS.format("AskPath")

    def __init__(
        self,
        question: str,
        hint: str,
        names: Sequence[str] = (),
        *,
        what: str = "data set",
        suffixes: Collection[str] = EVENT_SUFFIXES,
    ) -> None:
        super().__init__()
        self.question, self.hint, self.names = question, hint, names
        self.what, self.suffixes = what, suffixes
        self._listed: list[str | Path] = []

    def compose(self) -> ComposeResult:
        """Show a line to type in, and a list."""
        with Vertical() as box:
            box.border_title = self.question
            yield Input(placeholder=f"{'name or ' if self.names else ''}path; down and enter to choose below")
            yield OptionList()
            yield Static(self.hint, classes="hint")

    def on_mount(self) -> None:
        """List the names and the working directory."""
        self._list("")

    def action_leave(self) -> None:
        """Close the dialog without an answer."""
        self.dismiss(None)

    def key_down(self) -> None:
        """Move the focus from the line to the list."""
        self.query_one(OptionList).focus()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        self._list(event.value)

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        if event.value.strip():
            self.dismiss(os.path.expanduser(event.value.strip()))  # noqa: PTH111 -- Path would drop ./

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        path = self._listed[event.option_index]
        if (
            isinstance(path, Path)
            and path.is_dir()
            and not any(
                (path / name).exists() for name in ("train_meta.parquet", "store.json", "status.json")
            )
        ):
            line = self.query_one(Input)
            line.value = f"{path}/"
            line.focus()
            line.cursor_position = len(line.value)
        else:
            self.dismiss(path)

    def _list(self, typed: str) -> None:
        options = self.query_one(OptionList)
        options.clear_options()
        self._listed = [
            *(name for name in self.names if name.startswith(typed)),
            *_matching(typed, self.suffixes),
        ]
        options.add_options([Option(_row(choice, self.what)) for choice in self._listed])


def _row(choice: str | Path, what: str) -> Text:
    if isinstance(choice, str):
        return Text.assemble(choice, (f"  {what}", "dim"))
    return Text(f"{choice.name}{'/' if choice.is_dir() else ''}")


def _matching(typed: str, suffixes: Collection[str]) -> list[Path]:
    path = Path(typed).expanduser() if typed else Path()
    folder, start = (path, "") if typed.endswith("/") or not typed else (path.parent, path.name)
    try:
        paths = [
            path
            for path in folder.iterdir()
            if path.name.startswith(start)
            and (start or path.name[0] != ".")
            and (path.suffix in suffixes or path.is_dir())
        ]
    except OSError:
        return []
    return sorted(paths, key=lambda path: (not path.is_dir(), path.name))[:_MOST]


class Choose(ModalScreen[str | None]):
    """Asks for one of several choices, each a name with a line about it."""

    BINDINGS = bindings(_KEYS)
    DEFAULT_CSS: ClassVar[str] = _CSS.format("Choose")

    def __init__(self, question: str, choices: Sequence[tuple[str, str]], hint: str) -> None:
        super().__init__()
        self.question, self.choices, self.hint = question, choices, hint

    def compose(self) -> ComposeResult:
        """Show the choices and the hint."""
        with Vertical() as box:
            box.border_title = self.question
            yield OptionList(
                *(
                    Option(Content.assemble(name, (f"  {about}" if about else "", "dim")), id=name)
                    for name, about in self.choices
                )
            )
            yield Static(self.hint, classes="hint")

    def action_leave(self) -> None:
        """Close the dialog without an answer."""
        self.dismiss(None)

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.dismiss(str(event.option.id))
