"""What the event screen shows while nothing is open: the files to choose from, and how to make events."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from icereco.watch.opening import found_here

__all__ = ["Welcome"]

_TEXT = """[b]No events are open.[/b]

Choose something below, or press [b]o[/b] to open a file from elsewhere. To get events, in a shell:

    icereco simulate --events 1000 -o fresh       [dim]events with truth[/dim]
    icereco train --profile quick                 [dim]a model, in about a minute[/dim]
    icereco reconstruct fresh/events.parquet      [dim]its directions[/dim]
"""


class Welcome(Vertical):
    """A short text and a list of files."""

    DEFAULT_CSS: ClassVar[str] = """
    Welcome { padding: 1 3; height: 1fr; }
    Welcome OptionList { height: auto; max-height: 60%; border: round $border-blurred; background: transparent; }
    """

    @dataclass
    class Opened(Message):
        """The user has chosen a file or folder."""

        path: Path

    def compose(self) -> ComposeResult:
        """Show the text and the list."""
        yield Static(_TEXT)
        yield OptionList()

    @property
    def files(self) -> OptionList:
        """The list of what can be opened."""
        return self.query_one(OptionList)

    def list_files(self, folder: Path, runs: Path) -> None:
        """List what can be opened from a folder, and the runs that have validated."""
        files = self.files
        files.clear_options()
        files.add_options([Option(str(path), id=str(path)) for path in found_here(folder, runs)])
        files.display = files.option_count > 0
        files.highlighted = 0 if files.option_count else None

    @on(OptionList.OptionSelected)
    def _open(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.post_message(self.Opened(Path(str(event.option.id))))
