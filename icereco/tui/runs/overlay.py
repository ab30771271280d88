"""Curves of one or several runs on common axes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from icereco.draw.canvas.bins import Points
from icereco.draw.canvas.colormap import readable
from icereco.draw.canvas.curves import Curve, Level, Sign, View
from icereco.tui.runs.badges import Badge
from icereco.tui.runs.panels import CurveOf, Panel, panels_of
from icereco.tui.themes import band_color, curve_color
from icereco.watch.references import REFERENCE
from icereco.watch.series import Series

__all__ = ["EVERY", "SIGNS", "Overlay", "Shown", "facts_of"]

BEST, SAVED = "★", "▾"
"""Signs above the best validation and the newest checkpoint."""

EVERY = "all"
"""In place of a figure: all those of a chart."""

_DASHES = (0, 2, 4, 1)
SIGNS = {0: "━", 1: "┈", 2: "╍", 4: "╌"}
"""What a curve's dashes look like in the legend."""

_TIMES = (
    (2 * 86_400.0, 86_400.0, "days"),
    (2 * 3_600.0, 3_600.0, "h"),
    (120.0, 60.0, "min"),
    (0.0, 1.0, "s"),
)


_NONE = Badge(0)


@dataclass(frozen=True, slots=True)
class Shown:
    """A run on the charts.

    Attributes:
        path: the folder of the run.
        series: its metrics.
        badge: its letter and colour.
        saved_step: of the newest checkpoint.
        reference: what a quick method reaches on its validation events, by metric.
    """

    path: Path
    series: Series
    badge: Badge = _NONE
    saved_step: int | None = None
    reference: Mapping[str, float] = field(default_factory=dict)

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


class Overlay:
    """Runs on a common axis; the first is the one under the cursor.

    With several runs a chart shows one of its figures, as the curves of more could not be told apart.

    Args:
        runs: in the order of their importance.
        axis: one of `icereco.watch.series.AXES`.
        figures: which figure the charts of these titles show where there are several runs, or `EVERY`.
        colored: whether there are colours; without them runs differ by letters and dashes.
    """

    def __init__(
        self,
        runs: Sequence[Shown],
        axis: str,
        figures: Mapping[str, str] | None = None,
        *,
        colored: bool = True,
    ) -> None:
        self.runs = runs
        self.axis = axis
        self.figures = figures or {}
        self.colored = colored
        self.scale, self.unit = self._scale()

    @property
    def alone(self) -> bool:
        """Whether there is one run, whose figures are all shown."""
        return len(self.runs) < 2

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

    def figure(self, panel: Panel) -> CurveOf | None:
        """The figure that a chart shows of each run; None where it shows all of them."""
        chosen = self.figures.get(panel.title)
        if self.alone or chosen == EVERY:
            return None
        return next((curve for curve in panel.choices if curve.label == chosen), panel.choices[0])

    def shown(self, panel: Panel) -> tuple[CurveOf, ...]:
        """The figures that a chart shows of each run."""
        figure = self.figure(panel)
        return panel.curves if figure is None else (figure,)

    def title(self, panel: Panel) -> str:
        """The title of a chart, with its figure where it shows one of several."""
        if self.alone or len(panel.curves) == 1:
            return panel.title
        figure = self.figure(panel)
        return f"{EVERY if figure is None else figure.label} · {panel.title}"

    def curves(self, panel: Panel, under: int) -> list[Curve]:
        """The curves of a chart: of one run each in its own colour, else those of a run in the colour and with the letter of the run."""
        return [
            self._curve(run, curve, points, number, under)
            for run in reversed(self.runs)  # the first is drawn last, over the others
            for number, curve in enumerate(self.shown(panel))
            if len(points := self.points(run, curve.metric))
        ]

    def _curve(self, run: Shown, curve: CurveOf, points: Points, number: int, under: int) -> Curve:
        color = curve_color(curve.color if self.alone else run.badge.color, under)
        band = band_color(color, under) if run is self.runs[0] and curve.training else None
        if self.alone:
            return Curve(curve.label, points, color, band)
        dash = _DASHES[(number if self.colored or number else run.badge.number) % len(_DASHES)]
        return Curve(curve.label, points, color, band, dash, run.path.name, run.badge.letter)

    def levels(self, panel: Panel, under: int) -> list[Level]:
        """What the quick method reaches on the events of the first run, for the figures that a chart shows."""
        return [
            Level(REFERENCE, value, self._level_color(curve, under))
            for curve in self.shown(panel)
            for run in self.runs[:1]
            if (value := run.reference.get(curve.metric)) is not None
        ]

    def _level_color(self, curve: CurveOf, under: int) -> int:
        color = curve.color if self.alone else self.runs[0].badge.color
        return int(readable(band_color(curve_color(color, under), under), under))

    def signs(self, ink: int, under: int) -> list[Sign]:
        """Where the best validation of each run is, and the newest checkpoint of the first."""
        signs = [
            Sign(self._place_of(run, run.saved_step), SAVED, ink)
            for run in self.runs[:1]
            if run.saved_step is not None and run.series.rows
        ]
        for run in reversed(self.runs):
            losses = run.series.curve("validation/loss", "step")
            if len(losses) and np.isfinite(losses.value).any():
                best = float(losses.x[int(np.nanargmin(losses.value))])
                color = ink if self.alone else curve_color(run.badge.color, under)
                signs.append(Sign(self._place_of(run, best), BEST, color))
        return signs

    def _place_of(self, run: Shown, step: float) -> float:
        """Where a step of a run is on the axis."""
        row = min(int(np.searchsorted(run.series.positions("step"), step)), run.series.rows - 1)
        return (float(run.series.positions(self.axis)[row]) - self._zero(run.series)) / self.scale

    def points(self, run: Shown, metric: str) -> Points:
        """A metric of a run over the axis."""
        zero = self._zero(run.series)
        return replace(run.series.curve(metric, self.axis), zero=zero, scale=self.scale)

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
