"""The jobs: which of them wait, run or have ended, and what they printed."""

import shlex
import time
from collections.abc import Callable
from pathlib import Path

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.screen import Screen
from textual.widgets import DataTable, Log, Static

from icereco.errors import IcerecoError
from icereco.runs.jobs import Job, JobFolder
from icereco.tui.common.ask import ConfirmScreen
from icereco.tui.common.key_bar import KeyBar
from icereco.tui.common.mode_bar import ModeBar
from icereco.tui.host import host_of, may
from icereco.tui.keys import Key, bindings
from icereco.tui.messages import JobsSeen
from icereco.tui.runs.progress import clock
from icereco.tui.settings import Settings
from icereco.tui.themes import themed
from icereco.watch.follower import Follower
from icereco.watch.tail import Tail

__all__ = ["KEYS", "JobsScreen"]

KEYS: tuple[Key, ...] = (
    Key("n", "new", "New training", "Jobs", shown=True),
    Key("D", "cancel", "Cancel or forget", "Jobs", shown=True),
    Key("r", "again", "Run again", "Jobs", shown=True),
    Key("t", "run", "Its run or result", "Jobs", shown=True, brief="Result"),
)

_SIGNS = {"waiting": "…", "running": "●", "done": "✔", "failed": "✖", "lost": "?"}
_COLORS = {"waiting": "warning", "running": "success", "done": "primary", "failed": "error", "lost": "error"}
KEPT_LINES = 2_000

_NO_JOBS = """No jobs yet.

What runs here goes on without the app, and without the terminal:

  n          a new training, at once or in the queue (also on Train, Profiles and Data)
  7, then r  reconstruct events with a trained model
  7, then a  keep a run as a trained model

Each is a command of icereco with what it prints; it can be run again, and leads to its run or result."""


