"""The profiles: looked at, copied, edited, with every problem at its line."""

from pathlib import Path

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import OptionList, TextArea
from textual.widgets.option_list import Option

from icereco.errors import IcerecoError
from icereco.json_lines import write_text
from icereco.plugins import registry
from icereco.profiles import Problem, ProfileError, load_profile
from icereco.profiles.check import check
from icereco.profiles.resolve import resolve_file
from icereco.tui.keys import Key, bindings
from icereco.tui.own_profiles import Listed, copy_problem, listed_profiles
from icereco.tui.screens.ask import AskScreen, ConfirmScreen
from icereco.tui.screens.launch import LaunchScreen
from icereco.tui.settings import Settings
from icereco.tui.widgets.key_bar import KeyBar
from icereco.tui.widgets.mode_bar import ModeBar

__all__ = ["KEYS", "ProfilesScreen"]

KEYS: tuple[Key, ...] = (
    Key("e", "copy", "Edit a copy", "Profiles", shown=True),
    Key("v", "resolved", "As written, or whole", "Profiles", shown=True),
    Key("n", "train", "Train with it", "Profiles", shown=True),
    Key("f5,ctrl+s", "save", "Save", "Profiles", shown=True),
    Key("escape", "leave", "Leave the text", "Profiles"),
)


class ProfilesScreen(Screen[None]):
    """A list, a text, and what is wrong with it."""

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

    def compose(self) -> ComposeResult:
        """The list at the left."""
        yield ModeBar()
        with Horizontal():
            yield OptionList(id="profiles")
            with Vertical(id="main"):
                yield TextArea(
                    id="text", show_line_numbers=True, read_only=True, compact=True, soft_wrap=False
                )
                yield OptionList(id="problems")
        yield KeyBar()

    def on_mount(self) -> None:
        """Fill the list."""
        self.query_one("#profiles").border_title = "profiles"
        self.query_one("#profiles").focus()
        self._fill("quick")

    def _fill(self, name: str) -> None:
        self.listed = listed_profiles(self.folder)
        options = self.query_one("#profiles", OptionList)
        options.clear_options()
        options.add_options(
            Option(f"{'  ' if one.shipped else '✎ '}{one.name}", id=str(n))
            for n, one in enumerate(self.listed)
        )
        names = [one.name for one in self.listed]
        options.highlighted = names.index(name) if name in names else 0

    @on(OptionList.OptionHighlighted, "#profiles")
    def _chosen(self, event: OptionList.OptionHighlighted) -> None:
        listed = self.listed[event.option_index]
        if self.unsaved and self.current is not None and listed != self.current:
            self.notify("has changes that are not saved (f5)", title=self.current.name, severity="warning")
        self.current = listed
        self._show()

    @property
    def text(self) -> TextArea:
        """The text of the profile."""
        return self.query_one("#text", TextArea)

    @property
    def unsaved(self) -> bool:
        """Whether the text differs from the file."""
        return (
            not self.text.read_only
            and self.current is not None
            and self.text.text != _read(self.current.path)
        )

    def _show(self) -> None:
        if (listed := self.current) is None:
            return
        text, title = _read(listed.path), f"{listed.name}: {listed.summary}"
        if self.whole:
            try:
                text, title = load_profile(listed.path).resolved_toml(), f"{listed.name}, whole"
            except IcerecoError as error:
                text = str(error)
        self.text.read_only = listed.shipped or self.whole
        self.text.load_text(text)
        self.text.border_title = title
        self._check()

    @on(TextArea.Changed)
    def _typed(self) -> None:
        if self._check_soon is not None:
            self._check_soon.stop()
        self._check_soon = self.set_timer(0.2, self._check)

    def _check(self) -> None:
        """Every problem of the text as it is now, not only as it was saved."""
        if (listed := self.current) is None:
            return
        problems = self._problems(listed)
        box = self.query_one("#problems", OptionList)
        box.clear_options()
        box.border_title = f"{len(problems)} problems" if problems else "all is well"
        box.set_class(bool(problems), "-wrong")
        for number, problem in enumerate(problems):
            line = problem.origin.line if _is_here(problem, listed) else None
            box.add_option(Option(str(problem).replace("\n", " "), id=f"{number}:{line or 0}"))
        self.text.border_subtitle = (
            "read only: e edits a copy" if listed.shipped else "not saved: f5" if self.unsaved else ""
        )

    def _problems(self, listed: Listed) -> list[Problem]:
        path = listed.path
        beside = path.with_name(f".{path.name}.draft.toml") if self.unsaved else path
        try:
            if self.unsaved:  # beside its place, as a parent may lie there
                write_text(beside, self.text.text)
            check(resolve_file(beside), registry())
        except ProfileError as error:
            return error.problems
        except IcerecoError as error:
            self.notify(str(error), severity="error", markup=False)
        finally:
            if beside != path:
                beside.unlink(missing_ok=True)
        return []

    @on(OptionList.OptionSelected, "#problems")
    def _go_to(self, event: OptionList.OptionSelected) -> None:
        line = int((event.option.id or "0:0").partition(":")[2])
        if line and not self.whole:
            self.text.move_cursor((line - 1, 0))
            self.text.focus()

    @on(OptionList.OptionSelected, "#profiles")
    def _edit(self) -> None:
        self.text.focus()

    # Keys

    def action_leave(self) -> None:
        """Back to the list."""
        self.query_one("#profiles").focus()

    def action_resolved(self) -> None:
        """With every value and where it comes from, or as it is written."""
        if self.unsaved:
            self.notify("save first: f5", severity="warning")
            return
        self.whole = not self.whole
        self._show()

    @work(group="questions")
    async def action_copy(self) -> None:
        """A file of one's own, in the working directory."""
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
            write_text(path, _read(listed.path))
        except IcerecoError as error:
            self.notify(str(error), severity="error", markup=False)
            return
        self.whole = False
        self._fill(f"./{path.name}")
        self.text.focus()

    def action_save(self) -> None:
        """Write the text to its file."""
        if self.current is None or self.text.read_only:
            self.notify("this one is not edited: e makes a copy", severity="warning")
            return
        try:
            write_text(self.current.path, self.text.text)
        except IcerecoError as error:
            self.notify(str(error), severity="error", markup=False)
            return
        self.notify(f"saved {self.current.path}")
        self._check()

    @work(group="questions")
    async def action_train(self) -> None:
        """The form of a new training, with this profile."""
        if (listed := self.current) is None:
            return
        if self.unsaved and not await self.app.push_screen_wait(
            ConfirmScreen("train with the file as it was saved?", "The text has changes that are not saved.")
        ):
            return
        await self.app.push_screen_wait(LaunchScreen(self.settings.runs, listed.name))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return f"# {path}: {error}"


def _is_here(problem: Problem, listed: Listed) -> bool:
    """Whether a problem is in this file, not in a parent."""
    return listed.path.stem in problem.origin.source
