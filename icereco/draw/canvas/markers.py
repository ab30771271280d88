"""Markers: how the dots inside one character cell become one character."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, UInt32
from numpy import ndarray

from icereco.errors import IcerecoError, did_you_mean

__all__ = ["MARKERS", "Marker", "marker_named"]


@dataclass(frozen=True, slots=True)
class Marker:
    """A way to draw dots with characters.

    Attributes:
        name: as the user writes it.
        across: dots of a cell from left to right.
        down: dots of a cell from top to bottom.
        glyphs: the character for each set of lit dots, as code points `[2 ** (across * down)]`; dot (row, column)
            is bit `row * across + column`.
        two_colors: whether a cell shows its upper and its lower dot each in its own colour.
    """

    name: str
    across: int
    down: int
    glyphs: UInt32[ndarray, "pattern"]
    two_colors: bool = False

    @property
    def dot_aspect(self) -> float:
        """Height of a dot in widths of a dot, where a cell is twice as high as wide."""
        return 2.0 * self.across / self.down


def marker_named(name: str) -> Marker:
    """The marker of that name.

    Raises:
        IcerecoError: there is none.
    """
    if name not in MARKERS:
        raise IcerecoError(
            f"no marker called {name!r}{did_you_mean(name, MARKERS)} (known: {', '.join(MARKERS)})"
        )
    return MARKERS[name]


def _lit(dots: int) -> Bool[ndarray, "pattern dot"]:
    """Which dots are lit in each pattern."""
    lit: ndarray = (np.arange(1 << dots)[:, None] >> np.arange(dots)) & 1 > 0
    return lit


def _code_points(characters: str) -> UInt32[ndarray, "character"]:
    return np.fromiter(map(ord, characters), dtype=np.uint32, count=len(characters))


def _braille() -> UInt32[ndarray, "pattern"]:
    # Unicode numbers the dots of the first three rows by columns; the fourth row was added later.
    bits = 1 << np.array([0, 3, 1, 4, 2, 5, 6, 7])
    glyphs: ndarray = (0x2800 + _lit(8) @ bits).astype(np.uint32)
    glyphs[0] = ord(" ")
    return glyphs


_ASCII_SHAPES = {
    " ": "........",
    "'": "##......",
    "`": "#.......",
    ".": "......##",
    ",": ".....#.#",
    "_": ".....###",
    "-": "..####..",
    "~": "..##....",
    "=": "##..##..",
    ":": "..##..##",
    "|": "#.#.#.#.",
    "!": ".#.#.#.#",
    "/": ".#.##.#.",
    "\\": "#.#..#.#",
    "+": "..####.#",
    "o": "..######",
    "*": "######..",
    "#": "########",
}
"""A character and the dots that it looks like, two to a row."""


def _ascii() -> UInt32[ndarray, "pattern"]:
    """For each pattern the character whose own dots differ least from it."""
    shapes = np.array([[dot == "#" for dot in dots] for dots in _ASCII_SHAPES.values()])
    differences = (_lit(8)[:, None, :] != shapes[None]).sum(-1)
    # A lit dot must show, so that only the empty pattern may become a blank.
    differences[1:, 0] = 9
    glyphs: ndarray = _code_points("".join(_ASCII_SHAPES))[differences.argmin(-1)]
    return glyphs


MARKERS = {
    marker.name: marker
    for marker in (
        Marker("braille", 2, 4, _braille()),
        Marker("quadrant", 2, 2, _code_points(" ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█")),
        Marker("block", 1, 2, _code_points(" ▀▄█"), two_colors=True),
        Marker("ascii", 2, 4, _ascii()),
    )
}
"""The markers by name, the finest first."""
