"""The cells of a terminal as shapes: dots, boxes, strokes and runs of text, in cells from the top left.

Braille, blocks and box-drawing characters become shapes, so that a picture needs no font with these characters, and
its lines join.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from rich.segment import Segment
from rich.style import Style
from rich.terminal_theme import DEFAULT_TERMINAL_THEME

from icereco.draw.canvas.colormap import blended, luminance

__all__ = ["Box", "Shapes", "Text", "shapes_of"]

Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""

_DRAWN = re.compile("[\u2500-\u259f\u2800-\u28ff]")
_WORDS = re.compile("[^ \u2500-\u259f\u2800-\u28ff]+(?: [^ \u2500-\u259f\u2800-\u28ff]+)*")
_BRAILLE_ROWS = (0, 1, 2, 0, 1, 2, 3, 3)
_BRAILLE_COLUMNS = (0, 0, 0, 1, 1, 1, 0, 1)
# Where box-drawing strokes begin and end, across and down: whole pixels of a cell of 9 × 18, so that none is blurred.
_LIGHT, _HEAVY = ((4 / 9, 5 / 9), (9 / 18, 10 / 18)), ((4 / 9, 6 / 9), (8 / 18, 10 / 18))
_ARMS = {
    "LEFT": ("left",),
    "RIGHT": ("right",),
    "UP": ("up",),
    "DOWN": ("down",),
    "HORIZONTAL": ("left", "right"),
    "VERTICAL": ("up", "down"),
}
_QUADRANTS = dict(
    zip("▘▝▖▗▚▞▛▜▙▟", ("a", "b", "c", "d", "ad", "bc", "abc", "abd", "acd", "bcd"), strict=True)
)
_CORNERS = {"a": (0.0, 0.0), "b": (0.5, 0.0), "c": (0.0, 0.5), "d": (0.5, 0.5)}


@dataclass(frozen=True, slots=True)
class Text:
    """Letters in one style, from a cell on."""

    column: int
    row: int
    text: str
    color: int
    bold: bool = False
    underline: bool = False


@dataclass(slots=True)
class Shapes:
    """A picture of `columns` × `rows` cells.

    Attributes:
        background: of all.
        grounds: backgrounds of cells, by colour, under everything else.
        boxes: filled, by colour, in the order they are to be drawn.
        dots: middles of dots, by colour.
        texts: everything else.
    """

    columns: int
    rows: int
    background: int
    grounds: dict[int, list[Box]] = field(default_factory=lambda: defaultdict(list))
    boxes: dict[int, list[Box]] = field(default_factory=lambda: defaultdict(list))
    dots: dict[int, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))
    texts: list[Text] = field(default_factory=list)


def shapes_of(lines: Sequence[Iterable[Segment]], columns: int, background: int) -> Shapes:
    """The shapes of rows of segments, as `Strip`s hold them."""
    shapes = Shapes(columns, len(lines), background)
    for row, line in enumerate(lines):
        column = 0
        for text, style, control in line:
            if not control and text:
                _add(shapes, column, row, text, style or Style.null())
                column += len(text)
    return shapes


def _add(shapes: Shapes, column: int, row: int, text: str, style: Style) -> None:
    color, under = _colors(style, shapes.background)
    if text and under != shapes.background:
        shapes.grounds[under].append((column, row, column + len(text), row + 1))
    for words in _WORDS.finditer(text):
        place = column + words.start()
        shapes.texts.append(Text(place, row, words[0], color, bool(style.bold), bool(style.underline)))
    for drawn in _DRAWN.finditer(text):
        _add_character(shapes, column + drawn.start(), row, drawn[0], color)


def _add_character(shapes: Shapes, column: int, row: int, character: str, color: int) -> None:
    code = ord(character)
    if code >= 0x2800:
        for bit in range(8):
            if code >> bit & 1:
                place = (_BRAILLE_COLUMNS[bit] + 0.5) / 2, (_BRAILLE_ROWS[bit] + 0.5) / 4
                shapes.dots[color].append((column + place[0], row + place[1]))
    else:
        boxes = [(column + a, row + b, column + c, row + d) for a, b, c, d in _boxes(character)]
        shapes.boxes[color] += boxes


def _boxes(character: str) -> Iterator[Box]:
    """The parts of its cell that a block or box-drawing character fills."""
    code = ord(character)
    if code < 0x2580:
        yield from _strokes(character)
    elif character == "▀":
        yield 0, 0, 1, 0.5
    elif character == "▐":
        yield 0.5, 0, 1, 1
    elif code <= 0x2588:
        yield 0, 1 - (code - 0x2580) / 8, 1, 1
    elif code <= 0x258F:
        yield 0, 0, (0x2590 - code) / 8, 1
    elif character == "▔":
        yield 0, 0, 1, 1 / 8
    elif character == "▕":
        yield 7 / 8, 0, 1, 1
    else:
        for corner in _QUADRANTS.get(character, ""):
            left, top = _CORNERS[corner]
            yield left, top, left + 0.5, top + 0.5


def _strokes(character: str) -> Iterator[Box]:
    """The strokes of a box-drawing character, whose Unicode name lists its arms."""
    words = unicodedata.name(character, "").split()
    (left, right), (top, bottom) = _HEAVY if "HEAVY" in words else _LIGHT
    for arm in (arm for word in words for arm in _ARMS.get(word, ())):
        yield {
            "left": (0.0, top, right, bottom),
            "right": (left, top, 1.0, bottom),
            "up": (left, 0.0, right, bottom),
            "down": (left, top, right, 1.0),
        }[arm]


def _colors(style: Style, background: int) -> tuple[int, int]:
    """Foreground and background of a style."""
    under = background if style.bgcolor is None or style.bgcolor.is_default else _integer(style, "bgcolor")
    over = _text_on(background) if style.color is None or style.color.is_default else _integer(style, "color")
    if style.reverse:
        over, under = under, over
    return (int(blended(over, under, 0.6)) if style.dim else over), under


def _text_on(background: int) -> int:
    """What a terminal of that background writes in; it is not asked."""
    return 0xD0D0D0 if float(luminance(background)) < 0.18 else 0x202020


def _integer(style: Style, which: str) -> int:
    color = style.color if which == "color" else style.bgcolor
    assert color is not None
    red, green, blue = color.get_truecolor(DEFAULT_TERMINAL_THEME, foreground=which == "color")
    return red << 16 | green << 8 | blue
