"""Pictures of what a terminal shows, as PNG and SVG, without a terminal."""

from icereco.tui.picture.save import save_picture

__all__ = ["save_picture"]
