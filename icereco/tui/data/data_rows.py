"""The data of a training: a row for each data set, with its weight."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.suggester import SuggestFromList
from textual.widgets import Input, Label

__all__ = ["DataRows"]


class _Row(Horizontal):
    """One data set: a name or a path, and its weight, which is how often an epoch contains each of its events."""

    def __init__(self, number: int, names: Sequence[str], what: str = "") -> None:
        super().__init__(classes="row")
        self.title = "data" if number == 1 else f"data {number}"
        hint = "name or file; none: simulate" if number == 1 else "another one, if wanted"
        suggester = SuggestFromList(names)
        self.what = Input(what, placeholder=hint, suggester=suggester, classes="what", compact=True)
        self.weight = Input(placeholder="× 1", classes="weight", compact=True)

    def compose(self) -> ComposeResult:
        yield Label(self.title)
        yield self.what
        yield self.weight

    @property
    def words(self) -> tuple[str, str]:
        return self.what.value.strip(), self.weight.value.strip()


class DataRows(Vertical):
    """As many rows as there are data sets, and an empty one for the next."""

    @dataclass
    class Changed(Message):
        """The user has changed a row."""

    def __init__(self, names: Sequence[str], id: str, first: str = "") -> None:  # noqa: A002 -- Textual's own name
        super().__init__(id=id)
        self._first = first
        self.names = names

    def compose(self) -> ComposeResult:
        """Show one row to fill in."""
        yield _Row(1, self.names, self._first)

    @property
    def choices(self) -> tuple[str, ...]:
        """The data sets that were entered, each as after `--data`."""
        return tuple(f"{what}={weight}" if weight else what for what, weight in self._filled())

    def mark(self, wrong: Collection[int]) -> None:
        """Mark the choices with these numbers, from 0, as wrong."""
        filled = [row for row in self.query(_Row) if any(row.words)]
        for row in self.query(_Row):
            number = filled.index(row) if row in filled else None
            for line in (row.what, row.weight):
                line.set_class(number in wrong, "-wrong")

    def _filled(self) -> Iterator[tuple[str, str]]:
        return (row.words for row in self.query(_Row) if any(row.words))

    @on(Input.Changed)
    async def _typed(self, event: Input.Changed) -> None:
        event.stop()
        rows = list(self.query(_Row))
        if any(rows[-1].words):
            await self.mount(_Row(len(rows) + 1, self.names))
        while len(rows) > 1 and not any((*rows[-1].words, *rows[-2].words)) and not rows[-1].has_focus_within:
            await rows.pop().remove()
        self.post_message(self.Changed())
