"""Shapes as PNG, drawn by Pillow."""

from collections.abc import Iterator
from functools import lru_cache
from io import BytesIO

from PIL import Image, ImageDraw, ImageFont

from icereco.draw.export.shapes import Shapes, Text

__all__ = ["image_of", "png_of"]

_WIDTH, _HEIGHT = 9, 18  # of a cell
_SMOOTH = 3  # everything but text is drawn so many times larger and made smaller again
_DOT = 0.19  # radius of a dot, in widths of a cell
_FONTS = ("DejaVuSansMono{}.ttf", "LiberationMono{}.ttf", "Menlo.ttc", "consola.ttf", "Courier New.ttf")
# Replacements for characters that Pillow's own font lacks, for machines that have no other font.
_PLAIN = str.maketrans(
    {"σ": "s", "κ": "k", "θ": "0", "→": ">", "←": "<", "↑": "^", "↓": "v", "●": "o", "○": "o", "–": "-"}
)

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def png_of(shapes: Shapes) -> bytes:
    """Return shapes as the bytes of a PNG file."""
    file = BytesIO()
    # Median cut, the default, would merge rare colours, such as that of a legend, into similar ones.
    image_of(shapes).quantize(256, Image.Quantize.MAXCOVERAGE).save(file, "PNG", optimize=True)
    return file.getvalue()


def image_of(shapes: Shapes) -> Image.Image:
    """Draw shapes."""
    large = Image.new(
        "RGB", (shapes.columns * _WIDTH * _SMOOTH, shapes.rows * _HEIGHT * _SMOOTH), _color(shapes.background)
    )
    _draw_shapes(ImageDraw.Draw(large), shapes)
    picture = large.resize((shapes.columns * _WIDTH, shapes.rows * _HEIGHT), Image.Resampling.BOX)
    draw = ImageDraw.Draw(picture)
    for text in shapes.texts:
        _draw_text(draw, text)
    return picture


def _draw_shapes(draw: ImageDraw.ImageDraw, shapes: Shapes) -> None:
    across, down = _WIDTH * _SMOOTH, _HEIGHT * _SMOOTH
    for color, boxes in (*shapes.grounds.items(), *shapes.boxes.items()):
        for left, top, right, bottom in boxes:
            x, y = round(left * across), round(top * down)
            place = (x, y, max(round(right * across) - 1, x), max(round(bottom * down) - 1, y))
            draw.rectangle(place, fill=_color(color))
    radius = _DOT * across
    for color, dots in shapes.dots.items():
        for column, row in dots:
            draw.circle((column * across, row * down), radius, fill=_color(color))


def _draw_text(draw: ImageDraw.ImageDraw, text: Text) -> None:
    font, fixed = _font(text.bold)
    top = text.row * _HEIGHT
    for x, letters in _stretches(text, fixed):
        draw.text(
            (x, top + _HEIGHT * 0.76),
            letters,
            fill=_color(text.color),
            font=font,
            anchor="ls" if fixed else "ms",
        )
    if text.underline:
        line = top + _HEIGHT - 2
        left, right = text.column * _WIDTH, (text.column + len(text.text)) * _WIDTH
        draw.line((left, line, right, line), fill=_color(text.color))


def _stretches(text: Text, fixed: bool) -> Iterator[tuple[float, str]]:
    """Letters with their places: the left edge of each cell, or its middle where the font's letters differ in width."""
    left = text.column * _WIDTH
    if fixed:
        yield from ((left + index * _WIDTH, letter) for index, letter in enumerate(text.text))
    else:
        plain = text.text.translate(_PLAIN)
        yield from ((left + (index + 0.5) * _WIDTH, letter) for index, letter in enumerate(plain))


@lru_cache
def _font(bold: bool) -> tuple[Font, bool]:
    """A font, and whether all its letters are as wide as a cell; Pillow's own font where the system has none."""
    size = _WIDTH / 0.602  # letters of these fonts are 0.602 as wide as the font's size
    for name in _FONTS:
        for weight in ("-Bold", "") if bold else ("", "-Regular"):
            try:
                return ImageFont.truetype(name.format(weight), size), True
            except OSError:
                continue
    return ImageFont.load_default(size * 0.85), False


def _color(color: int) -> tuple[int, int, int]:
    return color >> 16 & 255, color >> 8 & 255, color & 255