class JobsScreen(Screen[None]):
    """A table of jobs over the output of the one under the cursor."""

    BINDINGS = bindings(KEYS)
    KEYS = KEYS

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        self.jobs = JobFolder(settings.runs)
        self.listed: tuple[Job, ...] = ()
        self._shown: tuple[str, Tail] | None = None
        self._follower = Follower(
            lambda: tuple(self.jobs.all()), lambda jobs: self.post_message(JobsSeen(jobs))
        )

    def compose(self) -> ComposeResult:
        """Show the table over the output of a job."""
        yield ModeBar()
        with Vertical():
            yield Static(_NO_JOBS, id="no-jobs", markup=False)
            yield DataTable[Text](id="jobs", cursor_type="row")
            with VerticalScroll(id="command-card", can_focus=False):
                yield Static(id="whole-command", markup=False)
            yield Log(id="output", max_lines=KEPT_LINES, auto_scroll=True)
        yield KeyBar()

    def on_mount(self) -> None:
        """Start looking for jobs."""
        table = self.query_one("#jobs", DataTable)
        table.border_title = "jobs"
        self.query_one("#command-card").border_title = "command"
        table.border_subtitle = "n starts a training, alone or in the queue"
        for name in ("state", "run", "time", "command"):
            table.add_column(name, key=name)
        table.focus()
        self._follower.start()
        self._timer = self.set_interval(1.0, self._follower.poke)

    def on_unmount(self) -> None:
        """End the thread that looks for jobs."""
        self._follower.stop()

    def on_screen_suspend(self) -> None:
        """Stop looking for jobs while the screen is hidden."""
        self._timer.pause()

    def on_screen_resume(self) -> None:
        """Look for jobs again."""
        self._timer.resume()
        self._follower.poke()

    @on(JobsSeen)
    def _seen(self, event: JobsSeen) -> None:
        """The newest at the top; rows are changed in place, so that the cursor stays."""
        table = self.query_one("#jobs", DataTable)
        if [job.identity for job in event.jobs] != [job.identity for job in self.listed]:
            row = table.cursor_row
            table.clear()
            for job in reversed(event.jobs):
                table.add_row(*self._cells(job), key=job.identity)
            table.move_cursor(row=row)
        else:
            for job in event.jobs:
                for name, cell in zip(("state", "run", "time", "command"), self._cells(job), strict=True):
                    table.update_cell(job.identity, name, cell)
        self.listed = event.jobs
        was_empty = self.has_class("-without-jobs")
        self.set_class(not event.jobs, "-without-jobs")
        if was_empty and event.jobs:
            table.focus()
        self._show_output()
        self.refresh_bindings()

    def _cells(self, job: Job) -> tuple[Text, ...]:
        color = themed(self.app, _COLORS[job.state])
        state = Text(f"{_SIGNS[job.state]} {job.state}", style=color)
        spent = (job.ended or time.time()) - job.began if job.began else None
        known = job.ended is not None or job.state == "running"
        when = Text(clock(spent) if spent is not None and known else "")
        return state, Text(job.run, style="bold"), when, Text(shlex.join(["icereco", *job.arguments]))

    @property
    def current(self) -> Job | None:
        """The job under the cursor."""
        row = self.query_one("#jobs", DataTable).cursor_row
        jobs = list(reversed(self.listed))
        return jobs[row] if 0 <= row < len(jobs) else None

    @on(DataTable.RowHighlighted)
    def _show_output(self) -> None:
        output, job = self.query_one("#output", Log), self.current
        self.query_one("#command-card").display = job is not None
        if job is None:
            output.clear()
            self._shown = None
            return
        if self._shown is None or self._shown[0] != job.identity:
            self._shown = (job.identity, Tail(self.jobs.output(job), 1 << 18))
            output.clear()
            output.border_title = f"what {job.run} printed"
        self.query_one("#whole-command", Static).update(_whole(job))
        tailed = self._shown[1].read()
        if tailed is not None:
            output.write_lines(tailed.lines.decode(errors="replace").splitlines())

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether an action is possible now: most need a job."""
        del parameters
        return may(self, action) and (action not in {"cancel", "again", "run"} or bool(self.listed))

    def action_new(self) -> None:
        """Open the form for a new training."""
        from icereco.tui.runs.launch_screen import LaunchScreen

        self.app.push_screen(LaunchScreen(self.settings.runs), lambda _name: self._follower.poke())

    def action_cancel(self) -> None:
        """Ask, then remove the job under the cursor from the queue or from the list."""
        if (job := self.current) is None:
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self._do(lambda: self.jobs.cancel(job))

        what = "It leaves the queue." if job.state == "waiting" else "Its output is deleted; its run is kept."
        self.app.push_screen(ConfirmScreen(f"remove job {job.run}?", what), answered)

    def action_again(self) -> None:
        """Ask, then queue the same command again."""
        if (job := self.current) is None:
            return
        if job.state in ("waiting", "running"):
            self.notify(f"it is {job.state}: it can be run again when it has ended", title=job.run)
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self._do(lambda: self.jobs.submit(job.arguments, job.run, Path(job.folder), queued=True))

        detail = shlex.join(["icereco", *job.arguments])
        self.app.push_screen(ConfirmScreen(f"queue {job.run} again?", detail), answered)

    def action_run(self) -> None:
        """Show what the job has made: its run, its reconstructions, or its trained model."""
        if (job := self.current) is None:
            return
        host = host_of(self)
        match job.arguments:
            case ["reconstruct", *_, "-o", output]:
                host.open_events(Path(job.folder, output))
            case ["models", "add", *_, "--name", name]:
                host.open_in("models", "go_to_model", name)
            case _:
                host.open_in("train", "go_to_run", self.settings.runs / job.run)

    def _do(self, action: Callable[[], object]) -> None:
        try:
            action()
        except IcerecoError as error:
            self.notify(str(error), severity="error", markup=False)
        self._follower.poke()


def _whole(job: Job) -> str:
    """The whole command, where it runs, and when it began."""
    began = f" · began {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(job.began))}" if job.began else ""
    return f"{shlex.join(['icereco', *job.arguments])}\nin {job.folder}{began}"
