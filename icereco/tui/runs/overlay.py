"""Curves of one or several runs on common axes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from icereco.draw.canvas.bins import Points
from icereco.draw.canvas.curves import Curve
from icereco.tui.runs.panels import Panel, panels_of
from icereco.tui.themes import band_color, curve_color
from icereco.watch.series import Series

__all__ = ["Overlay", "Shown"]

_DASHES = (0, 2, 4, 1)
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


class Overlay:
    """Runs on a common axis; the first is the one under the cursor."""

    def __init__(self, runs: Sequence[Shown], axis: str) -> None:
        self.runs = runs
        self.axis = axis
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

        With several runs, curves are distinguished by their dashes, and labelled once, at the first run that has the
        curve: the list of runs shows the colours.
        """
        alone = len(self.runs) == 1
        curves = []
        for run in reversed(self.runs):  # the first is drawn last, over the others
            for number, curve in enumerate(panel.curves):
                points = self._points(run.series, curve.metric)
                if not len(points):
                    continue
                color = curve_color(number if alone else run.color, under)
                band = band_color(color, under) if run is self.runs[0] and curve.training else None
                solid = alone or not curve.training
                dash = 0 if solid and (alone or len(panel.curves) < 3) else _DASHES[(number + 1) % 4]
                label = curve.label if run is self._first_with(curve.metric) else ""
                curves.append(Curve(label, points, color, band, dash))
        return curves

    def _first_with(self, metric: str) -> Shown | None:
        return next((run for run in self.runs if metric in run.series.names()), None)

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
