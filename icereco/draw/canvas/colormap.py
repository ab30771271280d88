"""Colours as integers 0xRRGGBB, and maps from numbers to colours that stay readable on any background."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

__all__ = ["COLORMAPS", "Colormap", "blended", "heat", "luminance", "packed", "readable"]

_STEPS = 24  # more colours cost more bytes, and cannot be distinguished
_FINE = 256
_CONTRAST = 3.0  # required of graphics by WCAG 2.1


def packed(rgb: tuple[int, int, int]) -> int:
    """A colour as an integer, from red, green and blue of 0 to 255.

    >>> f"{packed((255, 128, 0)):06x}"
    'ff8000'
    """
    red, green, blue = rgb
    return red << 16 | green << 8 | blue


def channels(color: Int[ndarray, "*n"] | int) -> Float[ndarray, "*n 3"]:
    """Red, green and blue, 0 to 1."""
    values = np.asarray(color)
    return np.stack([values >> 16 & 255, values >> 8 & 255, values & 255], axis=-1) / 255.0


def from_channels(rgb: Float[ndarray, "*n 3"]) -> Int[ndarray, "*n"]:
    """Integers from red, green and blue, 0 to 1."""
    part = np.clip(np.round(np.asarray(rgb) * 255), 0, 255).astype(np.int32)
    return np.asarray(part[..., 0] << 16 | part[..., 1] << 8 | part[..., 2])


def luminance(color: Int[ndarray, "*n"] | int) -> Float[ndarray, "*n"]:
    """Relative luminance, 0 to 1 (WCAG 2.1)."""
    rgb = channels(color)
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return np.asarray(linear @ np.array([0.2126, 0.7152, 0.0722]))


def blended(
    color: Int[ndarray, "*n"] | int, onto: int, share: Float[ndarray, "*n"] | float
) -> Int[ndarray, "*n"]:
    """Mix two colours: `share` of the first, the rest of `onto`."""
    part = np.asarray(share)[..., None]
    return from_channels(channels(color) * part + channels(onto) * (1 - part))


def readable(
    color: Int[ndarray, "*n"] | int, background: int, contrast: float = _CONTRAST
) -> Int[ndarray, "*n"]:
    """The colours, moved towards black or white until their contrast with the background is sufficient."""
    dark = float(luminance(background)) < 0.18
    under, target = float(luminance(background)) + 0.05, 0xFFFFFF if dark else 0x000000
    result = np.array(color, dtype=np.int32)
    for share in np.linspace(0.05, 1.0, 20):
        over = luminance(result) + 0.05
        low = np.maximum(over, under) / np.minimum(over, under) < contrast
        if not low.any():
            break
        result = np.where(low, blended(np.asarray(color), target, 1 - share), result).astype(np.int32)
    return result


class Colormap:
    """A row of colours from the lowest number to the highest.

    Attributes:
        name: as the user writes it.
        summary: what it is good for.
        steps: number of its colours at most.
        contrast: least contrast with the background.
        fine: int32 `[256]`, its colours as they are, whatever the background.
    """

    def __init__(
        self,
        name: str,
        summary: str,
        anchors: Sequence[int],
        *,
        steps: int = _STEPS,
        contrast: float = _CONTRAST,
    ) -> None:
        self.name, self.summary, self.steps, self.contrast = name, summary, steps, contrast
        self.fine = _between(anchors, _FINE)

    def __call__(
        self, part: Float[ndarray, "*n"], background: int, steps: int | None = None
    ) -> Int[ndarray, "*n"]:
        """At most `steps` colours for numbers 0 to 1; others count as the nearer end, NaN as 0."""
        count = min(steps or _STEPS, self.steps)
        step = np.clip(np.nan_to_num(part) * count, 0, count - 1).astype(np.int64)
        return np.asarray(self.table(background)[step * (_STEPS - 1) // max(count - 1, 1)])

    def table(self, background: int) -> Int[ndarray, "step"]:
        """All colours, readable on a background.

        A map whose brightness increases from end to end loses the end that is not visible, so that it still does.
        """
        return _readable_table(self.name, background)


def _between(anchors: Sequence[int] | Int[ndarray, "anchor"], steps: int) -> Int[ndarray, "step"]:
    """So many colours from the first anchor to the last, interpolated linearly."""
    place, rgb = np.linspace(0, 1, len(anchors)), channels(np.array(anchors))
    wanted = np.linspace(0, 1, steps)
    return from_channels(np.stack([np.interp(wanted, place, rgb[:, part]) for part in range(3)], axis=-1))


COLORMAPS = {
    colormap.name: colormap
    for colormap in (
        # ColorBrewer's RdYlBu keeps IceCube's convention (early red, late blue) and is safe for colour-blind users.
        Colormap(
            "ember",
            "early red, late blue; safe for colour-blind eyes",
            (0xD73027, 0xF46D43, 0xFDAE61, 0xFEE090, 0xE0F3F8, 0xABD9E9, 0x74ADD1, 0x4575B4),
        ),
        Colormap(
            "rainbow",
            "early red, late violet: IceCube's habit",
            (0xFF2A1F, 0xFF8A00, 0xFFE000, 0x58E000, 0x00D8A0, 0x1FA8FF, 0x4A5CFF, 0xA040FF),
        ),
        Colormap(
            "viridis",
            "even in brightness",
            (0x440154, 0x46327E, 0x365C8D, 0x277F8E, 0x1FA187, 0x4AC16D, 0xA0DA39, 0xFDE725),
        ),
        Colormap(
            "cividis",
            "even in brightness; the same to colour-blind eyes",
            (0x00224E, 0x1F386B, 0x434E6C, 0x61656F, 0x7C7B78, 0x9B9476, 0xBCAF6F, 0xE1CC55, 0xFEE838),
        ),
        Colormap(
            "sixteen",
            "early red, late blue; in this order also in a terminal with 16 colours",
            (0xFF0000, 0xFFFF00, 0x00FF00, 0x00FFFF, 0x0000FF),
            steps=5,
        ),
        # Brighter than DOMs without hits.
        Colormap("gray", "no colour at all", (0x000000, 0xFFFFFF), contrast=5.5),
    )
}
"""The maps by name; the first is the default."""


@lru_cache(maxsize=64)
def _readable_table(name: str, background: int) -> Int[ndarray, "step"]:
    colormap = COLORMAPS[name]
    fine = colormap.fine
    if (np.diff(luminance(fine)) > -1e-3).all():
        over, under = luminance(fine) + 0.05, float(luminance(background)) + 0.05
        seen = np.flatnonzero(np.maximum(over, under) / np.minimum(over, under) >= colormap.contrast)
        return _between(fine[seen], _STEPS)
    return readable(_between(fine, _STEPS), background)


_HEAT = (0x3B0F70, 0x8C2981, 0xDE4968, 0xFE9F6D, 0xFCFDBF)  # magma without its black end


def heat(part: Float[ndarray, "*n"], background: int) -> Int[ndarray, "*n"]:
    """Colours of a density, 0 to 1; 0 has the colour of the background."""
    dark = float(luminance(background)) < 0.18
    anchors = channels(np.array([background, *(_HEAT if dark else _HEAT[-2::-1])]))
    place = np.linspace(0, 1, len(anchors))
    value = np.clip(np.nan_to_num(part), 0, 1)
    return from_channels(np.stack([np.interp(value, place, anchors[:, i]) for i in range(3)], axis=-1))
