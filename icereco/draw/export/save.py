"""Writes a picture as PNG or SVG, by the suffix of its file name."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.segment import Segment

from icereco.draw.export.shapes import shapes_of
from icereco.errors import IcerecoError
from icereco.system.files import explaining, replacing

__all__ = ["save_picture"]


def save_picture(path: Path, lines: Sequence[Iterable[Segment]], columns: int, background: int) -> None:
    """Write rows of segments, such as a canvas' strips, as a PNG or an SVG file.

    Raises:
        IcerecoError: the suffix is neither, or the file cannot be written.
    """
    shapes = shapes_of(lines, columns, background)
    suffix = path.suffix.lower()
    if suffix == ".png":
        from icereco.draw.export.png import png_of

        content = png_of(shapes)
    elif suffix == ".svg":
        from icereco.draw.export.svg import svg_of

        content = svg_of(shapes).encode()
    else:
        raise IcerecoError(f"{path}: a picture's name must end in .png or .svg")
    with replacing(path) as temporary, explaining(path):
        temporary.write_bytes(content)
