"""All runs as a table: sorted, grouped by sweep, filtered by settings, compared on the same events."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.screen import Screen
from textual.widgets import Static

from icereco.draw.sweep import Sweep
from icereco.errors import IcerecoError
from icereco.runs.folder import RunFolder
from icereco.tui.common.ask import AskScreen
from icereco.tui.common.key_bar import KeyBar
from icereco.tui.common.mode_bar import ModeBar
from icereco.tui.common.row_table import TABLE_KEYS, RowTable
from icereco.tui.host import host_of
from icereco.tui.keys import Key, bindings
from icereco.tui.runs.comparison import Compared, compared_with_first, table_of
from icereco.tui.runs.run_choice import FILTER_QUESTION, RunChoice
from icereco.tui.runs.run_rows import RunRow, Sorting, columns_of, rows_of, sorted_rows
from icereco.tui.runs.sweep_card import SweepCard, sweep_of
from icereco.tui.themes import themed
from icereco.watch.run_filter import filter_problem, wanted_runs

__all__ = ["RUN_TABLE_KEYS", "RunTableScreen"]

RUN_TABLE_KEYS: tuple[Key, ...] = (
    Key("t,escape,1", "back", "Curves", "Table of runs", shown=True),
    Key("space", "select", "Select", "Table of runs", shown=True),
    Key("b", "baseline", "Baseline", "Table of runs", shown=True),
    Key("c", "compare", "Compare", "Table of runs", shown=True),
    Key("f", "filter", "Filter", "Table of runs", shown=True),
    Key("s", "sort(1)", "Sort by the next column", "Table of runs", shown=True, brief="Sort"),
    Key("S", "sort(-1)", "Sort by the column before", "Table of runs"),
    Key("o", "reverse", "Other order", "Table of runs", shown=True, brief="Order"),
    Key("m", "map", "Map of the sweep", "Table of runs", shown=True, brief="Map"),
    Key("g", "group", "Sweeps together", "Table of runs", shown=True, brief="Sweeps"),
)


ROOMY = 34
"""Rows of a terminal from which on the map of a sweep has room below the table."""


class _Table(RowTable):
    def action_choose(self) -> None:
        """Enter shows the curves; a click only moves the cursor."""
        assert isinstance(self.screen, RunTableScreen)
        self.screen.action_back()


class RunTableScreen(Screen[RunChoice]):
    """Shows a row for each run; returns which runs were chosen."""

    BINDINGS = bindings(RUN_TABLE_KEYS)
    KEYS = (*RUN_TABLE_KEYS, *TABLE_KEYS)

    def __init__(self, choice: RunChoice, marker: str = "braille") -> None:
        super().__init__()
        self.marker = marker
        self.choice = choice
        self.sorting = Sorting()
        self.rows: Sequence[RunRow] = ()
        self._columns: list[str] = []
        self._map: bool | None = None  # whether the user wants it; None = where there is room

    def compose(self) -> ComposeResult:
        """Show the table above the comparison."""
        yield ModeBar()
        yield _Table(empty="no runs", id="run-table")
        yield SweepCard(self.marker, id="sweep")
        with VerticalScroll(id="comparison"):
            yield Static()
        yield KeyBar()

    def on_mount(self) -> None:
        """Follow the runs and what has been read of them."""
        self.table = self.query_one(RowTable)
        self.sorting = Sorting.of(host_of(self).memory.table("table"))
        self.query_one("#comparison").border_title = "on the same events"
        self.query_one("#comparison").border_subtitle = "* = zero is outside the interval"
        self.watch(self.app, "runs", self._fill, init=False)
        self.watch(self.app, "overviews", self._fill, init=False)
        self._fill()

    @property
    def current(self) -> RunRow | None:
        """The row under the cursor."""
        return self.rows[self.table.cursor] if 0 <= self.table.cursor < len(self.rows) else None

    def _fill(self) -> None:
        host, choice = host_of(self), self._choice()
        runs = wanted_runs(host.runs, choice.wanted)
        signs = {
            run.path: "⚑" * (run.path == choice.baseline) + "◆" * (run.path in choice.overlaid)
            for run in runs
        }
        self.rows = sorted_rows(rows_of(runs, host.overviews.of, signs), self.sorting)
        columns = columns_of(self.rows, self.size.width - 3)
        self._columns = [column.name for column in columns if column.name != "sign"]
        place = next((n for n, row in enumerate(self.rows) if row.run.path == choice.current), 0)
        self.table.marked = self.sorting.column + ("▾" if self.sorting.descending else "▴")
        self.table.border_title = self._title(len(host.runs))
        self.table.border_subtitle = self._groups()
        values = [[row.values[column.name] for row in self.rows] for column in columns]
        self.table.fill(columns, values, place if self.rows else -1)
        self._show_sweep()

    @on(RowTable.Pointed)
    @on(RowTable.Chosen)
    def _show_sweep(self) -> None:
        """Show the settings of the sweep against its result, if there is one and it is wanted."""
        wanted = self.size.height >= ROOMY if self._map is None else self._map
        sweep, card = self._sweep() if wanted else None, self.query_one(SweepCard)
        card.display = sweep is not None
        self.table.styles.max_height = len(self.rows) + 4 if card.display else None
        card.show(sweep)
        if sweep is not None:
            card.border_title = f"{sweep.result} by {', '.join(sweep.settings)}"
            card.border_subtitle = "★ best · ‹ › under the cursor"

    def _sweep(self) -> Sweep | None:
        return sweep_of(self.rows, self.current, self.sorting.column)

    def on_resize(self) -> None:
        """Show the map of a sweep where there is room."""
        if self.is_mounted:
            self.call_after_refresh(self._show_sweep)

    def action_map(self) -> None:
        """Show the settings of the sweep under the cursor against its result, or no longer."""
        card = self.query_one(SweepCard)
        if self._sweep() is None:
            self.notify("no settings differ in a sweep: icereco sweep makes one")
            return
        self._map = not card.display
        self._show_sweep()

    def _title(self, every: int) -> str:
        part = f"{len(self.rows)} of {every}" if self.choice.wanted else f"{every}"
        return f"{part} runs" + (f": {self.choice.wanted}" if self.choice.wanted else "")

    def _groups(self) -> str:
        counts = {name: 0 for name in (row.sweep for row in self.rows) if name}
        for row in self.rows:
            if row.sweep:
                counts[row.sweep] += 1
        if not counts or not self.sorting.grouped:
            return ""
        return "sweeps: " + ", ".join(f"{name} ({count})" for name, count in counts.items())

    def _choice(self) -> RunChoice:
        """The choice with the run that is under the cursor now."""
        if (row := self.current) is not None:
            self.choice = replace(self.choice, current=row.run.path)
        return self.choice

    def _choose(self, choice: RunChoice) -> None:
        self.choice = choice
        self.query_one("#comparison").remove_class("-shown")
        self._fill()

    def action_back(self) -> None:
        """Return to the curves of the runs that are chosen."""
        self.dismiss(self._choice())

    def go_to_run(self, path: Path) -> None:
        """Return to the curves with the cursor on this run."""
        self.dismiss(replace(self._choice(), current=path))

    def action_select(self) -> None:
        """Keep this run on the charts, or no longer, and go to the next."""
        if (row := self.current) is not None:
            path, chosen = row.run.path, self.choice.overlaid
            now = tuple(p for p in chosen if p != path) if path in chosen else (*chosen, path)
            self._choose(replace(self._choice(), overlaid=now))
            self.table.move(1)

    def action_baseline(self) -> None:
        """Make this run the one that others are compared with, or no longer."""
        if (row := self.current) is not None:
            now = None if self.choice.baseline == row.run.path else row.run.path
            self._choose(replace(self._choice(), baseline=now))

    def action_sort(self, by: int) -> None:
        """Sort by another column."""
        place = self._columns.index(self.sorting.column) if self.sorting.column in self._columns else 0
        self._sort(self._columns[(place + by) % len(self._columns)])

    @on(RowTable.HeadClicked)
    def _head_clicked(self, event: RowTable.HeadClicked) -> None:
        if event.column == self.sorting.column:
            self.action_reverse()
        elif event.column in self._columns:
            self._sort(event.column)

    def _sort(self, column: str) -> None:
        self._take_sorting(replace(self.sorting, column=column, descending=False))

    def action_reverse(self) -> None:
        """Sort the other way round."""
        self._take_sorting(replace(self.sorting, descending=not self.sorting.descending))

    def action_group(self) -> None:
        """Keep the runs of a sweep together, or sort all runs as one list."""
        self._take_sorting(replace(self.sorting, grouped=not self.sorting.grouped))

    def _take_sorting(self, sorting: Sorting) -> None:
        self.sorting = sorting
        host_of(self).memory.keep("table", asdict(sorting))
        self._fill()

    @work(group="questions")
    async def action_filter(self) -> None:
        """Ask for words, tags and conditions on settings, and list only the runs that fulfil them."""
        problem = partial(filter_problem, host_of(self).runs)
        question = AskScreen(FILTER_QUESTION, self.choice.wanted, problem)
        wanted = await self.app.push_screen_wait(question)
        if wanted is not None:
            self._choose(replace(self._choice(), wanted=wanted))

    def action_compare(self) -> None:
        """Compare the chosen runs with the baseline, or else with the first that was chosen."""
        runs = self._choice().compared
        if len(runs) < 2:
            self.notify("select runs with space, or pin one with b: they are compared with it")
            return
        self._say(Text("comparing …", style="dim"))
        self._compare([RunFolder(path) for path in runs])

    @work(thread=True, exclusive=True, group="compare", exit_on_error=False)
    def _compare(self, runs: Sequence[RunFolder]) -> None:
        try:
            compared = compared_with_first(runs)
        except IcerecoError as error:
            self.app.call_from_thread(self._say, Text(str(error), style=themed(self.app, "error")))
            return
        self.app.call_from_thread(self._show, runs[0].name, compared)

    def _show(self, first: str, compared: Sequence[Compared]) -> None:
        colors = themed(self.app, "success"), themed(self.app, "error")
        self._say(table_of(first, compared, self.size.width, colors))

    def _say(self, content: object) -> None:
        if not self.is_attached:  # the user has left while the runs were compared
            return
        pane = self.query_one("#comparison")
        pane.add_class("-shown")
        pane.query_one(Static).update(content)  # type: ignore[arg-type]  # rich's renderables
