"""What can be done with the list of events: go through it, filter, keep filters, sort, find an event by its id, write it to a file."""

from io import BytesIO
from pathlib import Path

from textual import on, work

from icereco.errors import IcerecoError
from icereco.tui.common.ask import AskScreen
from icereco.tui.common.dialogs import Choose
from icereco.tui.common.list_panel import FilterLine, ListPanel
from icereco.tui.events.event_body import EventBody
from icereco.tui.events.event_list import EventList
from icereco.tui.events.files import list_name, save_list
from icereco.tui.events.kept_filters import keep_filter, kept_filter, kept_filters
from icereco.tui.events.layout import EventLayout
from icereco.tui.events.scatter_screen import ScatterScreen, scatter_of
from icereco.tui.host import may
from icereco.tui.memory import Sessions
from icereco.watch.choose import Order
from icereco.watch.event_session import EventSession

__all__ = ["ListScreen"]

_KEEP = "keep this one under a name …"


class ListScreen(EventLayout):
    """The part of the event screen that looks after the list.

    Attributes:
        session: the data set that is open.
    """

    session: EventSession

    def show_row(self, row: int) -> None:
        """Show an event by its row in the file."""
        raise NotImplementedError

    def show_list(self) -> None:
        """Show the list as the session has it now."""
        raise NotImplementedError

    def complain(self, problem: str | None) -> None:
        """Show a problem; None = there is none."""
        raise NotImplementedError

    @on(ListPanel.Filtered)
    def _filter(self, event: ListPanel.Filtered) -> None:
        panel = self.query_one(ListPanel)
        try:
            self.session.filter(event.expression)
        except IcerecoError as error:
            panel.complain(str(error))
        else:
            panel.complain("")
            self.show_list()

    @work(group="dialogs")
    async def action_kept_filters(self) -> None:
        """Ask for a filter that was kept under a name, or keep the one that is used."""
        try:
            kept = kept_filters()
        except IcerecoError as error:
            self.complain(str(error))
            return
        used = self.session.expression
        is_new = bool(used) and used not in kept.values() and may(self, "keep_filter")
        choices = [*([(_KEEP, used)] if is_new else []), *kept.items()]
        if not choices:
            self.notify("write one first (/); then this key keeps it under a name", title="filters")
            return
        hint = "the palette (ctrl+p) finds them by name, too, and deletes them"
        chosen = await self.app.push_screen_wait(Choose("filters", choices, hint))
        if chosen == _KEEP:
            await self._keep_filter(used, list(kept))
        elif chosen is not None:
            self.use_filter(chosen)

    async def _keep_filter(self, condition: str, known: list[str]) -> None:
        question = "keep the filter as" + (f" (there are: {', '.join(known)})" if known else "")
        name = await self.app.push_screen_wait(AskScreen(question, "", Sessions.problem_of))
        if name is None:
            return
        try:
            keep_filter(name, condition)
        except IcerecoError as error:
            self.complain(str(error))
        else:
            self.notify(f"{name}: {condition}", title="kept", markup=False)

    def use_filter(self, name: str) -> None:
        """List the events that pass a filter that was kept under a name."""
        if self.session.opened is None:
            self.notify("open events first", title="filters")
            return
        try:
            condition = kept_filter(name)
        except IcerecoError as error:
            self.complain(str(error))
            return
        panel = self.query_one(ListPanel)
        if not panel.display:
            self.toggle_class("-flip-list")
        panel.query_one(FilterLine).value = condition
        panel.events.focus()

    @on(EventList.SortAsked)
    def _sort(self, event: EventList.SortAsked) -> None:
        self._order(event.column, descending=self.session.order != Order(event.column, descending=True))

    def _order(self, column: str, *, descending: bool) -> None:
        self.session.order = Order(column, descending)
        self.session.refresh()
        self.show_list()

    def action_next_event(self, by: int) -> None:
        """Show the next event in the list, or the one before."""
        self.query_one(EventList).move(by)

    def action_sort(self, column: str) -> None:
        """Sort the list: worst or brightest first, or as in the file."""
        if column in self.session.listed.columns:
            self._order(column, descending=column != "row")
            self.query_one(EventList).move(-self.session.total)
        else:
            self.notify(f"cannot sort by {column}: it needs the truth and a file of reconstructions")

    @work(group="dialogs")
    async def action_go_to_event(self) -> None:
        """Ask for the id of an event, and show it, also if it does not pass the filter."""
        asked = AskScreen("go to the event with the id", problem=self._no_event)
        text = await self.app.push_screen_wait(asked)
        row = None if text is None else self.row_of_event(text)
        if row is not None:
            self.show_event(row)

    def show_event(self, row: int) -> None:
        """Show an event, in the list as well if it passes the filter."""
        self.show_row(row)
        self.show_list()

    def row_of_event(self, text: str) -> int | None:
        """Return the row of the event whose id this is, None if it is none."""
        plain = text.strip().replace(",", "")
        return self.session.find(int(plain)) if plain.lstrip("-").isdecimal() else None

    def _no_event(self, text: str) -> str | None:
        """Why there is nothing to go to."""
        if self.row_of_event(text) is not None:
            return None
        ids = self.session.ids
        known = f"ids go from {ids[0]} to {ids[1]}" if ids else "no events have been read"
        return f"no event has this id; {known}{', and more are being read' if self.session.reading else ''}"

    def action_scatter(self) -> None:
        """Show the errors of the listed events against their energies."""
        if (scatter := scatter_of(self.session.listed)) is None:
            self.notify("it needs the truth and a file of reconstructions", title="error against energy")
            return
        state = self.query_one(EventBody).state
        method = state.estimates[0].name if state.estimates else "the main method"
        self.app.push_screen(ScatterScreen(scatter, method, state.style.marker))

    @work(group="dialogs")
    async def action_export(self) -> None:
        """Write the listed events with all columns as CSV: into a file that is asked for, or to the user of a browser."""
        if self.app.is_web:
            table = self.session.listed.write_csv().encode()
            self.app.deliver_binary(BytesIO(table), save_filename=list_name(self.session))
            return
        question = f"write {len(self.session.listed):,} events as CSV to the new file"
        text = await self.app.push_screen_wait(AskScreen(question, list_name(self.session), _not_new))
        if text is None:
            return
        try:
            path = save_list(Path(text.strip()).expanduser(), self.session)
        except IcerecoError as error:
            self.complain(str(error))
        else:
            self.notify(f"wrote {path}")


def _not_new(text: str) -> str | None:
    """Why a file cannot be written anew."""
    path = Path(text.strip()).expanduser()
    if not text.strip() or path.is_dir():
        return "write the name of a file"
    return f"{path} exists; choose another name" if path.exists() else None
