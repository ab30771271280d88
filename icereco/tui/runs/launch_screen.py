"""The form that starts a training."""

import asyncio
from contextlib import suppress
from pathlib import Path

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.css.query import NoMatches
from textual.screen import ModalScreen
from textual.suggester import SuggestFromList
from textual.widgets import Button, Input, Label, Select, Static

from icereco.errors import IcerecoError
from icereco.profiles import load_profile
from icereco.runs.folder import RunFolder
from icereco.runs.jobs import Job, JobFolder
from icereco.runs.names import default_name, two_words
from icereco.tui.data.data_rows import DataRows
from icereco.tui.keys import Key, bindings
from icereco.tui.profiles.drafts import listed_profiles
from icereco.tui.runs.form import (
    Entry,
    Field,
    Verdict,
    arguments_of,
    command_line,
    data_words,
    fields_of,
    judge,
    starts_known,
)
from icereco.tui.runs.launch_outcome import outcome
from icereco.watch.opening import names_known

__all__ = ["KEYS", "LaunchScreen"]

KEYS: tuple[Key, ...] = (
    Key("f5", "start(False)", "Start", "Form", shown=True),
    Key("f6", "start(True)", "Queue", "Form", shown=True),
    Key("up", "app.focus_previous", "Field above", "Form"),
    Key("down", "app.focus_next", "Field below", "Form"),
    Key("escape", "cancel", "Cancel", "Form", shown=True),
)

CHECK_SECONDS = 0.1
"""The form is checked when nothing has been typed for so long."""


class _Choice(Select[str], inherit_bindings=False):
    """A choice that opens with enter or space, as the arrows move between fields."""

    BINDINGS = [Binding("enter,space", "show_overlay", "Choose", show=False)]  # noqa: RUF012 -- Textual declares it so


