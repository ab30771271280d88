"""The event screen: events, their reconstructions, and the detector that recorded them."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from textual import on, work
from textual.app import ComposeResult
from textual.widgets import Static

from icereco.detector.detector import Detector
from icereco.draw.event.state import MOST_LINES, after
from icereco.draw.event.titles import titles_of
from icereco.errors import IcerecoError
from icereco.reconstruction.methods import comparison_methods
from icereco.runs.folder import runs_dir
from icereco.trained.library import Library
from icereco.tui.common.dialogs import AskPath, Choose
from icereco.tui.common.list_panel import ListPanel
from icereco.tui.events.event_body import EventBody
from icereco.tui.events.event_list import EventList
from icereco.tui.events.files import event_picture, models_to_use, save_event, weights_of
from icereco.tui.events.keys import EVENT_KEYS, SCREEN_KEYS
from icereco.tui.events.likelihood_screen import LikelihoodScreen
from icereco.tui.events.messages import Answered, DataSeen
from icereco.tui.events.welcome import Welcome
from icereco.tui.host import may
from icereco.tui.keys import bindings
from icereco.watch.event_session import EventSession
from icereco.watch.opening import names_known
from icereco.watch.worker import Workers

__all__ = ["EVENT_KEYS", "EventScreen"]

_POLL_SECONDS, _LIST_SECONDS = 2.0, 0.3
_OF_EVENTS = frozenset({"next_event", "filter", "sort", "toggle_list", "add", "reconstruct", "next_method",
                         "next_cards", "picture", "go_to_event", "export", "scatter", "kept_filters", "scan"})  # fmt: skip
"""Actions that need events."""


class EventScreen(LikelihoodScreen):
    """The events of one data set, one of them drawn.

    Attributes:
        session: the data set that is open.
        reconstructors: the runs and trained models that reconstruct each event that is shown.
    """

    KEYS = EVENT_KEYS
    BINDINGS = bindings(SCREEN_KEYS)

    def __init__(
        self,
        what: str | Path | None = None,
        reconstructions: Sequence[Path] = (),
        detector: Detector | None = None,
        runs: Path | None = None,
        marker: str = "braille",
        reader: str | None = None,
    ) -> None:
        """Create the screen; nothing is read before it is shown.

        Args:
            what: a data set (text may be its name), an output of `icereco reconstruct`, or a run; None = to be chosen.
            reconstructions: further files of reconstructions of the events.
            detector: the detector that recorded the events; None = as the data say, or IceCube's.
            runs: the folder of runs.
            marker: how dots are drawn.
            reader: what reads `what`, maybe with options; None = as declared, or detected automatically.
        """
        super().__init__()
        self.runs = runs or runs_dir()
        self.session = EventSession(detector, comparison_methods(), self._data_changed)
        self.reconstructors = Workers(lambda answer: self.post_message(Answered(answer)))
        self._wanted, self._beside, self._reader = what, tuple(reconstructions), reader
        self._readable = what  # by that reader
        self._marker = marker
        self._next_list, self._list_due = 0.0, False
        self._generation = (0, 0)
        self._complaint: str | None = None

    def compose(self) -> ComposeResult:
        """Show problems, then a welcome or the event."""
        yield Static(id="problem", markup=False)
        yield Welcome()
        yield EventBody(self.session.detector, self._marker)

    @property
    def body(self) -> EventBody:
        """The part of the screen that shows the event."""
        return self.query_one(EventBody)

    def on_mount(self) -> None:
        """Open what the screen was created with, or show the welcome."""
        self.set_interval(_POLL_SECONDS, self._poll)
        if self._wanted is not None:
            self.open(self._wanted, self._beside)
        else:
            self._show_welcome()

    def on_unmount(self) -> None:
        """Stop reading, and end the processes that reconstruct."""
        self.session.close()
        self.reconstructors.close()
        self.end_processes()

    def on_screen_suspend(self) -> None:
        """Stop the animations while the screen is hidden."""
        self.body.rest(resting=True)

    def on_screen_resume(self) -> None:
        """Resume the animations."""
        self.body.rest(resting=False)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether an action is possible now: without events many are not."""
        del parameters
        if not may(self, action):
            return False
        if action == "next_method":
            return len(self.body.state.estimates) > 1
        return action not in _OF_EVENTS or (self.is_attached and not self.query_one(Welcome).display)

    # What is open

    def open(self, what: str | Path, beside: Sequence[Path] = ()) -> None:
        """Show the events of a data set, an output or a run; what is wrong with it is shown on the screen."""
        self._wanted, self._beside = what, tuple(beside)
        if not self.query("#pulses"):  # it is opened as soon as there are widgets to show it
            return
        try:
            self.session.open(what, beside, self._reader if what == self._readable else None)
        except IcerecoError as error:
            self.complain(str(error))
        else:
            self.complain(None)
            self.body.take(self.session.detector)
            self.query_one(ListPanel).clear_filter()
        self._show_welcome()

    @property
    def _empty(self) -> bool:
        """Whether nothing is open, or nothing that could be read."""
        return self.session.opened is None or bool(self.session.problem and not self.session.total)

    def _show_welcome(self) -> None:
        welcome = self.query_one(Welcome)
        welcome.display, self.body.display = self._empty, not self._empty
        if self._empty:
            welcome.list_files(Path(), self.runs)
            self.set_focus(welcome.files if welcome.files.display else None)
        else:
            self.query_one("#view").focus()
        self.refresh_bindings()

    @on(Welcome.Opened)
    def _open_chosen(self, event: Welcome.Opened) -> None:
        self.open(event.path)

    def _data_changed(self) -> None:
        """Called from the thread that reads."""
        self.post_message(DataSeen())

    def on_data_seen(self) -> None:
        """List what has been read, a few times a second at most."""
        wait = self._next_list - time.monotonic()
        if self.session.reading and self._generation[1] and wait > 0:
            if not self._list_due:
                self._list_due = True
                self.set_timer(wait, self._list_events)
        else:
            self._list_events()

    def _list_events(self) -> None:
        began, self._list_due = time.monotonic(), False
        try:
            self.session.refresh()
        except IcerecoError as error:
            self.complain(str(error))
        if self.session.generation != self._generation:
            self._find_again()
        self.show_list()
        if self._empty != self.query_one(Welcome).display:
            self._show_welcome()
        # Showing a list takes at most a tenth of the time, however long the list is.
        now = time.monotonic()
        self._next_list = now + max(_LIST_SECONDS, 10 * (now - began))

    def _find_again(self) -> None:
        """Show the event that was shown before the data were read again, or the first one."""
        shown = self.body.state.shown
        if self.session.generation > (self._generation[0], 1) and shown is not None:
            self.notify(f"{self.session.title} was replaced, and is read again")
        self._generation = self.session.generation
        row = self.session.row_of(None if shown is None else shown.event_id)
        if row is not None:
            self.show_row(row)

    def show_list(self) -> None:
        """Show the list as the session has it now; the first event, if none is shown yet."""
        shown = self.body.state.shown
        if shown is None and len(self.session.listed):
            self.show_row(int(self.session.listed["row"][0]))
            shown = self.body.state.shown
        self.query_one(ListPanel).show_session(self.session, None if shown is None else shown.row)
        self._show_problems()
        self.show_titles()

    def _poll(self) -> None:
        """Read changed files of reconstructions; open a run that has validated for the first time."""
        if (
            self.session.opened is None
            and self._wanted is not None
            and Path(self._wanted, "status.json").is_file()
        ):
            self.open(self._wanted, self._beside)
        elif self.session.poll():
            self._list_events()
            self._show_estimates()

    def complain(self, problem: str | None) -> None:
        """Show a problem; None = there is none."""
        self._complaint = problem
        self._show_problems()

    def _show_problems(self) -> None:
        problems = [self._complaint, self.session.problem, *self.session.problems]
        text = "\n".join(dict.fromkeys(problem for problem in problems if problem))
        widget = self.query_one("#problem", Static)
        widget.update(text)
        widget.set_class(bool(text), "-shown")

    def show_titles(self) -> None:
        """Write the titles in the frames."""
        session, busy = self.session, self.reconstructors.names
        titles = titles_of(
            self.body.state, session.title, session.detector, reading=session.reading, busy=busy
        )
        self.body.title(titles | self.titles_of_scan(titles))

    # The event that is shown

    def show_row(self, row: int) -> None:
        """Show an event by its row in the file."""
        try:
            shown, estimates = self.session.shown(row)
        except IcerecoError as error:
            self.complain(str(error))
            return
        self.complain(None)
        self.body.state = self.body.state.showing(shown, estimates)
        self.show_scan()
        self.refresh_bindings()  # there may be other methods to choose from
        self._ask()

    def _show_estimates(self) -> None:
        state = self.body.state
        if state.shown is not None:
            self.body.state = replace(state, estimates=self.session.estimates(state.shown.row))

    @on(EventBody.Changed)
    def _retitle(self) -> None:
        self.expect_light()
        self.show_titles()

    @on(EventList.EventPointed)
    def _go_to_event(self, event: EventList.EventPointed) -> None:
        shown = self.body.state.shown
        if shown is None or shown.row != event.row:
            self.show_row(event.row)
        else:
            self.complain(None)

    # Files and methods

    @work(group="dialogs")
    async def action_open(self) -> None:
        """Ask for a data set, an output or a run, and open it."""
        question = AskPath("open events", "a data set, an output, or a run", names_known())
        what = await self.app.push_screen_wait(question)
        if what is not None:
            self.open(what)

    @work(group="dialogs")
    async def action_add(self) -> None:
        """Ask for a file of reconstructions of the events, and add it."""
        hint = "an output of icereco reconstruct, or a table with event_id and X_azimuth, X_zenith"
        path = await self.app.push_screen_wait(AskPath("add reconstructions", hint))
        if path is None:
            return
        try:
            self.session.add(Path(path))
        except IcerecoError as error:
            self.complain(str(error))
        else:
            self._list_events()
            self._show_estimates()

    @work(group="dialogs")
    async def action_next_method(self) -> None:
        """Make another method the main one: its line is bright, and its density is on the sky."""
        methods = [estimate.name for estimate in self.body.state.estimates]
        if len(methods) > MOST_LINES:
            choices = [(name, "") for name in methods]
            chosen = await self.app.push_screen_wait(
                Choose("look at a method", choices, f"{len(methods)} methods")
            )
        else:
            chosen = after(methods[0], methods) if methods else None
        if chosen is not None:
            self.session.prefer(chosen)
            self._list_events()
            self._show_estimates()

    @work(group="dialogs")
    async def action_reconstruct(self) -> None:
        """Ask for a run or a trained model, and reconstruct with it every event that is shown from now on, or no longer."""
        library = Library.of_user()
        choices = models_to_use(self.runs, library, self.reconstructors.names)
        if not choices:
            self.notify(
                f"no run in {self.runs} has weights yet, and there is no trained model; train one with: icereco train"
            )
            return
        hint = "reconstructs the events you look at; choose it again to stop it"
        name = await self.app.push_screen_wait(Choose("reconstruct with a model", choices, hint))
        if name is not None:
            self.reconstructors.toggle(name, weights_of(name, self.runs, library))
            self._ask()

    def _ask(self) -> None:
        shown = self.body.state.shown
        if shown is not None:
            self.reconstructors.ask(shown.event_id, self.session.table(shown.row))
        self.show_titles()

    def on_answered(self, message: Answered) -> None:
        """Show what a run has reconstructed, or why it could not."""
        answer = message.answer
        if answer.problem is not None:
            self.complain(answer.problem)
        elif answer.estimate is not None:
            self.session.keep(answer.event_id, answer.estimate)
            self._show_estimates()

    def action_picture(self) -> None:
        """Save the event as a figure in the working directory, or with the user of a browser."""
        shown = self.body.state.shown
        if shown is None:
            return
        path = Path(f"event-{shown.event_id}.svg")
        if self.app.is_web:
            self.app.deliver_binary(event_picture(self.body.state, self.session), save_filename=path.name)
            return
        try:
            save_event(path, self.body.state, self.session)
        except IcerecoError as error:
            self.complain(str(error))
        else:
            self.notify(f"saved {path.resolve()}")
