"""A text area for TOML, with the colours of the theme."""

import re
from collections.abc import Iterator

from rich.style import Style
from rich.text import Text
from textual.color import Color
from textual.widgets import TextArea

__all__ = ["TomlArea", "parts_of"]

_PARTS = re.compile(
    r"""
    (?P<comment>\#.*)
    | (?P<table>^\s*\[{1,2}[^\]#"']*\]{1,2})
    | (?P<key>(?:^|(?<=[{,]))\s*(?:[\w.-]+|"[^"]*")(?=\s*=))
    | (?P<text>\"\"\".*?(?:\"\"\"|$)|'''.*?(?:'''|$)|"(?:\\.|[^"\\])*"?|'[^']*'?)
    | (?P<number>(?<![\w.-])(?:true|false|[+-]?(?:inf|nan)|[+-]?\d[\w.+:-]*))
    """,
    re.VERBOSE,
)
_COLORS = {"table": "primary", "text": "success", "number": "secondary"}


def parts_of(line: str) -> Iterator[tuple[str, int, int]]:
    """The parts of a line of TOML with their ends: "table", "key", "text", "number" and "comment".

    Of a text over several lines only the first line is known to be one.

    >>> list(parts_of("rate = 1e-3  # slow"))
    [('key', 0, 4), ('number', 7, 11), ('comment', 13, 19)]
    """
    for found in _PARTS.finditer(line):
        yield found.lastgroup or "", found.start(), found.end()


class TomlArea(TextArea):
    """Shows TOML in colours that the theme has; without colours, tables and keys stand out by their weight."""

    def get_line(self, line_index: int) -> Text:
        """Return a line with its styles."""
        line = super().get_line(line_index)
        for part, start, end in parts_of(line.plain):
            line.stylize(self._style(part), start, end)
        return line

    def _style(self, part: str) -> Style:
        if part == "comment":
            return Style(dim=True, italic=True)
        if part == "key":
            return Style(bold=True)
        color = Color.parse(self.app.theme_variables[_COLORS[part]])
        return Style(color=color.rich_color, bold=part == "table")
