"""Shortens terminal output without changing the picture: colours that do not change are not written again.

Textual writes each run of cells as all of its colours, the text, and a reset. Most neighbours share their background,
and blanks show no other colour, so that half of these bytes are redundant.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["shortened"]

_TOKEN = re.compile(r"(\x1b\[[0-9;]*[mH])")  # a style, or a place to go on from
_SEEN_ON_BLANKS = frozenset({"4", "7", "9", "21", "51", "52", "53"})  # underlined, reversed, struck, framed

_FOREGROUNDS = frozenset(map(str, (*range(30, 38), 39, *range(90, 98))))
_BACKGROUNDS = frozenset(map(str, (*range(40, 48), 49, *range(100, 108))))


@dataclass(frozen=True, slots=True)
class _Look:
    """How cells look: attributes such as bold, and the codes of both colours."""

    attributes: frozenset[str] = frozenset()
    foreground: str = ""
    background: str = ""

    def codes(self) -> list[str]:
        """The codes that set this style after a reset."""
        return [*sorted(self.attributes), *filter(None, (self.foreground, self.background))]


_PLAIN = _Look()


def shortened(sequence: str) -> str:
    """A shorter sequence with the same effect.

    Args:
        sequence: text, styles and cursor moves; begins and ends without a style.
    """
    written: list[str] = []
    now = wanted = _PLAIN
    for number, token in enumerate(_TOKEN.split(sequence)):
        if number % 2 and token.endswith("m"):
            wanted = _after(wanted, token[2:-1])
        elif number % 2:
            written.append(token)
        elif token:
            if not _is_blank(token, now, wanted):
                written.append(_change(now, wanted))
                now = wanted
            written.append(token)
    return "".join((*written, _change(now, _PLAIN)))


def _is_blank(text: str, now: _Look, wanted: _Look) -> bool:
    """Whether text looks the same in both styles."""
    return (
        now.background == wanted.background
        and not text.strip(" ")
        and not (now.attributes | wanted.attributes) & _SEEN_ON_BLANKS
    )


@lru_cache(maxsize=4096)
def _change(now: _Look, wanted: _Look) -> str:
    """The escape sequence that changes one style to another; empty if they are the same."""
    if now == wanted:
        return ""
    pairs = ((now.foreground, wanted.foreground), (now.background, wanted.background))
    added = [after for before, after in pairs if after != before]
    gained = sorted(wanted.attributes - now.attributes)
    lost = now.attributes - wanted.attributes or "" in added
    codes = ["0", *wanted.codes()] if lost else [*gained, *added]
    return f"\x1b[{';'.join(codes)}m"


@lru_cache(maxsize=4096)
def _after(look: _Look, codes: str) -> _Look:
    """The style after some codes."""
    attributes, foreground, background = look.attributes, look.foreground, look.background
    rest = codes.split(";")
    while rest:
        code = rest.pop(0)
        if code in ("38", "48"):
            more = 4 if rest[:1] == ["2"] else 2
            code, rest = ";".join([code, *rest[:more]]), rest[more:]
        if code in ("", "0"):
            attributes, foreground, background = _PLAIN.attributes, "", ""
        elif code[:2] == "38" or code in _FOREGROUNDS:
            foreground = code
        elif code[:2] == "48" or code in _BACKGROUNDS:
            background = code
        else:
            attributes |= {code}
    return _Look(attributes, foreground, background)
