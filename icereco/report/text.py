"""A report in a terminal: the words and the tables; pictures by their captions."""

from collections.abc import Iterator

from rich import box
from rich.console import RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from icereco.report.document import Block, Document, Paragraph, Picture, Table

__all__ = ["rich_table", "text_of"]


def text_of(document: Document) -> Iterator[RenderableType]:
    """Yield what a terminal shows of a report."""
    yield Text(document.title, style="bold")
    for sentence in document.summary:
        yield Padding(Text(sentence), (0, 0, 0, 2))
    for section in document.sections:
        shown = [one for block in section.blocks if (one := _block(block)) is not None]
        if shown:
            yield Text(f"\n{section.heading}", style="bold")
            yield from shown


def _block(block: Block) -> RenderableType | None:
    match block:
        case Paragraph(text):
            return Text(text)
        case Table():
            return rich_table(block)
        case Picture():
            return Text(f"[figure] {block.caption}", style="dim")
        case _:
            return None


_LONG_NAME = 24
"""Longer names take several lines, so that no figure beside them is cut."""


def rich_table(table: Table) -> RichTable:
    """Return a table as terminals show it."""
    shown = RichTable(
        box=box.SIMPLE_HEAD, padding=(0, 0, 0, 1), caption=escape(table.caption), caption_justify="left"
    )
    long_names = any(len(row[0]) > _LONG_NAME for row in table.rows)
    for place, heading in enumerate(table.headings):
        is_name = not place
        shown.add_column(heading, justify="left" if is_name else "right", no_wrap=is_name != long_names)
    for row in table.rows:
        shown.add_row(*map(escape, row))
    return shown
