"""The training screen: runs, their curves, their log, and orders to them."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from icereco.runs.orders import Order
from icereco.tui.common.ask import AskScreen
from icereco.tui.common.key_bar import KeyBar
from icereco.tui.common.mode_bar import ModeBar
from icereco.tui.host import host_of, may
from icereco.tui.keys import bindings
from icereco.tui.messages import MetricsSeen
from icereco.tui.runs.badges import Badges
from icereco.tui.runs.chart import Charted
from icereco.tui.runs.chart_grid import ChartGrid
from icereco.tui.runs.charted_screen import ChartedScreen
from icereco.tui.runs.difference_card import DifferenceCard
from icereco.tui.runs.differences_screen import DifferencesScreen
from icereco.tui.runs.gauges import Gauges, load_of
from icereco.tui.runs.keys import KEYS, WELCOME
from icereco.tui.runs.launch_screen import LaunchScreen
from icereco.tui.runs.log_view import LogView, step_problem
from icereco.tui.runs.overlay import Overlay, Shown, facts_of
from icereco.tui.runs.progress import ProgressCard
from icereco.tui.runs.reading_card import ReadingCard
from icereco.tui.runs.readings import readings_of
from icereco.tui.runs.remembered import restore, state_of
from icereco.tui.runs.run_choice import FILTER_QUESTION, RunChoice
from icereco.tui.runs.run_control import RunControl
from icereco.tui.runs.run_list import RunList
from icereco.tui.settings import Settings
from icereco.tui.themes import background, curve_color, ink
from icereco.watch.follower import Follower
from icereco.watch.metrics import MetricsFeed
from icereco.watch.run_filter import filter_problem, wanted_runs
from icereco.watch.runs import RunView
from icereco.watch.system import SystemView

__all__ = ["KEYS", "TrainScreen"]

REMEMBER_SECONDS = 2.0
"""What is shown is kept so often for the next session, which a killed terminal does not announce."""


class TrainScreen(ChartedScreen):
    """Shows the runs of a folder: states, curves, logs, settings and the load of the machine."""

    BINDINGS = bindings(KEYS)
    KEYS = KEYS

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        self.feed = MetricsFeed()
        self.overlaid: list[Path] = []
        self.badges = Badges()
        self.colored = "NO_COLOR" not in os.environ
        self.wanted = ""
        self._wanted_run = settings.run
        self._follower = Follower(self.feed.look, lambda followed: self.post_message(MetricsSeen(followed)))

    def compose(self) -> ComposeResult:
        """Show runs and machine on the left, charts, progress and log on the right."""
        yield ModeBar()
        with Horizontal():
            with Vertical(id="side"):
                yield RunList(id="runs")
                yield Gauges(id="gauges")
                yield DifferenceCard(id="differences")
            with Vertical(id="main"):
                yield Static(WELCOME.format(runs=self.settings.runs), id="welcome")
                yield Static("no metrics yet: curves begin with the first line of them", id="bare")
                yield ChartGrid(self.settings.marker, id="charts")
                yield ReadingCard(id="readings")
                yield ProgressCard(id="progress")
                yield LogView(id="log")
        yield KeyBar()

    def on_mount(self) -> None:
        """Name the parts, and follow the app's feeds."""
        for name, title in (("runs", "runs"), ("gauges", "machine"), ("progress", "progress"), ("log", "log"),
                            ("differences", "diff to baseline"), ("readings", "at the cursor")):  # fmt: skip
            self.query_one(f"#{name}").border_title = title
        self.list = self.query_one(RunList)
        self.list.focus()
        self.control = RunControl(self, self.settings)
        self.list.baseline = restore(self, host_of(self).memory.table("runs"), self.settings.runs)
        self._show_filter()
        self._follower.start()
        self._timer = self.set_interval(0.5, self._follower.poke)
        self.set_interval(REMEMBER_SECONDS, self.remember)
        self.watch(self.app, "runs", self._take_runs)
        self.watch(self.app, "system", self._take_system)
        self.watch(self.app, "theme", self._theme_changed, init=False)

    def _theme_changed(self) -> None:
        self.call_after_refresh(self._recolor)

    def _recolor(self) -> None:
        self._mark_runs()
        self.draw()

    def on_unmount(self) -> None:
        """End the thread that follows metrics, and remember what is shown."""
        self._follower.stop()
        self.remember()

    def restore_runs(self, table: Mapping[str, Any]) -> None:
        """Look at runs as it was remembered."""
        self.list.baseline = restore(self, table, self.settings.runs)
        self._show_filter()
        self._take_runs(host_of(self).runs)
        self._follow()

    def remember(self) -> None:
        """Remember how runs are looked at."""
        host_of(self).memory.keep("runs", state_of(self))

    def on_screen_suspend(self) -> None:
        """Stop following metrics while the screen is hidden."""
        self._timer.pause()

    def on_screen_resume(self) -> None:
        """Follow metrics again."""
        self._timer.resume()
        self._follower.poke()

    # What the feeds bring

    def _take_runs(self, runs: tuple[RunView, ...]) -> None:
        self.list.runs = wanted_runs(runs, self.wanted)
        self.set_class(not runs, "-empty")
        if self._wanted_run is not None and self.list.go_to(self._wanted_run):
            self._wanted_run = None
        if runs:  # before they have been read for the first time there are none
            self.overlaid = [path for path in self.overlaid if any(run.path == path for run in runs)]
        self._show_run(self.list.current)

    def _take_system(self, system: SystemView | None) -> None:
        self.query_one(Gauges).system = system

    @on(RunList.Moved)
    def _moved(self, event: RunList.Moved) -> None:
        self.zoomed = False
        self.view = replace(self.view, cursor=None)
        self._show_run(event.run)
        self._follow()

    def _show_run(self, run: RunView | None) -> None:
        self.query_one(ProgressCard).run = run
        self.query_one(Gauges).load = load_of(run, host_of(self).system)
        baseline = next((view for view in host_of(self).runs if view.path == self.list.baseline), None)
        self.query_one(DifferenceCard).pair = (run, baseline)

    def _follow(self) -> None:
        """Follow the runs on the charts, and draw what has been read of them."""
        paths = self._paths()
        self.feed.follow(paths)
        self.list.overlaid = frozenset(self.overlaid)
        self._mark_runs()
        self._follower.poke()
        self.draw()

    def _mark_runs(self) -> None:
        """Show in the list which runs are on the charts, by the letters and colours of their curves."""
        badges, under = self.badges.of(self._paths()), background(self.list)
        self.list.curve_marks = {
            path: (badge.letter, curve_color(badge.color, under))
            for path, badge in badges.items()
            if len(badges) > 1
        }

    def _paths(self) -> list[Path]:
        """The run under the cursor, the baseline, and those that are overlaid."""
        current = [self.list.current.path] if self.list.current else []
        pinned = [self.list.baseline] if self.list.baseline else []
        return list(dict.fromkeys([*current, *pinned, *self.overlaid]))

    @on(MetricsSeen)
    def _metrics_seen(self, event: MetricsSeen) -> None:
        if event.followed.more:
            self._follower.poke()
        self.draw()

    # Drawing

    @property
    def overlay(self) -> Overlay:
        """The runs that are shown, as far as they have been read."""
        badges = self.badges.of(self._paths())
        saved = {run.path: run.status.saved_step for run in self.list.runs if run.status}
        runs = [
            Shown(path, self.feed.series(path), badge, saved.get(path), self.feed.reference(path))
            for path, badge in badges.items()
        ]
        return Overlay(runs, self.axis, self.figures, colored=self.colored)

    @on(ChartGrid.Reshaped)
    def draw(self) -> None:
        """Draw the runs that are shown, as far as they have been read."""
        if not self.is_current and self.app.screen_stack[0] is not self:
            return
        overlay, grid = self.overlay, self.query_one(ChartGrid)
        if overlay.runs and not self.feed.is_read(overlay.runs[0].path):
            grid.clear()
            return
        panels = overlay.panels()
        if not self.zoomed:
            first, last = overlay.whole()
            self.view = replace(self.view, first=first, last=last)
        grid.count = len(panels)
        self.set_class(bool(overlay.runs) and not panels, "-bare")
        under = background(grid)
        signs = overlay.signs(ink(self.app, under).text, under)
        shown = [
            Charted(overlay.title(panel), overlay.curves(panel, under), overlay.levels(panel, under), signs)
            for panel in (panels[number] for number in grid.shown)
        ]
        grid.show(shown, self.view, overlay.unit)
        self._draw_readings(grid, overlay)
        self._draw_titles(grid, overlay)
        self._draw_log(overlay.runs)

    def _draw_readings(self, grid: ChartGrid, overlay: Overlay) -> None:
        """Show what several runs have at the cursor; the charts of one run have room for that below them."""
        card, reads = self.query_one(ReadingCard), not overlay.alone and self.view.cursor is not None
        self.set_class(reads, "-reading")
        if reads:
            panels, under = overlay.panels(), background(card)
            card.unit = overlay.unit
            card.readings = tuple(readings_of(overlay, panels, self.view, grid.chart_columns, under))

    def _draw_titles(self, grid: ChartGrid, overlay: Overlay) -> None:
        facts = [f"charts {grid.page + 1}/{grid.pages} \\[ ]"] if grid.pages > 1 else []
        facts += facts_of(self.view, zoomed=self.zoomed)
        if damaged := sum(run.series.damaged for run in overlay.runs):
            facts.append(f"{damaged} damaged lines left out")
        self.query_one(ProgressCard).border_subtitle = " · ".join(facts)
        # In a low terminal the readings take the place of the progress.
        self.query_one(ReadingCard).border_subtitle = " · ".join(facts) if self.has_class("-low") else ""

    def _draw_log(self, runs: Sequence[Shown]) -> None:
        log = self.feed.log(runs[0].path) if runs else None
        self.query_one(LogView).show(
            log.lines if log else [], runs[0].step_at if runs else lambda _time: None
        )

    # Keys: runs

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether an action is allowed and possible now."""
        del parameters
        return may(self, action) and (action != "page" or self.query_one(ChartGrid).pages > 1)

    def action_move(self, rows: int) -> None:
        """Select another run."""
        self.list.cursor += rows

    def go_to_run(self, path: Path) -> None:
        """Put the cursor on a run, now or as soon as it exists."""
        self._wanted_run = None if self.list.go_to(path) else path

    def action_overlay(self) -> None:
        """Keep this run on the charts wherever the cursor goes, or no longer."""
        if (run := self.list.current) is not None:
            self.overlaid = [p for p in self.overlaid if p != run.path] + [run.path] * (
                run.path not in self.overlaid
            )
            self._follow()

    def action_baseline(self) -> None:
        """Make this run the baseline of comparisons, or no longer."""
        if (run := self.list.current) is not None:
            self.list.baseline = None if self.list.baseline == run.path else run.path
            self._show_run(run)
            self._follow()

    @property
    def current(self) -> RunView | None:
        """The run under the cursor."""
        return self.list.current

    def action_differences(self) -> None:
        """Show the settings that differ among the runs on the charts."""
        runs = [run for path in self._paths() for run in host_of(self).runs if run.path == path]
        self.app.push_screen(DifferencesScreen(runs))

    @work(group="questions")
    async def action_filter_runs(self) -> None:
        """Ask for words, tags and conditions on settings, and list only the runs that fulfil them."""
        problem = partial(filter_problem, host_of(self).runs)
        question = AskScreen(FILTER_QUESTION, self.wanted, problem)
        wanted = await self.app.push_screen_wait(question)
        if wanted is not None:
            self._filter(wanted)

    def _filter(self, wanted: str) -> None:
        self.wanted = wanted
        self._show_filter()
        self._take_runs(host_of(self).runs)

    def _show_filter(self) -> None:
        self.list.border_title = f"runs: {self.wanted}" if self.wanted else "runs"

    @property
    def choice(self) -> RunChoice:
        """The runs that are looked at."""
        current = self.list.current.path if self.list.current else None
        return RunChoice(current, tuple(self.overlaid), self.list.baseline, self.wanted)

    def take_choice(self, choice: RunChoice | None) -> None:
        """Look at other runs."""
        if choice is None:
            return
        self.overlaid, self.list.baseline = list(choice.overlaid), choice.baseline
        self._filter(choice.wanted)
        if choice.current is not None:
            self.go_to_run(choice.current)
        self._show_run(self.list.current)
        self._follow()

    def action_table(self) -> None:
        """Show all runs as a table."""
        from icereco.tui.runs.table_screen import RunTableScreen  # draws sweeps, which a start has no need of

        self.app.push_screen(RunTableScreen(self.choice, self.settings.marker), self.take_choice)

    def action_events(self) -> None:
        """Show the validation events of this run."""
        if (run := self.list.current) is None:
            return
        if run.folder.validation.is_file():
            host_of(self).open_events(run.path)
        else:
            self.notify("it has no events yet: they come with its first validation", title=run.name)

    @work(group="questions")
    async def action_new(self) -> None:
        """Open the form for a new training."""
        name = await self.app.push_screen_wait(LaunchScreen(self.settings.runs))
        if name is not None:
            self.go_to_run(self.settings.runs / name)

    async def action_order(self, order: Order) -> None:
        """Stop, pause, resume or checkpoint the run under the cursor."""
        if (run := self.list.current) is not None:
            self.control.order(run, order)

    def action_delete(self) -> None:
        """Delete the run under the cursor."""
        if (run := self.list.current) is not None:
            self.control.delete(run)

    # Keys: log

    @work(group="questions")
    async def action_filter_log(self) -> None:
        """Ask for a text, and show only the lines that contain it."""
        log = self.query_one(LogView)
        wanted = await self.app.push_screen_wait(AskScreen("show only lines with", log.wanted))
        if wanted is not None:
            log.wanted = wanted

    @work(group="questions")
    async def action_go_to_step(self) -> None:
        """Ask for a step, and go there in the log and on the charts."""
        text = await self.app.push_screen_wait(AskScreen("go to step", problem=step_problem))
        if text is None or (run := self.list.current) is None:
            return
        series = self.feed.series(run.path)
        index = int(np.searchsorted(series.positions("step"), int(text)))
        if index >= series.rows:
            self.notify(
                f"the last step with metrics is {int(series.positions('step')[-1]):,}"
                if series.rows
                else "no metrics yet"
            )
            return
        self.query_one(LogView).go_to(float(series.positions("time")[index]))
        if self.axis == "step":
            self.look(cursor=float(text))

    def action_large_log(self) -> None:
        """Show the log instead of the charts, or both."""
        self.toggle_class("-large-log")
