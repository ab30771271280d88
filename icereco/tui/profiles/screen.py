"""The profiles: shown, copied and edited, with every problem listed with its line."""

from pathlib import Path

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import OptionList, TextArea
from textual.widgets.option_list import Option

from icereco.errors import IcerecoError
from icereco.plugins.discovery import registry
from icereco.profiles import Problem, ProfileError, load_profile
from icereco.profiles.check import check
from icereco.profiles.problems import Origin
from icereco.profiles.resolve import resolve_draft
from icereco.system.files import write_text
from icereco.tui.common.ask import AskScreen, ConfirmScreen
from icereco.tui.common.key_bar import KeyBar
from icereco.tui.common.mode_bar import ModeBar
from icereco.tui.host import host_of, may
from icereco.tui.keys import Key, bindings
from icereco.tui.profiles.drafts import Drafts, Listed, copy_problem, listed_profiles
from icereco.tui.profiles.toml_area import TomlArea
from icereco.tui.runs.launch_screen import LaunchScreen
from icereco.tui.settings import Settings

__all__ = ["KEYS", "ProfilesScreen"]

KEYS: tuple[Key, ...] = (
    Key("escape", "leave", "Back to the list", "Profiles", shown=True),
    Key("f5,ctrl+s", "save", "Save", "Profiles", shown=True),
    Key("e", "copy", "Edit a copy", "Profiles", shown=True),
    Key("v", "resolved", "Resolved", "Profiles", shown=True),
    Key("n", "train", "Train", "Profiles", shown=True),
)


