"""A picture of the app in a terminal of some size, made without a terminal."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from textual.app import App
from textual.pilot import Pilot
from textual.screen import Screen

from icereco.draw.canvas.colormap import packed
from icereco.draw.export.save import save_picture
from icereco.errors import IcerecoError

__all__ = ["picture_of_app", "size_named"]

_FIRST_SECONDS, _KEY_SECONDS = 2.5, 0.6
_WAIT = "wait"


def picture_of_app(app: App[Any], path: Path, size: tuple[int, int], keys: Sequence[str] = ()) -> None:
    """Start an app, press keys, and write what it shows then as PNG or SVG.

    Args:
        app: an app that is not running.
        path: ends in .png or .svg.
        size: columns and rows.
        keys: Textual's names, one after the other; "wait" waits for a second.

    Raises:
        IcerecoError: the suffix is neither, or the file cannot be written.
    """

    async def run() -> None:
        async with app.run_test(size=size) as pilot:
            await pilot.pause(_FIRST_SECONDS)
            for key in keys:
                await _press(pilot, key)
            screen = app.screen
            # Textual exports only SVG, whose dots and boxes depend on the viewer's fonts, so the lines are drawn here.
            lines = screen._compositor.render_strips()
            save_picture(path, lines, size[0], _ground(screen))

    asyncio.run(run())


def _ground(screen: Screen[Any]) -> int:
    """The background; the terminal's own is not known, and is drawn black or white."""
    theme = screen.app.current_theme
    if theme.ansi:
        return 0x000000 if theme.dark else 0xFFFFFF
    return packed(screen.background_colors[1].rgb)


async def _press(pilot: Pilot[Any], key: str) -> None:
    if key == _WAIT:
        await pilot.pause(1.0)
    else:
        await pilot.press(key)
        await pilot.pause(_KEY_SECONDS)


def size_named(text: str) -> tuple[int, int]:
    """Columns and rows from "120x40".

    Raises:
        IcerecoError: the text is not a size.
    """
    columns, _, rows = text.lower().replace("×", "x").partition("x")
    if not (columns.isdigit() and rows.isdigit() and 0 < int(columns) <= 500 and 0 < int(rows) <= 300):
        raise IcerecoError(f"{text!r} is not a valid size; write columns and rows, such as 120x40")
    return int(columns), int(rows)
