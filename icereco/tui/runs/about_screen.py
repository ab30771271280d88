"""One run in full: what is known of it, its settings with their origins, and notes that can be changed."""

from textual import work
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from icereco.errors import IcerecoError
from icereco.runs.notes import read_notes, write_notes
from icereco.tui.common.ask import AskScreen
from icereco.tui.host import host_of, may
from icereco.tui.keys import Key, bindings
from icereco.tui.profiles.toml_area import TomlArea
from icereco.tui.runs.about_run import about_run
from icereco.watch.overview import Overview
from icereco.watch.runs import RunView

__all__ = ["AboutRunScreen"]


class AboutRunScreen(ModalScreen[None]):
    """Shows a run next to its settings."""

    BINDINGS = bindings(
        (
            Key("escape,i,q", "dismiss", "Close", "Window"),
            Key("e", "note", "Write notes and #tags", "Window"),
        )
    )

    def __init__(self, run: RunView) -> None:
        super().__init__()
        self.run = run

    def compose(self) -> ComposeResult:
        """Show facts on the left, settings on the right; below each other where there is little room."""
        self.set_class(self.app.size.width < 100, "-narrow")
        with Horizontal(classes="window about-run") as window:
            window.border_title = self.run.name
            window.border_subtitle = "e notes · tab settings · esc closes"
            with VerticalScroll(id="run-facts"):
                yield Static(id="about")
            yield TomlArea(self._settings(), id="settings", read_only=True, compact=True)

    def on_mount(self) -> None:
        """Show what is known now."""
        self.query_one("#settings").border_title = "settings, with their origins"
        self._show()

    def _settings(self) -> str:
        try:
            return self.run.folder.profile_text()
        except IcerecoError as error:
            return f"# {error}"

    def _show(self) -> None:
        overview = host_of(self).overviews.of.get(self.run.path, Overview())
        self.query_one("#about", Static).update(about_run(self.run, overview))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether an action is allowed."""
        del parameters
        return may(self, action)

    @work(group="questions")
    async def action_note(self) -> None:
        """Ask for notes, and keep them with the run."""
        notes = await self.app.push_screen_wait(
            AskScreen(f"notes on {self.run.name}", read_notes(self.run.folder))
        )
        if notes is None:
            return
        try:
            write_notes(self.run.folder, notes)
        except IcerecoError as error:
            self.notify(str(error), severity="error", markup=False)
        self._show()
