"""Angular errors of several models on the same groups of events, as bars: median, and 68 %."""

from collections.abc import Sequence
from dataclasses import dataclass

from icereco.draw.canvas.braille import Canvas

__all__ = ["ErrorBar", "ErrorGroup", "draw_error_bars"]

_MEDIAN, _CONTAINED = "━", "╌"
_NUMBERS = 14  # columns of the two numbers


@dataclass(frozen=True, slots=True)
class ErrorBar:
    """One model on a group of events.

    Attributes:
        name: of the model.
        median_deg: median angular error.
        containment68_deg: 68 % of the events have a smaller error.
    """

    name: str
    median_deg: float
    containment68_deg: float


@dataclass(frozen=True, slots=True)
class ErrorGroup:
    """Models that were measured on the same events.

    Attributes:
        title: the events.
        bars: one for each model.
    """

    title: str
    bars: tuple[ErrorBar, ...]


def draw_error_bars(
    canvas: Canvas, groups: Sequence[ErrorGroup], colors: Sequence[int], text: int, label: int
) -> None:
    """Draw the groups below each other, with one scale for all bars; groups for which there is no room are counted.

    Args:
        canvas: to draw on.
        groups: in order.
        colors: of the bars of each model, in the order in which models first appear.
        text: colour of titles and numbers.
        label: colour of names.
    """
    names = list(dict.fromkeys(bar.name for group in groups for bar in group.bars))
    longest = max((bar.containment68_deg for group in groups for bar in group.bars), default=0.0)
    wide = min(max(map(len, names), default=0), canvas.columns // 3)
    room = canvas.columns - wide - _NUMBERS - 3
    if not longest or room < 1:
        return
    row = 0
    for number, group in enumerate(groups):
        last = number == len(groups) - 1
        if row + 1 + len(group.bars) + (not last) > canvas.rows:
            canvas.text(0, max(row - 1, 0), f"… {len(groups) - number} more", label)
            return
        canvas.text(0, row, group.title[: canvas.columns], text)
        for line, bar in enumerate(group.bars, start=row + 1):
            color = colors[names.index(bar.name) % len(colors)]
            ends = [round(error / longest * room) for error in (bar.median_deg, bar.containment68_deg)]
            drawn = (_MEDIAN * ends[0]).ljust(ends[1], _CONTAINED)
            numbers = f"{bar.median_deg:.2f}".rjust(7) + f"{bar.containment68_deg:.2f}".rjust(7)
            canvas.text(1, line, bar.name[:wide], label)
            canvas.text(wide + 2, line, drawn, color)
            canvas.text(canvas.columns - _NUMBERS, line, numbers, text)
        row += 2 + len(group.bars)
