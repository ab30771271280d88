"""A screen with charts of runs: the view of them, and the keys that change it."""

from dataclasses import replace
from typing import Any

from textual import on
from textual.screen import Screen

from icereco.draw.canvas.curves import View
from icereco.tui.host import host_of
from icereco.tui.runs.alerts_screen import AlertsScreen
from icereco.tui.runs.chart import Chart
from icereco.tui.runs.chart_grid import ChartGrid
from icereco.tui.runs.overlay import EVERY, Overlay
from icereco.watch.runs import RunView
from icereco.watch.series import AXES

__all__ = ["ChartedScreen"]

WEIGHTS = (0.0, 0.6, 0.9, 0.97, 0.99)


class ChartedScreen(Screen[None]):
    """What all charts of a screen have in common.

    Attributes:
        axis: the quantity of the horizontal axis.
        view: which part of the charts is shown, and how.
        zoomed: whether it is not the whole.
        figures: by the titles of charts: the figure that each shows where there are several runs.
    """

    def __init__(self) -> None:
        super().__init__()
        self.axis = AXES[0]
        self.view = View()
        self.zoomed = False
        self.figures: dict[str, str] = {}

    @property
    def overlay(self) -> Overlay:
        """The runs that are shown, as far as they have been read."""
        raise NotImplementedError

    def draw(self) -> None:
        """Draw the charts as the view says."""
        raise NotImplementedError

    @property
    def current(self) -> RunView | None:
        """The run that is looked at."""
        raise NotImplementedError

    def action_about(self) -> None:
        """Show all that is known of the run, and its settings."""
        from icereco.tui.runs.about_screen import AboutRunScreen  # a start has no need of text areas

        if (run := self.current) is not None:
            self.app.push_screen(AboutRunScreen(run))

    def action_alerts(self) -> None:
        """Show all alerts in full."""
        self.app.push_screen(AlertsScreen(host_of(self).alerts))

    def action_axis(self) -> None:
        """Use the next quantity for the horizontal axis."""
        self.axis = AXES[(AXES.index(self.axis) + 1) % len(AXES)]
        self.action_whole()

    def action_log_y(self) -> None:
        """Switch the vertical axis between linear and logarithmic."""
        self.look(log_y=not self.view.log_y)

    def action_log_x(self) -> None:
        """Switch the horizontal axis between linear and logarithmic."""
        self.look(log_x=not self.view.log_x)

    def action_tight(self) -> None:
        """Fit the vertical axis to the means, so that spikes are cut off, or no longer."""
        self.look(tight=not self.view.tight)

    def action_smooth(self, more: int) -> None:
        """Use the next weight of the moving average."""
        index = (WEIGHTS.index(self.view.weight) + more) % len(WEIGHTS)
        self.look(weight=WEIGHTS[index])

    def action_figure(self) -> None:
        """Show the next figure of several runs: in the chart that has the focus, or else in all of this page."""
        overlay, grid = self.overlay, self.query_one(ChartGrid)
        if overlay.alone:
            self.notify("one run shows all its figures; overlay others with space, or pin one with b")
            return
        number = grid.focused_number()
        panels = overlay.panels()
        chosen = grid.shown if number is None else [number]
        for panel in [panels[n] for n in chosen if n < len(panels)]:  # some may not have been read yet
            labels = [curve.label for curve in panel.choices]
            if len(labels) > 1:
                labels.append(EVERY)
                figure = overlay.figure(panel)
                now = labels.index(EVERY if figure is None else figure.label)
                self.figures[panel.title] = labels[(now + 1) % len(labels)]
        self.draw()

    def action_cursor(self, steps: int) -> None:
        """Move the cursor of the charts, which starts from the end."""
        view = self.view
        column = (view.last - view.first) / self.query_one(ChartGrid).chart_columns
        place = view.last if view.cursor is None else view.cursor + steps * column
        self.look(cursor=min(max(place, view.first), view.last))

    def action_zoom(self, factor: float) -> None:
        """Zoom around the cursor."""
        whole = self.overlay.whole()
        self.view = self.view.zoomed(factor, whole)
        self.zoomed = (self.view.first, self.view.last) != whole
        self.draw()

    def action_whole(self) -> None:
        """Show the whole training again."""
        self.zoomed = False
        self.look(cursor=None)

    @on(Chart.Pointed)
    def _pointed(self, event: Chart.Pointed) -> None:
        self.look(cursor=event.place)

    @on(Chart.Wheeled)
    def _wheeled(self, event: Chart.Wheeled) -> None:
        self.action_zoom(event.factor)

    def look(self, **changes: Any) -> None:
        """Change the view."""
        self.view = replace(self.view, **changes)
        self.draw()

    def action_page(self, pages: int) -> None:
        """Show another page of charts."""
        grid = self.query_one(ChartGrid)
        grid.page = (grid.page + pages) % grid.pages
        self.draw()

    def action_enlarge(self) -> None:
        """Show one chart alone, the one that has the focus or else the first; or several again."""
        grid = self.query_one(ChartGrid)
        number = grid.focused_number()
        grid.enlarge(grid.shown.start if number is None else number)
        self.draw()
