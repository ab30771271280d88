"""The app: its screens, and the feeds that all of them share."""

import gc
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from io import StringIO
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import App
from textual.binding import Binding
from textual.dom import DOMNode
from textual.events import Resize
from textual.reactive import var

from icereco.errors import IcerecoError, did_you_mean
from icereco.runs.jobs import JobFolder
from icereco.tui.ascii import AsciiFilter
from icereco.tui.command_palette import KeyCommands
from icereco.tui.common.ask import AskScreen, ConfirmScreen
from icereco.tui.common.help import HelpScreen
from icereco.tui.common.tiny import TinyScreen, is_tiny
from icereco.tui.host import may
from icereco.tui.keys import APP_KEYS, bindings, clashes, keymap_path, read_keymap, remapped
from icereco.tui.memory import Memory, Sessions, memory_of
from icereco.tui.messages import JobAlertsSeen, OverviewsSeen, RunsSeen, SystemSeen
from icereco.tui.modes import MODES, all_keys, keys_of_screens
from icereco.tui.named_things import NamedThings
from icereco.tui.notifier import Notifier, read_notifier
from icereco.tui.profiles.drafts import Drafts
from icereco.tui.settings import Settings
from icereco.tui.ssh import sparing_driver
from icereco.tui.themes import TERMINAL_THEMES, THEMES, cursor_colors
from icereco.watch.alerts import Alert, disk_alerts, job_alerts, run_alerts, trend_alerts
from icereco.watch.follower import Follower
from icereco.watch.overview import OverviewFeed, Overviews
from icereco.watch.runs import RunsFeed, RunView
from icereco.watch.system import SystemFeed, SystemView

__all__ = ["IcerecoApp"]

DEFAULT_THEME, OF_SIXTEEN = "icereco-dark", "ansi-dark"
"""The theme of a first start, and that where the terminal has 16 colours, to which those of the other would be rounded."""

OVERVIEW_SECONDS = 2.0
TRENDS = ("not a number", "skipped", "spike", "plateau", "overfitting")
"""Alerts that come from reading the metrics of all runs."""


