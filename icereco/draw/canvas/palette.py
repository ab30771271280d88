"""The colours of the event screen, readable on the background of any theme."""

from dataclasses import dataclass
from functools import lru_cache

from icereco.draw.canvas.colormap import blended, luminance, readable

__all__ = ["Palette", "palette_on"]

# Okabe and Ito (2008), distinct also for colour-blind users; green is reserved for the truth.
_TRUTH = 0x2FBF71
_METHODS = (0x56B4E9, 0xE69F00, 0xCC79A7, 0xF0E442, 0xD55E00, 0x8C9BFF)
_SELECTION = 0xFF6FB5
_TEXT = 4.5  # names and numbers have these colours, too: what WCAG 2.1 requires of text


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours as integers.

    Attributes:
        background: of the picture.
        far, near: of DOMs without hits; ghost: of those on strings without hits, where they are dense.
        faint: of outlines and grids.
        text, label: of numbers, and of their labels.
        truth: of the true direction.
        main: of the main reconstruction; methods: of the others, in turn.
        selection: of the picked DOM, the picked pulse and the moment that is shown.
    """

    background: int
    far: int
    near: int
    ghost: int
    faint: int
    text: int
    label: int
    truth: int
    main: int
    methods: tuple[int, ...]
    selection: int

    def method(self, number: int) -> int:
        """The colour of reconstruction `number`, 0 being the main one."""
        return self.main if number == 0 else self.methods[(number - 1) % len(self.methods)]


@lru_cache(maxsize=16)
def palette_on(background: int) -> Palette:
    """The colours for a background."""
    dark = float(luminance(background)) < 0.18
    ink, slate = (0xFFFFFF, 0xA9BCD6) if dark else (0x000000, 0x24364D)

    def grey(share: float) -> int:
        return int(blended(slate, background, share))

    return Palette(
        background=background,
        far=grey(0.31),
        near=grey(0.54),
        ghost=grey(0.16),
        faint=grey(0.28),
        text=int(blended(ink, background, 0.88)),
        label=grey(0.78),
        truth=int(readable(_TRUTH, background, _TEXT)),
        main=ink,
        methods=tuple(int(readable(color, background, _TEXT)) for color in _METHODS),
        selection=int(readable(_SELECTION, background, _TEXT)),
    )
