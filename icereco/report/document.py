"""A report as data: headings, paragraphs, tables and pictures, to be written as HTML or to a terminal."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Block", "Code", "Document", "Paragraph", "Picture", "Section", "Table", "svg_picture"]


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Plain text."""

    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of texts; the first column is of names, all others are of numbers."""

    headings: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    caption: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure.

    Attributes:
        name: of the file of its numbers, without ending.
        image: the file's content.
        kind: its media type, such as image/svg+xml.
        caption: what it shows.
        data: the numbers in it, or None for a drawing of an event.
    """

    name: str
    image: bytes
    kind: str
    caption: str
    data: pa.Table | None = None


def svg_picture(name: str, figure: "Figure", caption: str, data: pa.Table) -> Picture:
    """Make a picture of a matplotlib figure, as vectors."""
    content = BytesIO()
    figure.savefig(content, format="svg", metadata={"Date": None})
    return Picture(name, content.getvalue(), "image/svg+xml", caption, data)


@dataclass(frozen=True, slots=True)
class Code:
    """Text to be kept as it is, such as a profile; folded away where that is possible."""

    title: str
    text: str


Block = Paragraph | Table | Picture | Code


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, and what is under it."""

    heading: str
    blocks: list[Block] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Document:
    """A report.

    Attributes:
        title: what it is of.
        summary: what everybody should read, in sentences.
        sections: the rest.
    """

    title: str
    summary: list[str]
    sections: list[Section]
