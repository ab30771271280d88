"""Detectors, the user's data sets, and files of events."""

from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import DataTable, Static

from icereco.data.catalog import DataSet, add, remove
from icereco.detector.detector import Detector, detector_names, load_detector
from icereco.errors import IcerecoError
from icereco.tui.common.ask import AskScreen, ConfirmScreen
from icereco.tui.common.dialogs import AskPath
from icereco.tui.common.fit_table import FitTable
from icereco.tui.common.key_bar import KeyBar
from icereco.tui.common.mode_bar import ModeBar
from icereco.tui.data.detector_view import DetectorView
from icereco.tui.data.facts import (
    HEADINGS,
    about_detector,
    about_file,
    about_findings,
    cells_of,
    drawn_detector,
)
from icereco.tui.data.histogram_card import HistogramCard
from icereco.tui.host import host_of, may
from icereco.tui.keys import Key, bindings
from icereco.tui.messages import DataSeen, FilesSeen
from icereco.tui.runs.launch_screen import LaunchScreen
from icereco.tui.settings import Settings
from icereco.tui.themes import themed
from icereco.watch.files import FileView, event_files, kept_events, named_data

if TYPE_CHECKING:
    from icereco.watch.data_look import DataLook

__all__ = ["KEYS", "DataScreen"]

_HOW_TO_ADD = "a names events; with a split or a reader: icereco data add NAME PATH"
ROOMY = (160, 54)
"""Columns and rows of a terminal from which on nothing has to share its place."""
_LOOK_AFTER = 0.3  # seconds on a row, so that moving through a list reads nothing

KEYS: tuple[Key, ...] = (
    Key("v", "open", "Look at its events", "Data", shown=True, brief="Events"),
    Key("n", "train", "Train with it", "Data", shown=True, brief="Train"),
    Key("d", "examine", "Examine (doctor)", "Data", shown=True, brief="Doctor"),
    Key("a", "add", "Add a data set", "Data", shown=True, brief="Add"),
    Key("D", "forget", "Forget its name", "Data", shown=True, brief="Forget"),
    Key("R", "search", "Search again", "Data", shown=True, brief="Search"),
)


