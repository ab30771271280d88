"""Text in plain ASCII, for terminals and fonts that have nothing else."""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment

from icereco.draw.canvas.markers import MARKERS

__all__ = ["ascii_segments", "in_ascii"]

_SIGNS = {
    "─┄┅┈┉╌╍▔▁": "-", "━═": "=", "│┃┆┇┊┋║▏▎▕▊": "|", "●✱•◆★": "*", "◌○": "o", "✔✓▾▼▽↓": "v", "✖✗×χξ": "x", "▲": "!", "■█": "#",
    "⚑▴↑": "^", "←‹◀": "<", "→›▶": ">", "…": "~", "·": "-", "°": "d", "−–—⁻": "-", "±": "+", "✎": "/", "≥": ">", "≤": "<",
    "α": "a", "β": "b", "γ": "g", "δ": "d", "θτ": "t", "κ": "k", "λ": "l", "μµ": "u", "π": "p", "ρ": "r", "σ": "s", "φ": "f", "’": "'", "“”": '"', "🔎": "> ",
}  # fmt: skip
_TABLE = {sign: plain for signs, plain in _SIGNS.items() for sign in signs}
_TABLE |= {
    chr(dots): chr(plain)
    for dots, plain in zip(MARKERS["braille"].glyphs, MARKERS["ascii"].glyphs, strict=True)
}
_UNIT = re.compile(r"(?<=[A-Za-z])°")


def in_ascii(text: str) -> str:
    """Text of the same width in ASCII.

    >>> in_ascii("╭─ median 12.5° ─╮")
    '+- median 12.5d -+'
    """
    # A degree sign that belongs to a word, as in a heading, would become a part of it.
    return text if text.isascii() else "".join(map(_plain, _UNIT.sub(" ", text)))


def ascii_segments(segments: Iterable[Segment]) -> list[Segment]:
    """Segments in ASCII; control codes stay as they are."""
    return [
        Segment(text, style, control) if control else Segment(in_ascii(text), style)
        for text, style, control in segments
    ]


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
