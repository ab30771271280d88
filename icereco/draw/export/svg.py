"""Shapes as SVG: a small file, sharp at any size, with text that can be searched."""

from collections.abc import Iterator
from html import escape

from icereco.draw.export.shapes import Shapes, Text
from icereco.system.terminal_text import printable

__all__ = ["svg_of"]

_WIDTH, _HEIGHT = 9.0, 18.0  # of a cell
_DOT = 1.75  # radius of a dot
_FONT = "DejaVu Sans Mono, Menlo, Consolas, monospace"


def svg_of(shapes: Shapes) -> str:
    """Return shapes as the text of an SVG document."""
    width, height = shapes.columns * _WIDTH, shapes.rows * _HEIGHT
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
        f'width="{width:g}" height="{height:g}" font-family="{_FONT}" font-size="{_HEIGHT * 0.8:g}">'
    )
    parts = [
        head,
        f'<rect width="{width:g}" height="{height:g}" fill="#{shapes.background:06x}"/>',
        *_boxes(shapes),
        *_dots(shapes),
        *(_text(text) for text in shapes.texts),
        "</svg>\n",
    ]
    return "\n".join(parts)


def _boxes(shapes: Shapes) -> Iterator[str]:
    """Boxes as paths: grounds meet without a seam; strokes are smoothed, so that none is lost in a smaller picture."""
    crisp = ' shape-rendering="crispEdges"'
    for color, boxes, how in (
        *((color, boxes, crisp) for color, boxes in shapes.grounds.items()),
        *((color, boxes, "") for color, boxes in shapes.boxes.items()),
    ):
        path = "".join(
            f"M{left * _WIDTH:g} {top * _HEIGHT:g}H{right * _WIDTH:g}V{bottom * _HEIGHT:g}H{left * _WIDTH:g}z"
            for left, top, right, bottom in boxes
        )
        yield f'<path fill="#{color:06x}"{how} d="{path}"/>'


def _dots(shapes: Shapes) -> Iterator[str]:
    """Dots as strokes of zero length with round ends, which take few bytes each."""
    for color, dots in shapes.dots.items():
        path = "".join(f"M{x * _WIDTH:g} {y * _HEIGHT:g}h0" for x, y in dots)
        yield f'<path stroke="#{color:06x}" stroke-width="{2 * _DOT:g}" stroke-linecap="round" d="{path}"/>'


def _text(text: Text) -> str:
    """One run of text, scaled to the width of its cells whatever the font."""
    style = ' font-weight="bold"' * text.bold + ' text-decoration="underline"' * text.underline
    return (
        f'<text x="{text.column * _WIDTH:g}" y="{(text.row + 0.76) * _HEIGHT:g}" '
        f'textLength="{len(text.text) * _WIDTH:g}" lengthAdjust="spacingAndGlyphs" xml:space="preserve" '
        f'fill="#{text.color:06x}"{style}>{escape(printable(text.text))}</text>'
    )
