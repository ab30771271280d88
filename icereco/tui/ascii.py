"""The app in plain ASCII, for terminals and fonts that have nothing else."""

import unicodedata
from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from icereco.draw.canvas.markers import MARKERS

__all__ = ["AsciiFilter", "in_ascii"]

_SIGNS = {
    "─━┄┅┈┉╌╍═▔▁": "-", "│┃┆┇┊┋║▏▎▕▊": "|", "●✱•◆★": "*", "◌○": "o", "✔▾↓": "v", "✖×": "x", "▲": "!", "■█": "#",
    "⚑▴↑": "^", "←‹": "<", "→›": ">", "…": "~", "·": "-", "°": "d", "−–—": "-", "±": "+", "✎": "/", "≥": ">", "≤": "<",
    "σ": "s", "κ": "k", "μµ": "u", "’": "'", "“”": '"',
}  # fmt: skip
_TABLE = {sign: plain for signs, plain in _SIGNS.items() for sign in signs}
_TABLE |= {
    chr(dots): chr(plain)
    for dots, plain in zip(MARKERS["braille"].glyphs, MARKERS["ascii"].glyphs, strict=True)
}


def in_ascii(text: str) -> str:
    """Text of the same width in ASCII.

    >>> in_ascii("╭─ median 12.5° ─╮")
    '+- median 12.5d -+'
    """
    return text if text.isascii() else "".join(map(_plain, text))


@lru_cache(maxsize=1024)
def _plain(sign: str) -> str:
    if sign.isascii():
        return sign
    if "\u2500" <= sign <= "\u257f":  # the other parts of frames
        return _TABLE.get(sign, "+")
    if "\u2580" <= sign <= "\u259f":
        return _TABLE.get(sign, "#")
    letter = unicodedata.normalize("NFKD", sign).encode("ascii", "ignore").decode()
    width = cell_len(sign)
    return _TABLE.get(sign, letter if len(letter) == width else "?" * width)


class AsciiFilter(LineFilter):
    """Replaces every other character where lines are drawn."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return the segments in ASCII; escape sequences stay as they are."""
        del background
        return [
            Segment(in_ascii(text), style, control) if not control else Segment(text, style, control)
            for text, style, control in segments
        ]