class ProfilesScreen(Screen[None]):
    """The list of profiles, the text of one, and its problems."""

    BINDINGS = bindings(KEYS)
    KEYS = KEYS

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        self.folder = Path()
        self.listed: list[Listed] = []
        self.current: Listed | None = None
        self.whole = False
        self._check_soon: Timer | None = None
        self._lines: list[int | None] = []  # of the problems

    def compose(self) -> ComposeResult:
        """Show the list on the left, and text and problems on the right."""
        yield ModeBar()
        with Horizontal():
            yield OptionList(id="profiles")
            with Vertical(id="main"):
                with Horizontal(id="texts"):
                    yield TomlArea(id="text", show_line_numbers=True, read_only=True, compact=True)
                    yield TomlArea(id="beside", show_line_numbers=True, read_only=True, compact=True)
                yield OptionList(id="problems")
        yield KeyBar()

    def on_mount(self) -> None:
        """Start with the focus on the list."""
        self.query_one("#profiles").border_title = "profiles"
        self.query_one("#beside").border_title = "resolved"
        self.query_one("#profiles").focus()

    def on_screen_resume(self) -> None:
        """List the profiles again if files have changed in the meantime."""
        if self.listed != (listed := listed_profiles(self.folder)):
            self._fill(listed, self.current.name if self.current else "quick")

    def _fill(self, listed: list[Listed], name: str) -> None:
        self.listed = listed
        options = self.query_one("#profiles", OptionList)
        options.clear_options()
        options.add_options(Option(self._prompt(profile)) for profile in self.listed)
        names = [profile.name for profile in self.listed]
        options.highlighted = names.index(name) if name in names else 0

    def go_to_profile(self, name: str) -> None:
        """Put the cursor on a profile."""
        if not self.listed:  # the screen has just been made
            self._fill(listed_profiles(self.folder), name)
        names = [profile.name for profile in self.listed]
        if name in names:
            self.query_one("#profiles", OptionList).highlighted = names.index(name)

    def _prompt(self, listed: Listed) -> Text:
        sign = "*" if listed.path in self.drafts else " " if listed.shipped else "✎"
        return Text(f"{sign} {listed.label}")

    @on(OptionList.OptionHighlighted, "#profiles")
    def _chosen(self, event: OptionList.OptionHighlighted) -> None:
        self.current = self.listed[event.option_index]
        self._show()

    @property
    def text(self) -> TextArea:
        """The widget with the text of the profile."""
        return self.query_one("#text", TextArea)

    @property
    def drafts(self) -> Drafts:
        """The unsaved texts, which the app keeps."""
        return host_of(self).drafts

    @property
    def unsaved(self) -> bool:
        """Whether the text differs from the file."""
        return self.current is not None and self.current.path in self.drafts

    def _show(self) -> None:
        if (listed := self.current) is None:
            return
        text, title = self.drafts.text(listed.path), listed.name
        if self.whole:
            try:
                text, title = load_profile(listed.path).resolved_toml(), f"{listed.name}, resolved"
            except IcerecoError as error:
                text = str(error)
        self.set_class(self.whole, "-whole")
        self.text.read_only = listed.shipped or self.whole or self.settings.read_only
        self.text.load_text(text)
        self.text.border_title = title
        self._check()
        self.refresh_bindings()

    @on(TextArea.Changed, "#text")
    def _typed(self) -> None:
        if self.current is None or self.text.read_only:
            return
        self.drafts.keep(self.current.path, self.text.text)
        self._mark()
        if self._check_soon is not None:
            self._check_soon.stop()
        self._check_soon = self.set_timer(0.2, self._check)

    def _mark(self) -> None:
        """Mark unsaved changes at the text and in the list."""
        if (listed := self.current) is None:
            return
        place = self.listed.index(listed)
        self.query_one("#profiles", OptionList).replace_option_prompt_at_index(place, self._prompt(listed))
        subtitle = "not saved: f5 saves" if self.unsaved else ""
        if self.text.read_only:
            subtitle = "read only: v goes back" if self.whole else "read only: e edits a copy"
        self.text.border_subtitle = subtitle

    def _check(self) -> None:
        """List every problem of the text as it is now, saved or not."""
        if (listed := self.current) is None:
            return
        problems = self._problems(listed)
        box = self.query_one("#problems", OptionList)
        box.clear_options()
        count = len(problems)
        box.border_title = f"{count} problem{'s' * (count > 1)}" if problems else "all is well"
        box.set_class(bool(problems), "-wrong")
        for problem in problems:
            box.add_option(Option(Text(str(problem).replace("\n", " "))))
        origins = [problem.origin for problem in problems]
        self._lines = [at.line if Path(at.source) == listed.path else None for at in origins]
        self._mark()

    def _problems(self, listed: Listed) -> list[Problem]:
        try:
            profile = check(resolve_draft(self.drafts.text(listed.path), listed.path), registry())
            self._show_beside(profile.resolved_toml())
        except ProfileError as error:
            return error.problems
        except IcerecoError as error:
            return [Problem(Origin(str(listed.path)), str(error))]
        return []

    def _show_beside(self, resolved: str) -> None:
        """Show every value with its origin next to the text, where there is room; that of the last text without problems."""
        beside = self.query_one("#beside", TextArea)
        if beside.text != resolved:
            beside.load_text(resolved)

    @on(OptionList.OptionSelected, "#problems")
    def _go_to(self, event: OptionList.OptionSelected) -> None:
        line = self._lines[event.option_index]
        if line and not self.whole:
            self.text.move_cursor((line - 1, 0), center=True)
            self.text.focus()

    @on(OptionList.OptionSelected, "#profiles")
    def _edit(self) -> None:
        self.text.focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether the footer shows an action: only if it is possible now."""
        del parameters
        if not may(self, action):
            return False
        if action == "leave":
            return self.focused is not self.query_one("#profiles")
        return not self.text.read_only if action == "save" else True

    # Keys

    def action_leave(self) -> None:
        """Move the focus back to the list."""
        self.query_one("#profiles").focus()

    def action_resolved(self) -> None:
        """Switch between the profile with every value and its origin, and its own text."""
        if self.unsaved:
            self.notify("save first: f5", severity="warning")
            return
        self.whole = not self.whole
        self._show()

    @work(group="questions")
    async def action_copy(self) -> None:
        """Ask for a name, and copy the profile to a file in the working directory."""
        if (listed := self.current) is None:
            return
        start = f"my-{Path(listed.name).stem}"
        name = await self.app.push_screen_wait(
            AskScreen(f"copy {listed.name} to", start, lambda text: copy_problem(self.folder, text))
        )
        if name is None:
            return
        path = self.folder / f"{name.removesuffix('.toml')}.toml"
        try:
            write_text(path, self.drafts.text(listed.path))
        except IcerecoError as error:
            self.notify(str(error), severity="error", markup=False)
            return
        self.whole = False
        self._fill(listed_profiles(self.folder), f"./{path.name}")
        self.text.focus()

    def action_save(self) -> None:
        """Write the text to its file."""
        if self.current is None:
            return
        try:
            self.drafts.save(self.current.path)
        except IcerecoError as error:
            self.notify(str(error), severity="error", markup=False)
            return
        self.notify(f"saved {self.current.path}", markup=False)
        self._check()

    @work(group="questions")
    async def action_train(self) -> None:
        """Open the form for a new training with this profile."""
        if (listed := self.current) is None:
            return
        if self.unsaved and not await self.app.push_screen_wait(
            ConfirmScreen("train with the file as it was saved?", "The text has changes that are not saved.")
        ):
            return
        await self.app.push_screen_wait(LaunchScreen(self.settings.runs, listed.name))
