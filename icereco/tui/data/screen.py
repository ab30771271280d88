"""Detectors, the user's data sets, and files of events."""

import shlex
from collections.abc import Iterator
from pathlib import Path

from rich.table import Table
from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.widgets import DataTable, Static

from icereco.data.catalog import DEFAULT_DETECTOR
from icereco.detector.detector import Detector, detector_names, load_detector
from icereco.errors import IcerecoError
from icereco.tui.common.fit_table import FitTable
from icereco.tui.common.key_bar import KeyBar
from icereco.tui.common.mode_bar import ModeBar
from icereco.tui.data.detector_view import DetectorView
from icereco.tui.host import host_of
from icereco.tui.keys import Key, bindings
from icereco.tui.messages import FilesSeen
from icereco.tui.settings import Settings
from icereco.watch.files import FileView, event_files, kept_events, named_data

__all__ = ["KEYS", "DataScreen"]

_HOW_TO_ADD = "to name events: icereco data add NAME PATH   to forget: data remove NAME"

KEYS: tuple[Key, ...] = (
    Key("v", "open", "Look at its events", "Data", shown=True),
    Key("R", "search", "Search again", "Data", shown=True),
)


class DataScreen(Screen[None]):
    """A table of data sets, files and detectors, and facts about the one under the cursor."""

    BINDINGS = bindings(KEYS)
    KEYS = KEYS

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        self.rows: list[str | FileView] = []
        self._report = False  # whether the user has asked for the search

    def compose(self) -> ComposeResult:
        """Show the table on the left, and what is under its cursor on the right."""
        yield ModeBar()
        with Horizontal():
            yield FitTable(("name", "what", "events"), giving=("name",), id="data")
            with Vertical(id="details"):
                yield Static(id="about")
                yield DetectorView(self.settings.marker, id="detector")
        yield Static(_HOW_TO_ADD, id="how", markup=False)
        yield KeyBar()

    def on_mount(self) -> None:
        """Search for data sets, files and detectors."""
        table = self.query_one(FitTable)
        table.border_title = "data sets, files, detectors"
        table.focus()
        self.search()

    def action_search(self) -> None:
        """Search again, and report what there is."""
        self._report = True
        self.search()

    @work(thread=True, group="search", exclusive=True)
    def search(self) -> None:
        """Search the settings file, the working directory and the cache of simulated events."""
        files = (*event_files(Path()), *kept_events())
        try:
            self.post_message(FilesSeen(tuple(named_data()), files))
        except IcerecoError as error:
            self.post_message(FilesSeen((), files, str(error)))

    @on(FilesSeen)
    def _list_files(self, event: FilesSeen) -> None:
        table = self.query_one(FitTable)
        self.rows = [*event.named, *event.files, *detector_names()]
        table.fill([_cells(row) for row in self.rows])
        kept = sum(file.kept for file in event.files)
        counts = {"data sets": len(event.named), "files here": len(event.files) - kept, "kept": kept}
        summary = " · ".join(f"{name}: {count}" for name, count in counts.items())
        table.border_subtitle = summary
        if self._report:
            self.notify(summary, title="searched again")
            self._report = False
        self.query_one("#how", Static).update(event.problem or _HOW_TO_ADD)
        self._show()

    @property
    def current(self) -> str | FileView | None:
        """The name of a detector, or a file."""
        row = self.query_one(FitTable).cursor_row
        return self.rows[row] if 0 <= row < len(self.rows) else None

    @on(DataTable.RowHighlighted)
    def _show(self) -> None:
        row, about, view = self.current, self.query_one("#about", Static), self.query_one(DetectorView)
        if isinstance(row, FileView):
            self.query_one("#details").border_title = row.data.label if row.data else row.path.name
            about.update(_about_file(row))
            view.show(None)
        elif row is not None:
            self.query_one("#details").border_title = row
            try:
                detector = load_detector(row)
            except IcerecoError as error:
                about.update(Text(str(error)))
                view.show(None)
                return
            about.update(_about_detector(detector))
            view.show(detector)

    @on(DataTable.RowSelected)
    def action_open(self) -> None:
        """Open the data set or file under the cursor on the event screen."""
        if isinstance(row := self.current, FileView):
            if row.problem:
                self.notify(row.problem, severity="error", markup=False)
            else:
                host_of(self).open_events(row.data.label if row.data else row.path)


def _cells(row: str | FileView) -> tuple[Text, Text, Text]:
    if isinstance(row, str):
        return Text(row, style="bold"), Text("detector"), Text("")
    events = "" if row.events is None else f"{row.events:,}"
    if row.data is not None:
        return Text(row.data.label, style="bold"), Text("data set"), Text(events or "!", justify="right")
    if row.kept:
        # The rest of its name distinguishes cached files, and is shown next to the table.
        return (
            Text(row.path.stem.rpartition("-")[0], style="bold"),
            Text("simulated"),
            Text(events, justify="right"),
        )
    what = "output" if row.content.startswith("reconstructions") else row.content
    name = str(Path(*row.path.parts[-2:]))
    return Text(name, style="bold"), Text(what), Text(events, justify="right")


def _about_file(file: FileView) -> Table:
    grid = Table.grid(padding=(0, 2))
    for name, value in _facts_of_file(file):
        grid.add_row(Text(name, style="dim"), Text(value, overflow="fold"))
    return grid


def _facts_of_file(file: FileView) -> Iterator[tuple[str, str]]:
    yield "path", str(file.path)
    if file.data is not None:
        yield "detector", file.data.detector or f"not declared ({DEFAULT_DETECTOR})"
        yield "split", file.data.split.short if file.data.split else "not declared"
    if file.problem:
        yield "problem", file.problem
        return
    yield "content", "simulated for a training, reused by the next" if file.kept else file.content
    if file.events is not None:
        yield "events", f"{file.events:,}"
    yield "size", _size(file.size_bytes)
    if not file.content.startswith("reconstructions"):
        name = shlex.quote(file.data.label if file.data else str(file.path))
        yield "train", f"icereco train --data {name}"
        yield "reconstruct", f"icereco reconstruct {name}"
        if file.data is None:
            yield "name it", f"icereco data add NAME {name}"
    else:
        yield "measure", f"icereco evaluate {file.path}"


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB" if count >= 1e6 else f"{count / 1e3:,.1f} kB"


def _about_detector(detector: Detector) -> Table:
    grid = Table.grid(padding=(0, 2))
    low, high = detector.position_m.min(0), detector.position_m.max(0)
    grid.add_row("sensors", f"{len(detector.position_m):,} ({int((~detector.alive).sum()):,} dead)")
    grid.add_row("strings", f"{len(set(detector.string.tolist())):,}")
    for axis, name in enumerate("xyz"):
        grid.add_row(name, f"{low[axis]:.0f} … {high[axis]:.0f} m")
    noise = (
        "not known" if detector.noise_rate_hz is None else f"{detector.noise_rate_hz.mean():,.0f} Hz a sensor"
    )
    grid.add_row("noise", noise)
    return grid
