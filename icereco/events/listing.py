"""Small tables of an object's content, identical in a terminal (rich) and a notebook (HTML)."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["Listing"]


@dataclass(frozen=True, slots=True)
class Listing:
    """A titled table of text; `more` says how many rows were left out."""

    title: str
    headers: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    more: int = 0

    def rich(self) -> "RenderableType":
        """Render for rich: the title, then the table."""
        from rich import box
        from rich.console import Group
        from rich.table import Table

        table = Table(box=box.SIMPLE_HEAD, caption=self._caption())
        for header in self.headers:
            table.add_column(header, justify="right", no_wrap=True)
        for row in self.rows:
            table.add_row(*row)
        return Group(self.title, table)

    def html(self) -> str:
        """Render as an HTML table."""
        head = "".join(f"<th>{escape(header)}</th>" for header in self.headers)
        body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in self.rows)
        caption = self._caption()
        tail = f"<p>{escape(caption)}</p>" if caption else ""
        return f"<p><b>{escape(self.title)}</b></p><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{tail}"

    def _caption(self) -> str | None:
        return f"… and {self.more:,} more" if self.more else None
