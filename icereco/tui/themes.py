"""Colour themes, and colours of curves that are distinct also for colour-blind users."""

from dataclasses import replace
from functools import lru_cache

from textual.app import App
from textual.color import Color
from textual.theme import BUILTIN_THEMES, Theme
from textual.widget import Widget

from icereco.draw.canvas.colormap import blended, packed, readable
from icereco.draw.canvas.curves import Ink

__all__ = [
    "CURVES",
    "TERMINAL_THEMES",
    "THEMES",
    "background",
    "band_color",
    "cursor_colors",
    "cursor_ground",
    "curve_color",
    "ink",
    "text_on",
    "themed",
    "themed_on",
]

THEMES = (
    Theme(
        name="icereco-dark",
        primary="#5cc8e0",
        secondary="#ff9f45",
        accent="#ffb347",
        foreground="#c8d3e0",
        background="#0b0e14",
        surface="#10151f",
        panel="#1a2330",
        success="#7ee081",
        warning="#f0c05a",
        error="#ff6b6b",
        dark=True,
        variables={"border": "#2c3a4d", "border-blurred": "#2c3a4d", "footer-key-foreground": "#ffb347"},
    ),
    Theme(
        name="icereco-light",
        primary="#006c8e",
        secondary="#a35000",
        accent="#a34d00",
        foreground="#1c2733",
        background="#fbfcfe",
        surface="#f1f4f8",
        panel="#dfe6ee",
        success="#1b7a34",
        warning="#8a5a00",
        error="#b3261e",
        dark=False,
        variables={"border": "#b6c2cf", "border-blurred": "#b6c2cf", "footer-key-foreground": "#a34d00"},
    ),
    Theme(
        name="icereco-contrast",
        primary="#00e5ff",
        secondary="#ffb000",
        accent="#ffff00",
        foreground="#ffffff",
        background="#000000",
        surface="#000000",
        panel="#262626",
        success="#00ff5f",
        warning="#ffd700",
        error="#ff5f5f",
        dark=True,
        variables={
            "border": "#ffffff",
            "border-blurred": "#a8a8a8",
            "footer-key-foreground": "#ffff00",
            "cursor": "#00606b",
            "cursor-blurred": "#404040",
        },
    ),
)

_TERMINAL = {"border": "ansi_bright_black", "border-blurred": "ansi_bright_black"}
"""Textual's frames around what has no focus have the colour of the background."""

TERMINAL_THEMES = (
    replace(BUILTIN_THEMES["ansi-dark"], primary="ansi_bright_cyan", secondary="ansi_bright_cyan", accent="ansi_bright_blue",
        error="ansi_bright_red", warning="ansi_bright_yellow", success="ansi_bright_green", variables={
        **BUILTIN_THEMES["ansi-dark"].variables, **_TERMINAL, "footer-key-foreground": "ansi_bright_yellow",
        "cursor": "ansi_blue", "cursor-blurred": "ansi_bright_black", "scrollbar": "ansi_bright_black",
        "scrollbar-hover": "ansi_white", "scrollbar-active": "ansi_white"}),
    replace(BUILTIN_THEMES["ansi-light"], warning="ansi_magenta", variables={**BUILTIN_THEMES["ansi-light"].variables, **_TERMINAL, "cursor": "ansi_white", "cursor-blurred": "ansi_white"}),
)  # fmt: skip
"""The terminal's own colours."""

_TEXT_CONTRAST = 4.5
"""What WCAG 2.1 requires of text and its ground; letters and names have the colours of curves, too."""

CURVES = (0x56B4E9, 0xE69F00, 0xCC79A7, 0x2EB88A, 0xF0E442, 0xD55E00, 0x8F7BE0, 0x9AA5B1)
"""After Okabe and Ito (2008): distinct also with deuteranopia and protanopia."""


def themed(app: App[object], name: str) -> str:
    """A colour of the theme by its name in rich; one of the terminal's own palette stays a palette colour."""
    color = Color.parse(app.theme_variables[name])
    if color.ansi is None:
        return color.hex6
    return "default" if color.ansi < 0 else f"color({color.ansi})"


def themed_on(app: App[object], name: str, ground: int) -> str:
    """A colour of the theme by its name in rich for text on a ground; one of the terminal's own palette stays as it is."""
    color = Color.parse(app.theme_variables[name])
    return themed(app, name) if color.ansi is not None else f"#{text_on(packed(color.rgb), ground):06x}"


@lru_cache(maxsize=4096)
def text_on(color: int, ground: int) -> int:
    """A colour for text, moved away from the ground as far as it must be to be read."""
    return int(readable(color, ground, _TEXT_CONTRAST))


def background(widget: Widget) -> int:
    """The background colour of a widget, 0xRRGGBB; of the terminal's own, which is not known, black or white."""
    theme = widget.app.current_theme
    if theme.ansi:
        return 0x000000 if theme.dark else 0xFFFFFF
    return packed(widget.background_colors[1].rgb)


def cursor_colors(theme: Theme) -> dict[str, str]:
    """The grounds of the row under the cursor in lists and tables, with the focus and without; a theme may name its own."""
    variables = theme.to_color_system().generate()
    under, over = (packed(Color.parse(variables[name]).rgb) for name in ("background", "primary"))
    shares = {"cursor": 0.35, "cursor-blurred": 0.18}
    return {name: f"#{int(blended(over, under, share)):06x}" for name, share in shares.items()}


def cursor_ground(widget: Widget) -> int:
    """The ground of the row under the cursor of a widget, 0xRRGGBB."""
    variables = widget.app.theme_variables
    name = "cursor" if widget.has_focus else "cursor-blurred"
    return packed(Color.parse(variables.get(name, variables["panel"])).rgb)


def curve_color(index: int, under: int) -> int:
    """The colour of the curve of that number, readable on a background."""
    return text_on(CURVES[index % len(CURVES)], under)


def band_color(color: int, under: int) -> int:
    """The colour of the band behind a curve of this colour."""
    return int(blended(color, under, 0.42))


def ink(app: App[object], under: int) -> Ink:
    """The colours of axes on a background."""
    color = Color.parse(app.theme_variables.get("foreground", "#c0c0c0"))
    # The terminal's own is not known, but can be read on its background.
    text = packed(color.rgb) if color.ansi is None else int(readable(under, under, 15.0))
    return Ink(
        int(blended(text, under, 0.7)), int(blended(text, under, 0.25)), int(blended(text, under, 0.8))
    )
