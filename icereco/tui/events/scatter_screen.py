"""The errors of the listed events against their energies, or against their charges where energies are not known."""

import numpy as np
import polars as pl
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.strip import Strip

from icereco.draw.canvas.braille import Canvas
from icereco.draw.scatter import Scatter, ScatterInk, draw_scatter
from icereco.tui.common.strips import strips_of
from icereco.tui.events.drawing import Drawing
from icereco.tui.keys import Key, bindings
from icereco.tui.themes import curve_color, ink

__all__ = ["ScatterScreen", "scatter_of"]

_ACROSS = {"energy": "true energy [GeV]", "charge": "charge [p.e.]"}
"""What errors may be shown against, by the names of columns: the first that has a value."""


def scatter_of(listed: pl.DataFrame) -> Scatter | None:
    """The errors of events against energy or charge; None where no errors are known."""
    known = [name for name in ("error", *_ACROSS) if name in listed.columns and listed[name].count()]
    if known[:1] != ["error"] or len(known) == 1:
        return None
    across, up = (listed[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for name in (known[1], "error"))
    return Scatter(across, up, (_ACROSS[known[1]], "error [°]"))


class _Plot(Drawing):
    def __init__(self, scatter: Scatter, marker: str) -> None:
        super().__init__(id="scatter")
        self.scatter, self.marker = scatter, marker

    def draw(self, columns: int, rows: int, background: int) -> list[Strip]:
        """Draw points in the colour of the first curve, medians in that of the second."""
        canvas, colors = Canvas(columns, rows, self.marker), ink(self.app, background)
        inks = ScatterInk(curve_color(0, background), curve_color(1, background), colors.cursor)
        draw_scatter(canvas, self.scatter, inks)
        return strips_of(canvas, background)


class ScatterScreen(ModalScreen[None]):
    """Shows a point for each event."""

    BINDINGS = bindings((Key("escape,D,q,enter", "dismiss", "Close", "Window"),))

    def __init__(self, scatter: Scatter, method: str, marker: str) -> None:
        super().__init__()
        self.scatter, self.method, self.marker = scatter, method, marker

    def compose(self) -> ComposeResult:
        """Show the points in a large window."""
        with Vertical(classes="window scatter") as window:
            window.border_title = f"{len(self.scatter.up):,} events: errors of {self.method}"
            window.border_subtitle = "line: medians · esc closes"
            yield _Plot(self.scatter, self.marker)
