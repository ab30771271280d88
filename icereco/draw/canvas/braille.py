"""A canvas of dots, several to a character cell, that becomes rows of coloured text for a terminal.

Everything is drawn from arrays, in one call for any number of shapes. Coordinates are in dots: x from the left, y from
the top, as floats; a dot at (3, 5) covers 3 ≤ x < 4 and 5 ≤ y < 6. What lies outside, and NaN, is not drawn. Colours
are integers 0xRRGGBB, one for a call or one for each shape, plus attributes such as `BOLD`.

A cell has one colour but many dots. Of the dots that fall into a cell, only those of the highest layer are shown, in
the colour of the last one drawn; so a curve (layer 2) stays thin on its band (layer 1).

    canvas = Canvas(40, 10)
    canvas.spans(x, low, high, 0x204050, layer=1)
    canvas.path(x, mean, 0x60C0E0, layer=2)
    canvas.text(0, 9, "step", 0x808080)
    rows = canvas.segments(background=0x101010)
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8, UInt32
from numpy import ndarray
from numpy.typing import ArrayLike
from rich.segment import Segment
from rich.style import Style

from icereco.draw.canvas.markers import Marker, marker_named

__all__ = ["BOLD", "DIM", "REVERSE", "UNDERLINE", "Canvas", "Cells"]

BOLD, DIM, REVERSE, UNDERLINE = (1 << bit for bit in range(24, 28))
"""Attributes, added to a colour with `|`."""

_CLEAR = -1
_SHOWS_ON_BLANKS = REVERSE | UNDERLINE
_SHADES = np.array([ord(character) for character in " .:-=+*#%@"], dtype=np.uint32)


@dataclass(frozen=True, slots=True)
class Cells:
    """What a canvas shows, cell by cell.

    Attributes:
        character: code points `[rows, columns]`.
        foreground: colours with attributes, int32 `[rows, columns]`.
        background: colours, int32 `[rows, columns]`, −1 = the background of what is below.
    """

    character: UInt32[ndarray, "row column"]
    foreground: Int[ndarray, "row column"]
    background: Int[ndarray, "row column"]

    def lines(self) -> list[str]:
        """The text of each row."""
        return [_text_of(row) for row in self.character]


@dataclass(frozen=True, slots=True)
class _Dots:
    """One call's dots: their places, cell by cell, and their colours (one, or one each)."""

    layer: int
    place: Int[ndarray, "dot"]
    color: Int[ndarray, ""] | Int[ndarray, "dot"]