class LaunchScreen(ModalScreen[str | None]):
    """Shows while the user types what is wrong, and the resulting command line; answers with the new run's name."""

    BINDINGS = bindings(KEYS)
    KEYS = KEYS

    def __init__(self, runs: Path, profile: str = "quick", data: str = "", begin_from: str = "") -> None:
        super().__init__()
        self._data = data
        self._begin_from = begin_from
        self.runs = runs
        self.base = profile
        self.fields: dict[str, Field] = {}
        self.controls: dict[str, Select[str] | Input] = {}
        self.changes: dict[str, str] = {}
        self._words = two_words()
        self._proposed = ""
        self._filling = True
        self._leave_with: tuple[str | None] | None = None

    def compose(self) -> ComposeResult:
        """Show profile, data and name above the options; the verdict and the command line below."""
        self.set_class(
            self.app.size.width < 100, "-narrow"
        )  # Textual would set it only after the first drawing
        names = [listed.name for listed in listed_profiles(Path())]
        self.base = (
            self.base if self.base in names else "quick"
        )  # a trained model may be of a profile elsewhere
        with Vertical(classes="window form") as window:
            window.border_title = "new training"
            window.border_subtitle = "↑ ↓ fields · enter opens a choice · f5 starts · f6 queues · esc leaves"
            with Horizontal(classes="row"):
                yield Label("profile")
                yield _Choice.from_values(
                    names, value=self.base, allow_blank=False, id="profile", compact=True
                )
            yield DataRows(names_known(), id="data-rows", first=self._data)
            with Horizontal(classes="row"):
                yield Label("go on from")
                suggester = SuggestFromList(starts_known(self.runs))
                hint = "trained model, run or checkpoint; none: from the beginning"
                yield Input(
                    self._begin_from, placeholder=hint, suggester=suggester, id="begin-from", compact=True
                )
            with Horizontal(classes="row"):
                yield Label("name of the run")
                yield Input("", id="name", compact=True)
            with Horizontal(classes="row"):
                yield Label("show options with")
                yield Input(placeholder="any word", id="wanted", compact=True)
            yield Vertical(id="fields")
            yield Static(id="about", markup=False)
            yield Static(id="verdict", markup=False)
            yield Static(id="command", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Start (f5)", id="start", variant="primary", compact=True)
                yield Button("Queue (f6)", id="queue", compact=True)
                yield Button("Cancel (esc)", id="cancel", compact=True)

    def on_mount(self) -> None:
        """Fill in the profile after the form is shown, as making its many fields takes a while."""
        self.query_one("#fields").border_title = "options"
        self.call_after_refresh(self._take_profile, self.base)

    async def _take_profile(self, name: str) -> None:
        self.base, self.changes = name, {}
        self._propose_name()
        await self._show_fields()
        self._check()

    def _leave(self, name: str | None) -> None:
        """Close at once, or as soon as the fields have been made: Textual cannot remove them before."""
        if self._filling:
            self._leave_with = (name,)
        else:
            self.dismiss(name)

    def _propose_name(self) -> None:
        """Fill in a name from profile and data, unless the user has written one."""
        line = self.query_one("#name", Input)
        if line.value == self._proposed:
            data = data_words(self.query_one(DataRows).choices)
            self._proposed = default_name(self.runs, Path(self.base).stem, data, self._words)
            line.value = self._proposed

    async def _show_fields(self) -> None:
        """Show the options of the components that are chosen now."""
        self._filling = True
        await self._make_fields()
        self._filling = False
        if self._leave_with is not None:
            self.dismiss(*self._leave_with)

    async def _make_fields(self) -> None:
        box = self.query_one("#fields")
        await box.remove_children()
        uses = [f"{key}={text}" for key, text in self.changes.items() if key.endswith(".use")]
        try:
            profile = load_profile(self.base, uses)
        except IcerecoError:
            self.fields, self.controls = {}, {}
            return
        self.fields = {field.key: field for field in fields_of(profile)}
        self.changes = {key: text for key, text in self.changes.items() if key in self.fields}
        self.controls = {key: self._control(field) for key, field in self.fields.items()}
        await box.mount_all(self._row(field) for field in self.fields.values())
        self._filter(self.query_one("#wanted", Input).value.casefold())

    def _control(self, field: Field) -> Select[str] | Input:
        identity, text = f"field-{field.key.replace('.', '-')}", self.changes.get(field.key, field.text)
        if field.choices:
            return _Choice.from_values(
                field.choices, value=text, allow_blank=False, id=identity, compact=True, name=field.key
            )
        hint = field.text or "not set"
        return Input(text, id=identity, compact=True, name=field.key, placeholder=hint)

    def _row(self, field: Field) -> Horizontal:
        about = Label(field.description, classes="about")
        return Horizontal(Label(field.key), self.controls[field.key], about, classes="row")

    # What is typed

    @on(Select.Changed, "#profile")
    async def _profile_changed(self, event: Select.Changed) -> None:
        if event.value != self.base:
            await self._take_profile(str(event.value))

    @on(Select.Changed)
    async def _choice_changed(self, event: Select.Changed) -> None:
        key = event.select.name
        if key not in self.fields:
            return
        if self._change(key, str(event.value)) and key.endswith(".use"):
            self.call_after_refresh(self._show_fields)

    @on(DataRows.Changed)
    def _data_changed(self) -> None:
        self._propose_name()
        self._check()

    @on(Input.Changed)
    def _text_changed(self, event: Input.Changed) -> None:
        if event.input.id == "wanted":
            self._filter(event.value.casefold())
        elif event.input.name in self.fields:
            self._change(event.input.name, event.value.strip())
        else:
            self._check()

    def _change(self, key: str, text: str) -> bool:
        before = self.changes.get(key, self.fields[key].text)
        if text in ("", self._written(key)):
            self.changes.pop(key, None)
        else:
            self.changes[key] = text
        self._check()
        return text != before

    def _written(self, key: str) -> str:
        """The profile's own value; for an option of another component that component's default."""
        return self.fields[key].text if not key.endswith(".use") else self._own_use(key)

    def _own_use(self, key: str) -> str:
        profile = load_profile(self.base)
        return next(field.text for field in fields_of(profile) if field.key == key)

    def _filter(self, wanted: str) -> None:
        for key, control in self.controls.items():
            if isinstance(control.parent, Horizontal):
                shown = wanted in f"{key} {self.fields[key].description}".casefold()
                control.parent.display = shown

    def on_descendant_focus(self) -> None:
        """Show the description of the field that has the focus."""
        name = self.focused.name if self.focused else None
        field = self.fields.get(name or "")
        self.query_one("#about", Static).update(f"{field.key}: {field.description}" if field else "")

    # The verdict

    @property
    def entry(self) -> Entry:
        """The content of the form."""
        name = self.query_one("#name", Input).value.strip()
        begin_from = self.query_one("#begin-from", Input).value.strip()
        return Entry(self.base, dict(self.changes), name, self.query_one(DataRows).choices, begin_from)

    @work(exclusive=True, group="check")
    async def _check(self) -> None:
        """Check the form in a thread, as the data may be on a slow disk."""
        await asyncio.sleep(CHECK_SECONDS)
        with suppress(NoMatches):  # the form is being closed
            entry = self.entry
            self._show(entry, await asyncio.to_thread(judge, entry, self.runs))

    def _show(self, entry: Entry, verdict: Verdict) -> None:
        for place, key in (("#name", "name"), ("#begin-from", "from")):
            self.query_one(place).set_class(key in verdict.problems, "-wrong")
        for key, control in self.controls.items():
            control.set_class(key in verdict.problems, "-wrong")
        self.query_one(DataRows).mark(
            [n for n in range(len(entry.data)) if f"data {n + 1}" in verdict.problems]
        )
        lines = [f"{key}: {text}" if key else text for key, text in verdict.problems.items()]
        box = self.query_one("#verdict", Static)
        box.update("\n".join(lines)[:600] if lines else "all is well")
        box.set_class(bool(lines), "-wrong")
        command = Text(command_line(arguments_of(entry, self.runs)), style="bold")
        self.query_one("#command", Static).update(command)
        for button in ("#start", "#queue"):
            self.query_one(button, Button).disabled = bool(lines)

    # The end

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "cancel":
            self._leave(None)
        else:
            self.action_start(event.button.id == "queue")

    def action_start(self, queued: bool) -> None:
        """Start the training in its own process, or queue it."""
        entry = self.entry
        if judge(entry, self.runs).problems:
            self.app.bell()
            self._check()
            return
        try:
            job = JobFolder(self.runs).submit(
                arguments_of(entry, self.runs), entry.name, Path(), queued=queued
            )
        except IcerecoError as error:
            self.query_one("#verdict", Static).update(str(error))
            return
        if queued:
            self.app.notify("queued; see Jobs (6)", title=entry.name)
        else:
            self._report_outcome(job)
        self._leave(entry.name)

    def _report_outcome(self, job: Job) -> None:
        """Report the outcome from a thread of the app, as this screen is about to close."""
        app, jobs, run = self.app, JobFolder(self.runs), RunFolder(self.runs / job.run)

        def report() -> None:
            trains, message = outcome(jobs, job, run)
            app.notify(
                message,
                title=job.run,
                severity="information" if trains else "error",
                timeout=10,
                markup=False,
            )

        app.notify("starting; it continues when this app is closed", title=job.run)
        app.run_worker(report, thread=True, group="starting", exit_on_error=False)

    def action_cancel(self) -> None:
        """Close the form without starting a training."""
        self._leave(None)