class IcerecoApp(App[None]):
    """Shows trainings and events. The trainings that it starts continue when it is closed."""

    TITLE = "icereco"
    CSS_PATH = "theme.tcss"
    BINDINGS = bindings(APP_KEYS)
    COMMANDS: ClassVar = {KeyCommands, NamedThings}
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-normal"), (160, "-wide")]  # noqa: RUF012 -- Textual declares it so
    VERTICAL_BREAKPOINTS = [(0, "-low"), (34, "-medium"), (54, "-high")]  # noqa: RUF012 -- as above

    # Not `reactive`, which would draw the whole screen again each second: widgets that show these watch them.
    runs: var[tuple[RunView, ...]] = var(())
    system: var[SystemView | None] = var(None)
    alerts: var[tuple[Alert, ...]] = var(())
    overviews: var[Overviews] = var(Overviews())

    def __init__(self, settings: Settings) -> None:
        super().__init__(driver_class=sparing_driver())
        self.settings = settings
        self.drafts = Drafts()
        if settings.marker == "ascii":
            self._filters.append(AsciiFilter())
        self.keymap: dict[str, str] = {}
        self._of_jobs: tuple[Alert, ...] = ()
        self._unseen = {"runs", "jobs", "overviews"}
        self._notifier: Notifier | None = None
        for theme in (*THEMES, *TERMINAL_THEMES):
            self.register_theme(theme)
        self.memory = (
            memory_of(settings.runs, writes=not settings.read_only) if settings.remembers else Memory()
        )
        if settings.session is not None:
            self.memory.take(Sessions.of(settings.runs).read(settings.session))
        self.theme = self._known_theme(settings.theme) if settings.theme else self._remembered_theme()
        for name, mode in MODES.items():
            self.add_mode(name, partial(mode.make, settings))
        runs = RunsFeed(settings.runs, settings.run)
        system = SystemFeed(settings.runs, self._processes)
        self._followers = (
            Follower(runs.look, lambda views: self.post_message(RunsSeen(views))),
            Follower(system.look, lambda view: self.post_message(SystemSeen(view))),
            Follower(
                partial(job_alerts, JobFolder(settings.runs)),
                lambda alerts: self.post_message(JobAlertsSeen(alerts)),
            ),
        )
        overviews = OverviewFeed(settings.runs, settings.run)
        self._overviews = Follower(overviews.look, lambda seen: self.post_message(OverviewsSeen(seen)))

    def _known_theme(self, name: str) -> str:
        if name not in self.available_themes:
            known = sorted(self.available_themes)
            raise IcerecoError(
                f"no theme is called {name!r}{did_you_mean(name, known)} (known: {', '.join(known)})"
            )
        return name

    def _remembered_theme(self) -> str:
        remembered = self.memory.text("theme")
        few = self.console.color_system in ("standard", "windows")
        usual = OF_SIXTEEN if few else DEFAULT_THEME
        return remembered if remembered in self.available_themes else usual

    def on_mount(self) -> None:
        """Open the first screen and start the feeds."""
        self.switch_mode("events" if self.settings.events else "train")
        self.watch(self, "theme", lambda theme: self.memory.keep("theme", theme), init=False)
        if keymap_path().exists():
            self._take_keymap()
        if not self.settings.read_only:
            self._take_notifier()
        for follower in self._followers:
            follower.start()
        self.set_timer(OVERVIEW_SECONDS, self._overviews.start)  # the curves that are looked at come first
        self.set_interval(1.0, self.look)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Return colours that a theme may name, and Textual's themes do not."""
        return cursor_colors(self.current_theme)

    def on_ready(self) -> None:
        """Exclude what is loaded by now from garbage collection, which would pause the app for 80 ms at times."""
        gc.freeze()

    def _take_keymap(self) -> None:
        self.keymap, problems = read_keymap(keymap_path(), all_keys())
        screens = [(*keys, *APP_KEYS) for keys in keys_of_screens()]
        problems += [f"{keymap_path()}: {problem}" for problem in clashes(self.keymap, screens)]
        self.set_keymap(self.keymap)
        for problem in problems:
            self.notify(problem, title="keymap", severity="warning", timeout=15, markup=False)

    def _take_notifier(self) -> None:
        def complain(problem: str) -> None:
            with suppress(RuntimeError):  # the app has ended meanwhile
                self.call_from_thread(self.notify, problem, title="notify", severity="warning", markup=False)

        try:
            self._notifier = read_notifier(complain)
        except IcerecoError as error:
            self.notify(str(error), title="notify", severity="warning", timeout=15, markup=False)

    def on_unmount(self) -> None:
        """End the threads of the feeds."""
        gc.unfreeze()
        for follower in (*self._followers, self._overviews):
            follower.stop()

    def look(self) -> None:
        """Let all feeds look for changes."""
        for follower in (*self._followers, self._overviews):
            follower.poke()

    def on_runs_seen(self, message: RunsSeen) -> None:
        """Set `runs`, which screens watch."""
        message.stop()
        self.runs = message.runs
        self._unseen.discard("runs")

    def on_overviews_seen(self, message: OverviewsSeen) -> None:
        """Set `overviews`, which screens watch; alerts are old until all runs have been read."""
        message.stop()
        self.overviews = message.overviews
        self._gather_alerts()
        if message.overviews.whole:
            self._unseen.discard("overviews")

    def on_system_seen(self, message: SystemSeen) -> None:
        """Set `system`, which screens watch."""
        message.stop()
        self.system = message.system

    def on_job_alerts_seen(self, message: JobAlertsSeen) -> None:
        """Show the alerts of jobs that failed before there was a run."""
        message.stop()
        self._of_jobs = message.alerts
        self._gather_alerts()
        self._unseen.discard("jobs")

    def watch_runs(self) -> None:
        """Update the alerts when the runs change."""
        self._gather_alerts()

    def watch_system(self) -> None:
        """Update the alerts when the free disk space changes."""
        self._gather_alerts()

    def _is_old(self, alert: Alert) -> bool:
        """Whether an alert may be from before the app started, as what its source said first: it is only shown in the bar."""
        return bool(self._unseen if alert.kind in TRENDS else self._unseen - {"overviews"})

    def watch_alerts(self, before: tuple[Alert, ...], now: tuple[Alert, ...]) -> None:
        """Notify the user of each new alert once."""
        known = {(alert.subject, alert.kind) for alert in before}
        for alert in now:
            if (alert.subject, alert.kind) not in known and not self._is_old(alert):
                self.notify(
                    alert.text,
                    title=f"{alert.subject}: {alert.kind}",
                    severity="warning" if alert.is_warning else "error",
                    timeout=12,
                    markup=False,
                )
                self.bell()
                if self._notifier is not None:
                    self._notifier.tell(alert)

    def _gather_alerts(self) -> None:
        disk = disk_alerts(self.system) if self.system else ()
        trends = trend_alerts(self.runs, self.overviews.of)
        every = (*disk, *trends, *run_alerts(self.runs), *self._of_jobs)
        self.alerts = tuple({(alert.subject, alert.kind): alert for alert in every}.values())

    def on_resize(self, event: Resize) -> None:
        """Cover the app with a message where the terminal is too small for it."""
        if is_tiny(event.size) and not isinstance(self.screen, TinyScreen):
            self.push_screen(TinyScreen())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether an action is allowed."""
        del parameters
        return may(self, action)

    def action_mode(self, name: str) -> None:
        """Switch to another screen."""
        if name != self.current_mode:
            self.switch_mode(name)

    def open_events(self, what: str | Path) -> None:
        """Show the events of a file, or of a data set by its name."""
        self.open_in("events", "open", what)

    def open_in(self, mode: str, method: str, what: str | Path) -> None:
        """Switch to a screen, and call one of its methods with what is to be shown."""
        self.call_later(self._open_in, mode, method, what)

    async def _open_in(self, mode: str, method: str, what: str | Path) -> None:
        if mode != self.current_mode:
            await self.switch_mode(mode)  # the screen may have to be made first
        show = getattr(self.screen, method, None)
        if show is not None:
            show(what)

    @work(group="questions")
    async def action_keep_session(self) -> None:
        """Ask for a name, and keep under it what is remembered now."""
        sessions = Sessions.of(self.settings.runs)
        known = ", ".join(sessions.names())
        question = "keep this session as" + (f" (there are: {known})" if known else "")
        name = await self.push_screen_wait(AskScreen(question, "", sessions.problem_of))
        if name is None:
            return
        self.remember_all()
        with self.reporting():
            sessions.keep(name, self.memory.values)
            self.notify(f"icereco tui --session {name}", title="kept", markup=False)

    def remember_all(self) -> None:
        """Let every screen that was opened remember what it shows."""
        for remember in self._methods_of_screens("remember"):
            remember()

    def restore_session(self, name: str) -> None:
        """Look at everything as in a session that was kept."""
        with self.reporting():
            self.memory.take(Sessions.of(self.settings.runs).read(name))
            self.theme = self._remembered_theme()
            for table, restore in (("runs", "restore_runs"), ("events", "restore")):
                for take in self._methods_of_screens(restore):
                    take(self.memory.table(table))
            self.notify(name, title="session", markup=False)

    def delete_session(self, name: str) -> None:
        """Delete a session that was kept."""
        with self.reporting():
            Sessions.of(self.settings.runs).delete(name)
            self.notify(name, title="deleted", markup=False)

    def _methods_of_screens(self, name: str) -> list[Callable[..., None]]:
        """The methods of this name of the screens that were opened."""
        opened = [screen for stack in self._screen_stacks.values() for screen in stack]
        return [method for screen in opened if (method := getattr(screen, name, None)) is not None]

    @contextmanager
    def reporting(self) -> Iterator[None]:
        """Show an error that is raised in the block."""
        try:
            yield
        except IcerecoError as error:
            self.notify(str(error), severity="error", timeout=10, markup=False)

    async def action_quit(self) -> None:
        """Quit; ask first if there are unsaved profiles."""
        if not (unsaved := [path.name for path in self.drafts]):
            self.exit()
        elif not isinstance(self.screen, ConfirmScreen):
            question = ConfirmScreen("quit without saving?", f"not saved: {', '.join(unsaved)}", danger=True)
            self.push_screen(question, lambda yes: self.exit() if yes else None)

    def action_help(self) -> None:
        """Show all keys of this screen."""
        if not isinstance(self.screen, HelpScreen):
            self.push_screen(
                HelpScreen(remapped((*getattr(self.screen, "KEYS", ()), *APP_KEYS), self.keymap))
            )

    def action_next_theme(self) -> None:
        """Switch to the next theme: icereco's own, the terminal's colours, then some of Textual's."""
        names = [theme.name for theme in (*THEMES, *TERMINAL_THEMES)] + ["gruvbox", "solarized-light"]
        index = names.index(self.theme) + 1 if self.theme in names else 0
        self.theme = names[index % len(names)]
        self.notify(self.theme, title="theme", timeout=2)

    def action_screenshot_here(self) -> None:
        """Save what is on the screen as SVG in the working directory, or with the user of a browser."""
        if self.is_web:
            picture, name = (
                StringIO(self.export_screenshot()),
                f"icereco-{time.strftime('%Y%m%d-%H%M%S')}.svg",
            )
            self.deliver_text(picture, save_filename=name, open_method="download", mime_type="image/svg+xml")
            return
        with suppress(OSError):
            self.notify(self.save_screenshot(path="."), title="saved")
            return
        self.notify("the working directory cannot be written to", severity="error")

    def handle_bindings_clash(self, clashed_bindings: set[Binding], node: DOMNode) -> None:
        """Warn of a keymap that gives one key to two actions."""
        del node
        names = ", ".join(sorted(binding.description for binding in clashed_bindings))
        self.notify(
            f"{keymap_path()} gives one key to several actions: {names}", title="keymap", severity="warning"
        )

    def _processes(self) -> Iterable[int]:
        for run in self.runs:
            if run.state == "running" and run.status is not None and run.status.local:
                yield run.status.pid