class Canvas:
    """A canvas of `columns` × `rows` cells.

    Attributes:
        columns, rows: size in cells.
        width, height: size in dots.
        marker: how dots become characters.

    Raises:
        IcerecoError: there is no marker of that name.
    """

    def __init__(self, columns: int, rows: int, marker: str | Marker = "braille") -> None:
        self.marker = marker_named(marker) if isinstance(marker, str) else marker
        self.columns, self.rows = max(columns, 0), max(rows, 0)
        self.width, self.height = self.columns * self.marker.across, self.rows * self.marker.down
        self._dots: list[_Dots] = []
        shape = (self.rows, self.columns)
        self._letters = np.zeros(shape, dtype=np.uint32)
        self._letter_colors = np.zeros(shape, dtype=np.int32)
        self._backdrop = np.full((2 * self.rows, self.columns), _CLEAR, dtype=np.int32)

    def points(self, x: ArrayLike, y: ArrayLike, color: ArrayLike, layer: int = 0) -> None:
        """Draw single dots at `[N]` places; where colours differ in a cell, the last one is shown."""
        x, y = np.broadcast_arrays(np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64))
        self._plot(x.ravel(), y.ravel(), np.asarray(color, dtype=np.int32), layer)

    def lines(
        self,
        x0: ArrayLike,
        y0: ArrayLike,
        x1: ArrayLike,
        y1: ArrayLike,
        color: ArrayLike,
        layer: int = 0,
        dash: int = 0,
    ) -> None:
        """Draw straight lines between `[N]` pairs of places, in dashes of `dash` dots or, at 0, solid."""
        ends = np.stack(np.broadcast_arrays(*(np.atleast_1d(np.asarray(e, float)) for e in (x0, y0, x1, y1))))
        inside, ends = _clipped(ends, self.width, self.height)
        steps = np.ceil(np.abs(ends[2:] - ends[:2]).max(0, initial=0.0)).astype(np.int64)
        owner, index = _ragged(steps + 1)
        if dash:
            owner, index = owner[index // dash % 2 == 0], index[index // dash % 2 == 0]
        part = index / np.maximum(steps[owner], 1)
        x, y = ends[:2, owner] + part * (ends[2:] - ends[:2])[:, owner]
        self._plot(x, y, _of_each(color, inside, owner), layer)

    def path(self, x: ArrayLike, y: ArrayLike, color: ArrayLike, layer: int = 0, dash: int = 0) -> None:
        """Draw a line through `[N]` places, with a gap at each NaN; a place between two gaps is a dot."""
        x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
        self.points(x, y, color, layer)
        colors = np.asarray(color, dtype=np.int32)
        self.lines(x[:-1], y[:-1], x[1:], y[1:], colors[:-1] if colors.ndim else colors, layer, dash)

    def spans(
        self, x: ArrayLike, top: ArrayLike, bottom: ArrayLike, color: ArrayLike, layer: int = 0
    ) -> None:
        """Draw upright bars, one dot wide, from `top` to `bottom` (both included) at `[N]` places `x`; NaN = no bar."""
        x, top, bottom = np.broadcast_arrays(*(np.atleast_1d(np.asarray(e, float)) for e in (x, top, bottom)))
        shown = np.flatnonzero((bottom >= 0) & (top < self.height) & (bottom >= top))
        first = np.floor(np.clip(top[shown], 0, self.height - 1)).astype(np.int64)
        last = np.floor(np.clip(bottom[shown], 0, self.height - 1)).astype(np.int64)
        owner, index = _ragged(last - first + 1)
        self._plot(
            x[shown][owner], (first[owner] + index).astype(float), _of_each(color, shown, owner), layer
        )

    def discs(self, x: ArrayLike, y: ArrayLike, radius: ArrayLike, color: ArrayLike, layer: int = 0) -> None:
        """Draw filled circles around `[N]` places; radii in widths of a dot, below 0.5 a single dot."""
        x, y, radius = np.broadcast_arrays(*(np.atleast_1d(np.asarray(e, float)) for e in (x, y, radius)))
        # Radii are rounded to half dots, so that few different circles have to be made.
        steps = np.clip(np.nan_to_num(radius) * 2, 0, 2 * max(self.width, self.height)).astype(np.int64)
        sizes, which = np.unique(steps, return_inverse=True)
        stamps = [_stamp(int(size), self.marker.dot_aspect) for size in sizes]
        if not stamps:
            return
        starts = np.cumsum([0, *(stamp.shape[1] for stamp in stamps)])
        owner, index = _ragged(np.diff(starts)[which])
        dx, dy = np.concatenate(stamps, axis=1)[:, starts[which][owner] + index]
        self._plot(x[owner] + dx, y[owner] + dy, _of_each(color, slice(None), owner), layer)

    def rings(self, x: ArrayLike, y: ArrayLike, radius: ArrayLike, color: ArrayLike, layer: int = 0) -> None:
        """Draw circles around `[N]` places; radii in widths of a dot."""
        x, y, radius = np.broadcast_arrays(*(np.atleast_1d(np.asarray(e, float)) for e in (x, y, radius)))
        counts = np.ceil(2 * np.pi * np.clip(np.nan_to_num(radius), 0.5, self.width)).astype(np.int64)
        owner, index = _ragged(counts)
        angle = 2 * np.pi * index / np.maximum(counts[owner], 1)
        dx, dy = radius[owner] * np.cos(angle), radius[owner] * np.sin(angle) / self.marker.dot_aspect
        self._plot(x[owner] + dx, y[owner] + dy, _of_each(color, slice(None), owner), layer)

    def text(self, column: int, row: int, text: str, color: int, *, alone: bool = False) -> None:
        """Write text from a cell on, over everything else; what is outside the canvas is cut off.

        Text that stands `alone` has no image behind it: that was set before, and could be as bright as the text.
        """
        if not 0 <= row < self.rows:
            return
        first, last = max(column, 0), min(column + len(text), self.columns)
        if first < last:
            letters = [ord(letter) for letter in text[first - column : last - column]]
            self._letters[row, first:last] = letters
            self._letter_colors[row, first:last] = color
            if alone:
                self._backdrop[2 * row : 2 * row + 2, first:last] = _CLEAR

    def image(self, pixels: Int[ndarray, "pixel_row column"]) -> None:
        """Set colours behind the dots, two pixels to a cell, one above the other `[2 * rows, columns]`; −1 = none."""
        self._backdrop[:] = pixels

    def cells(self, background: int = 0) -> Cells:
        """Compose everything that was drawn; an image in ASCII is the denser, the more it differs from the background."""
        pattern, foreground, behind = self._composed()
        character = self.marker.glyphs[pattern]
        self._paint_backdrop(character, foreground, behind, background)
        written = self._letters > 0
        character[written] = self._letters[written]
        foreground[written] = self._letter_colors[written]
        return Cells(character, foreground, behind)

    def segments(self, background: int) -> list[list[Segment]]:
        """The canvas as rows of coloured text, on a background colour."""
        return list(_segments(self.cells(background), background))

    def _plot(self, x: ndarray, y: ndarray, color: ndarray, layer: int) -> None:
        inside = (x >= 0) & (x < self.width) & (y >= 0) & (y < self.height)
        if not inside.all():
            x, y = x[inside], y[inside]
            color = color[inside] if color.ndim else color
        column, row = x.astype(np.int64), y.astype(np.int64)
        across, down = self.marker.across, self.marker.down
        cell = row // down * self.columns + column // across
        place = cell * (across * down) + row % down * across + column % across
        self._dots.append(_Dots(layer, place, color))

    def _composed(self) -> tuple[ndarray, ndarray, ndarray]:
        """Lit dots as a pattern, foreground and background of each cell, before backdrop and text."""
        marker, shape = self.marker, (self.rows, self.columns)
        per_cell = marker.across * marker.down
        dot_layer = np.full(self.rows * self.columns * per_cell, _CLEAR, dtype=np.int32)
        cell_layer = np.full(self.rows * self.columns, _CLEAR, dtype=np.int32)
        cell_color = np.zeros_like(cell_layer)
        dot_color = np.zeros_like(dot_layer) if marker.two_colors else None
        for dots in sorted(self._dots, key=lambda dots: dots.layer):
            cell = dots.place // per_cell
            dot_layer[dots.place] = cell_layer[cell] = dots.layer
            cell_color[cell] = dots.color
            if dot_color is not None:
                dot_color[dots.place] = dots.color
        by_cell = dot_layer.reshape(-1, per_cell)
        background = np.full(shape, _CLEAR, dtype=np.int32)
        if dot_color is not None:
            return _two_colors(by_cell >= 0, dot_color.reshape(-1, per_cell), shape)
        lit = (by_cell == cell_layer[:, None]) & (by_cell >= 0)
        return _patterns(lit).reshape(shape), cell_color.reshape(shape), background

    def _paint_backdrop(
        self, character: ndarray, foreground: ndarray, background: ndarray, ground: int
    ) -> None:
        upper, lower = self._backdrop[::2], self._backdrop[1::2]
        painted = (upper >= 0) | (lower >= 0)
        if not painted.any():
            return
        free, mean = painted & (character == 32), _mean_color(upper, lower)
        under = painted & ~free & (background < 0)
        background[under] = mean[under]
        if self.marker.name == "ascii":
            character[free] = _shades(mean[free], ground)
            foreground[free] = mean[free]
            background[painted] = _CLEAR
            return
        character[free] = np.where(upper < 0, ord("▄"), np.where(upper == lower, 32, ord("▀")))[free]
        foreground[free] = np.where(upper < 0, lower, upper)[free]
        background[free] = np.where(upper < 0, _CLEAR, lower)[free]


def _clipped(ends: Float[ndarray, "4 line"], width: int, height: int) -> tuple[ndarray, ndarray]:
    """The lines (their indices, and new ends) that cross the canvas, cut to it (Liang and Barsky 1984)."""
    start, change = ends[:2], ends[2:] - ends[:2]
    limit = np.array([[width], [height]], dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = -start / change, (limit - start) / change
    still = change == 0
    within = (start >= 0) & (start <= limit)
    enter = np.where(still, np.where(within, -np.inf, np.inf), np.fmin(low, high)).max(0, initial=0.0)
    leave = np.where(still, np.where(within, np.inf, -np.inf), np.fmax(low, high)).min(0, initial=1.0)
    kept = np.flatnonzero((enter <= leave) & np.isfinite(ends).all(0))
    start, change = start[:, kept], change[:, kept]
    return kept, np.concatenate([start + enter[kept] * change, start + leave[kept] * change])


def _ragged(counts: Int[ndarray, "item"]) -> tuple[Int[ndarray, "dot"], Int[ndarray, "dot"]]:
    """For items with `counts` dots each: the item of each dot, and its number within the item."""
    owner = np.repeat(np.arange(len(counts)), counts)
    return owner, np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)


def _of_each(color: ArrayLike, kept: ndarray | slice, owner: Int[ndarray, "dot"]) -> ndarray:
    colors = np.asarray(color, dtype=np.int32)
    return colors[kept][owner] if colors.ndim else colors


@lru_cache(maxsize=256)
def _stamp(half_dots: int, aspect: float) -> Float[ndarray, "2 dot"]:
    """The dots of a filled circle around (0, 0), whose radius is in half dots."""
    radius = half_dots / 2
    reach = np.arange(-np.ceil(radius), np.ceil(radius) + 1)
    dx, dy = (grid.ravel() for grid in np.meshgrid(reach, reach))
    inside = dx**2 + (dy * aspect) ** 2 <= max(radius, 0.25) ** 2
    return np.stack([dx[inside], dy[inside]])


def _patterns(lit: Bool[ndarray, "cell dot"]) -> UInt8[ndarray, "cell"]:
    return np.packbits(lit, axis=1, bitorder="little")[:, 0]


def _two_colors(
    lit: Bool[ndarray, "cell 2"], color: Int[ndarray, "cell 2"], shape: tuple[int, int]
) -> tuple[ndarray, ndarray, ndarray]:
    """Half blocks: where both halves are lit in two colours, the lower one is the background."""
    differ = lit.all(1) & (color[:, 0] != color[:, 1])
    pattern = np.where(differ, 1, _patterns(lit)) if len(lit) else np.zeros(0, dtype=np.int64)
    foreground = np.where(lit[:, 0], color[:, 0], color[:, 1])
    background = np.where(differ, color[:, 1] & 0xFFFFFF, _CLEAR).astype(np.int32)
    return pattern.reshape(shape), foreground.reshape(shape), background.reshape(shape)


def _mean_color(first: Int[ndarray, "*n"], second: Int[ndarray, "*n"]) -> Int[ndarray, "*n"]:
    """Halfway between two colours; where one is absent, the other."""
    halfway = (first & second) + (((first ^ second) & 0xFEFEFE) >> 1)
    return np.where(first < 0, second, np.where(second < 0, first, halfway))


def _brightness(color: Int[ndarray, "*n"]) -> Int[ndarray, "*n"]:
    """Luma, 0 to 255 (ITU-R BT.601)."""
    red, green, blue = (color >> 16) & 255, (color >> 8) & 255, color & 255
    weighed: ndarray = (299 * red + 587 * green + 114 * blue) // 1000
    return weighed


def _shades(color: Int[ndarray, "*n"], background: int) -> UInt32[ndarray, "*n"]:
    """Characters that are the denser, the farther the brightness is from that of the background."""
    under = int(_brightness(np.array([background]))[0])
    part = np.abs(_brightness(color) - under) * (len(_SHADES) - 1) // max(under, 255 - under)
    shades: ndarray = _SHADES[part]
    return shades


def _segments(cells: Cells, background: int) -> Iterator[list[Segment]]:
    """Each row cut into runs of one style."""
    under = np.where(cells.background < 0, background, cells.background).astype(np.int64)
    styles = _carried(cells.foreground | under << 32, cells.character, under)
    for characters, row in zip(cells.character, styles, strict=True):
        cuts = [0, *(np.flatnonzero(row[1:] != row[:-1]) + 1).tolist(), len(row)]
        text = _text_of(characters)
        keys = row[cuts[:-1]].tolist() if len(row) else []
        yield [Segment(text[a:b], _style(key)) for (a, b), key in zip(pairwise(cuts), keys, strict=False)]


def _carried(style: ndarray, character: ndarray, under: ndarray) -> ndarray:
    """Give a blank the style of the cell before it, where that looks the same: fewer runs, fewer bytes."""
    index = np.broadcast_to(np.arange(style.shape[1]), style.shape)
    blank = (character == 32) & (style & _SHOWS_ON_BLANKS == 0)
    source = np.maximum.accumulate(np.where(blank, 0, index), axis=1) if index.size else index
    before = np.take_along_axis(style, source, axis=1)
    same = (before >> 32 == under) & (before & _SHOWS_ON_BLANKS == 0)
    return np.where(blank & same, before, style)


def _text_of(code_points: UInt32[ndarray, "column"]) -> str:
    return code_points.astype("<u4").tobytes().decode("utf-32-le")


@lru_cache(maxsize=1 << 14)
def _style(key: int) -> Style:
    foreground, background = key & 0xFFFFFFFF, key >> 32
    return Style(
        color=f"#{foreground & 0xFFFFFF:06x}",
        bgcolor=f"#{background:06x}",
        bold=bool(foreground & BOLD) or None,
        dim=bool(foreground & DIM) or None,
        reverse=bool(foreground & REVERSE) or None,
        underline=bool(foreground & UNDERLINE) or None,
    )
