"""Curves of one or several runs on common axes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import numpy as np

from icereco.draw.canvas.bins import Points
from icereco.draw.canvas.curves import Curve, View
from icereco.tui.runs.panels import Panel, panels_of
from icereco.tui.themes import band_color, curve_color
from icereco.watch.series import Series

__all__ = ["SIGNS", "Numbering", "Overlay", "Shown", "dash_of", "facts_of"]

_DASHES = (0, 2, 4, 1)
SIGNS = {0: "━", 1: "┈", 2: "╍", 4: "╌"}
"""What a curve's dashes look like in the legend and in the list of runs."""

_TIMES = (
    (2 * 86_400.0, 86_400.0, "days"),
    (2 * 3_600.0, 3_600.0, "h"),
    (120.0, 60.0, "min"),
    (0.0, 1.0, "s"),
)


@dataclass(frozen=True, slots=True)
class Shown:
    """A run on the charts, and the number of its colour."""

    path: Path
    series: Series
    color: int

    def step_at(self, time: float) -> int | None:
        """The step of the training at a time in Unix seconds; None before its first metrics."""
        times, steps = self.series.positions("time"), self.series.positions("step")
        index = int(np.searchsorted(times, time, side="right")) - 1
        return int(steps[index]) if index >= 0 else None


def facts_of(view: View, *, zoomed: bool) -> list[str]:
    """How a view differs from the usual one, in words."""
    smooth = [f"smoothed {view.weight:g}"] if view.weight else []
    words = {"log y": view.log_y, "log x": view.log_x, "fitted": view.tight, "zoomed (0 = all)": zoomed}
    return smooth + [word for word, on in words.items() if on]


def dash_of(color: int) -> int:
    """The dashes by which a run is distinguished where there are no colours."""
    return _DASHES[color % len(_DASHES)]


class Numbering:
    """A number, and with it a colour, for each run on the charts, wherever the cursor goes.

    A run keeps its number while it is shown, and gets it back later if no other has it.
    """

    def __init__(self) -> None:
        self._given: dict[Path, int] = {}
        self._shown: tuple[Path, ...] = ()

    def of(self, paths: Sequence[Path]) -> dict[Path, int]:
        """The numbers of the runs that are shown now."""
        numbers = {path: self._given[path] for path in paths if path in self._shown}
        for path in paths:
            if path not in numbers:
                taken = set(numbers.values())
                free = next(number for number in count() if number not in taken)
                before = self._given.get(path, free)
                numbers[path] = free if before in taken else before
        self._given |= numbers
        self._shown = tuple(paths)
        return {path: numbers[path] for path in paths}


class Overlay:
    """Runs on a common axis; the first is the one under the cursor. Without colours runs differ by their dashes."""

    def __init__(self, runs: Sequence[Shown], axis: str, *, colored: bool = True) -> None:
        self.runs = runs
        self.axis = axis
        self.colored = colored
        self.scale, self.unit = self._scale()

    def panels(self) -> list[Panel]:
        """The charts of every metric that any of the runs has."""
        return panels_of(name for run in self.runs for name in run.series.names())

    def whole(self) -> tuple[float, float]:
        """The range of the axis from the first to the last line of any run."""
        filled = [run.series for run in self.runs if run.series.rows]
        if not filled:
            return 0.0, 1.0
        ends = [
            (x - self._zero(series)) / self.scale
            for series in filled
            for x in series.positions(self.axis)[[0, -1]]
        ]
        first, last = float(min(ends)), float(max(ends))
        return (first, last) if last > first else (first, first + 1.0)

    def curves(self, panel: Panel, under: int) -> list[Curve]:
        """The curves of a chart: each in its own colour if there is one run, else each run in its own colour.

        With several runs, curves of a run are distinguished by their dashes: the list of runs shows the colours.
        """
        alone = len(self.runs) == 1
        curves = []
        for run in reversed(self.runs):  # the first is drawn last, over the others
            for number, curve in enumerate(panel.curves):
                points = self._points(run.series, curve.metric)
                if not len(points):
                    continue
                color = curve_color(curve.color if alone else run.color, under)
                band = band_color(color, under) if run is self.runs[0] and curve.training else None
                solid = alone or not curve.training
                dash = 0 if solid and (alone or len(panel.curves) < 3) else _DASHES[(number + 1) % 4]
                if not (alone or self.colored):
                    dash = dash_of(run.color)
                name = "" if alone else run.path.name
                curves.append(Curve(curve.label, points, color, band, dash, name))
        return curves

    def _points(self, series: Series, metric: str) -> Points:
        return replace(series.curve(metric, self.axis), zero=self._zero(series), scale=self.scale)

    def _zero(self, series: Series) -> float:
        """The zero of the time axis is each run's own start, so that runs of different days can be compared."""
        times = series.positions("time")
        return float(times[0]) if self.axis == "time" and len(times) else 0.0

    def _scale(self) -> tuple[float, str]:
        if self.axis != "time":
            return 1.0, self.axis
        times = [run.series.positions("time") for run in self.runs]
        longest = max((float(x[-1] - x[0]) for x in times if len(x)), default=0.0)
        return next((scale, unit) for least, scale, unit in _TIMES if longest >= least)
