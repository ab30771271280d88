"""Curves of one or several runs on common axes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jaxtyping import Float
from numpy import ndarray

from icereco.tui.feeds.series import Series
from icereco.tui.panels import THROUGHPUT, Panel, panels_of
from icereco.tui.render.curves import Curve
from icereco.tui.themes import band_color, curve_color

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
    """A run on the charts, and its number among the colours."""

    path: Path
    series: Series
    color: int


class Overlay:
    """Runs on one axis; the first is the one under the cursor."""

    def __init__(self, runs: Sequence[Shown], axis: str) -> None:
        self.runs = runs
        self.axis = axis
        self.scale, self.unit = self._scale()

    def panels(self) -> list[Panel]:
        """The charts of every metric that any of the runs has."""
        return panels_of(name for run in self.runs for name in run.series.names())

    def whole(self) -> tuple[float, float]:
        """From the first to the last line of any run."""
        ends = [ends for run in self.runs if len(ends := self._positions(run.series))]
        if not ends:
            return 0.0, 1.0
        first, last = min(float(x[0]) for x in ends), max(float(x[-1]) for x in ends)
        return (first, last) if last > first else (first, first + 1.0)

    def curves(self, panel: Panel, under: int) -> list[Curve]:
        """Of one run, each curve in a colour of its own; of several, each run, its curves told by their dashes.

        Only curves of the first run have a label: the list of runs tells which colour is whose.
        """
        alone = len(self.runs) == 1
        found = []
        for run in reversed(self.runs):  # the first is drawn last, over the others
            for number, curve in enumerate(panel.curves):
                x, y = self._curve(run.series, curve.metric)
                if not len(y):
                    continue
                color = curve_color(number if alone else run.color, under)
                band = band_color(color, under) if run is self.runs[0] and curve.training else None
                solid = alone or not curve.training
                dash = 0 if solid and (alone or len(panel.curves) < 3) else _DASHES[(number + 1) % 4]
                label = curve.label if run is self.runs[0] else ""
                found.append(Curve(label, x, y, color, band, dash))
        return found

    def _curve(self, series: Series, metric: str) -> tuple[Float[ndarray, "value"], Float[ndarray, "value"]]:
        x, y = series.throughput(self.axis) if metric == THROUGHPUT else series.curve(metric, self.axis)
        return self._placed(series, x), y

    def _positions(self, series: Series) -> Float[ndarray, "row"]:
        return self._placed(series, series.positions(self.axis))

    def _placed(self, series: Series, x: Float[ndarray, "n"]) -> Float[ndarray, "n"]:
        """Times count from each run's own begin, so that runs of different days lie over each other."""
        if self.axis != "time" or not len(x):
            return x
        since: ndarray = (x - series.positions("time")[0]) / self.scale
        return since

    def _scale(self) -> tuple[float, str]:
        if self.axis != "time":
            return 1.0, self.axis
        times = [run.series.positions("time") for run in self.runs]
        longest = max((float(x[-1] - x[0]) for x in times if len(x)), default=0.0)
        return next((scale, unit) for least, scale, unit in _TIMES if longest >= least)