class DataScreen(Screen[None]):
    """A table of data sets, files and detectors, and what is known of the one under the cursor."""

    BINDINGS = bindings(KEYS)
    KEYS = KEYS

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        self.rows: list[str | FileView] = []
        self._report = False  # whether the user has asked for the search
        self._looks: dict[Path, DataLook] = {}
        self._look_soon: Timer | None = None

    def compose(self) -> ComposeResult:
        """Show the table on the left, and what is under its cursor on the right."""
        yield ModeBar()
        with Horizontal():
            with Vertical(id="data-list"):
                yield FitTable(HEADINGS, giving=("size", "detector", "name"), id="data")
                yield DetectorView(self.settings.marker, id="site")
            with Vertical(id="details"):
                yield Static(id="about")
                yield DetectorView(self.settings.marker, id="detector")
                yield Static(id="drawn", markup=False)
                yield HistogramCard(self.settings.marker, id="histograms")
                with VerticalScroll(id="findings"):
                    yield Static(id="found")
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
        self._looks.clear()
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
        table.fill([cells_of(row) for row in self.rows])
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

    @property
    def _low(self) -> bool:
        """Whether there is little room below each other."""
        return self.size.height < 34

    @property
    def _roomy(self) -> bool:
        """Whether the detector has a place of its own, below the table."""
        return self.size.width >= ROOMY[0] and self.size.height >= ROOMY[1]

    @property
    def events(self) -> FileView | None:
        """The data set or file of events under the cursor; None for detectors, outputs, and what cannot be read."""
        row = self.current
        readable = (
            isinstance(row, FileView) and not row.problem and not row.content.startswith("reconstructions")
        )
        return row if readable and isinstance(row, FileView) else None

    @on(DataTable.RowHighlighted)
    def _show(self) -> None:
        row, about = self.current, self.query_one("#about", Static)
        self.query_one("#details").border_title = (
            row.data.label
            if isinstance(row, FileView) and row.data
            else (row.path.name if isinstance(row, FileView) else row or "")
        )
        detector = None
        if isinstance(row, FileView):
            about.update(about_file(row, brief=self._low or self.size.width < 100))
        elif row is not None:
            try:
                detector = load_detector(row)
                about.update(about_detector(detector))
            except IcerecoError as error:
                about.update(Text(str(error)))
        self._show_detector(detector)
        self._show_look()
        self.refresh_bindings()
        if self._look_soon is not None:
            self._look_soon.stop()
        self._look_soon = self.set_timer(_LOOK_AFTER, self._look)

    def _show_detector(self, detector: Detector | None) -> None:
        """Show a detector that was chosen: below the table and in numbers, or where there is little room as a drawing."""
        view, drawn = self.query_one("#detector", DetectorView), self.query_one("#drawn", Static)
        view.show(None if self._roomy else detector)
        view.display = detector is not None and not self._roomy
        drawn.display = detector is not None and self._roomy
        if detector is not None and self._roomy:
            room, taken = self.query_one("#details").size, 8  # lines of facts
            ascii_only = self.settings.marker == "ascii"
            drawn.update(
                drawn_detector(detector, min(room.width, 88), room.height - taken, ascii_only=ascii_only)
            )
        self._show_site(detector)

    def _show_site(self, detector: Detector | None) -> None:
        """Draw a detector below the table, if there is one and room for it."""
        site = self.query_one("#site", DetectorView)
        site.show(detector)
        site.border_title = detector.name if detector else ""
        site.display = detector is not None and self._roomy

    def on_resize(self) -> None:
        """Say more or less, as there is room."""
        self.call_after_refresh(self._show)

    # What the events are like

    def _look(self) -> None:
        row = self.current
        if not isinstance(row, FileView) or row.problem or row.path in self._looks:
            return
        self.look_into(row.data or DataSet(path=row.path), thoroughly=False, output=self.events is None)

    @work(thread=True, group="look", exclusive=True)
    def look_into(self, data: DataSet, *, thoroughly: bool, output: bool = False) -> None:
        """Read some of the events, and with the doctor's eyes if that was asked for; or reconstructions."""
        from icereco.watch.data_look import look_into, look_into_output

        look = look_into_output(data.path) if output else look_into(data, thoroughly=thoroughly)
        self.post_message(DataSeen(look))

    @on(DataSeen)
    def _seen(self, event: DataSeen) -> None:
        self._looks[event.look.place] = event.look
        self._show_look()

    def _show_look(self) -> None:
        row, card, box = self.current, self.query_one(HistogramCard), self.query_one("#findings")
        look = self._looks.get(row.path) if isinstance(row, FileView) else None
        box.display = look is not None and (look.findings is not None or look.problem is not None)
        card.display = look is not None and bool(look.histograms) and not (box.display and self._low)
        card.show(look.histograms if look else ())
        if look is None:
            return
        self._show_site(look.detector)
        part = f"{look.events:,} of {look.total:,}" if look.events < look.total else f"{look.total:,}"
        card.border_title = f"{part} event{'s' * (look.total != 1)}"
        colors = {name: themed(self.app, name) for name in ("error", "warning", "success")}
        found = about_findings(look.findings or (), colors)
        self.query_one("#found", Static).update(found if not look.problem else Text(look.problem))
        box.border_title = (
            "what the doctor finds" if look.findings is not None else "not all events can be read"
        )

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether an action is allowed."""
        del parameters
        return may(self, action)

    @on(DataTable.RowSelected)
    def action_open(self) -> None:
        """Open the data set or file under the cursor on the event screen."""
        if isinstance(row := self.current, FileView):
            if row.problem:
                self.notify(row.problem, severity="error", markup=False)
            else:
                host_of(self).open_events(row.data.label if row.data else row.path)

    def action_train(self) -> None:
        """Open the form for a new training with the events under the cursor."""
        file = self.events
        data = "" if file is None else file.data.label if file.data else str(file.path)
        self.app.push_screen(LaunchScreen(self.settings.runs, data=data))

    def action_examine(self) -> None:
        """Let the doctor examine the events under the cursor."""
        if (file := self.events) is None:
            self.notify("the doctor examines events: put the cursor on a data set or a file of events")
            return
        self.notify("reads events from all over the data …", title="doctor", timeout=3)
        self.look_into(file.data or DataSet(path=file.path), thoroughly=True)

    @work(group="questions")
    async def action_add(self) -> None:
        """Ask for a name for the events under the cursor, or else for their path first."""
        file = self.events
        if file is not None and file.data is None:
            path = file.path
        else:
            chosen = await self.app.push_screen_wait(AskPath("name events", "a file or folder of events"))
            if chosen is None:
                return
            path = Path(chosen)
        name = await self.app.push_screen_wait(AskScreen(f"name for {path.name}", path.stem.split(".")[0]))
        if name is None:
            return
        try:
            data = DataSet(name=name, path=path.resolve())
            data.open()
            add(data)
        except IcerecoError as error:
            self.notify(str(error), severity="error", markup=False)
            return
        self.notify(f"{name} is {path}", title="added", markup=False)
        self.search()

    @work(group="questions")
    async def action_forget(self) -> None:
        """Ask, then forget the name of the data set under the cursor."""
        row = self.current
        if not isinstance(row, FileView) or row.data is None or row.data.name is None:
            self.notify("only the name of a data set can be forgotten")
            return
        name = row.data.name
        if not await self.app.push_screen_wait(
            ConfirmScreen(f"forget {name}?", "Its files stay where they are.")
        ):
            return
        try:
            remove(name)
        except IcerecoError as error:
            self.notify(str(error), severity="error", markup=False)
        self.search()
