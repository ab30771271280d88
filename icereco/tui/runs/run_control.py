"""Orders to runs from the app: confirmed by the user, given through the run's folder, and acknowledged by the run."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from textual.screen import Screen

from icereco.errors import IcerecoError
from icereco.runs.commands import resume_arguments
from icereco.runs.folder import RunFolder
from icereco.runs.jobs import JobFolder
from icereco.runs.orders import Order, give_order, wait_for_answer
from icereco.tui.common.ask import ConfirmScreen
from icereco.tui.keys import Key
from icereco.tui.runs.launch_outcome import outcome
from icereco.tui.settings import Settings
from icereco.watch.runs import RunView

__all__ = ["RUN_KEYS", "RunControl"]

RUN_KEYS: tuple[Key, ...] = (
    Key("n", "new", "New", "Runs", shown=True),
    Key("s", "order('stop')", "Stop", "Runs", shown=True),
    Key("p", "order('pause')", "Pause", "Runs", shown=True),
    Key("r", "order('resume')", "Resume", "Runs", shown=True),
    Key("c", "order('checkpoint')", "Save", "Runs", shown=True),
    Key("D", "delete", "Delete", "Runs"),
)

ANSWER_SECONDS = 600.0

_MEANING: dict[str, str] = {
    "stop": "It finishes the step, saves, and ends. r resumes it later, with the same numbers.",
    "pause": "It waits after this step and keeps its memory and device. r resumes it.",
    "resume": "It continues from where it waits.",
    "checkpoint": "It saves after this step and continues.",
}


@dataclass(frozen=True, slots=True)
class RunControl:
    """Gives orders to runs for a screen, and reports their answers there."""

    screen: Screen[None]
    settings: Settings

    def order(self, run: RunView, order: Order) -> None:
        """Ask, then give an order to a training that is running, or resume one that has ended."""
        running = run.state == "running"
        if order == "resume" and not running:
            self._resume(run)
        elif not running:
            self._say(run.name, f"it is not running, it is {run.state}", wrong=True)
        else:
            self._ask(f"{order} {run.name}?", _MEANING[order], partial(self._give, run.folder, order))

    def delete(self, run: RunView) -> None:
        """Ask, then delete a run that is not running."""
        if run.state == "running":
            self._say(run.name, "it is running: stop it first (s)", wrong=True)
            return
        detail = f"{run.path} and its weights are deleted for good. It is {run.state}."
        self._ask(f"delete {run.name}?", detail, partial(self._delete, run.folder), danger=True)

    def _resume(self, run: RunView) -> None:
        if run.state == "finished":
            self._say(run.name, "it has finished: there is nothing to resume", wrong=True)
            return
        command = f"icereco {' '.join(resume_arguments(run.folder))}"
        self._ask(f"resume {run.name}?", command, partial(self._start_again, run.folder))

    def _ask(self, question: str, detail: str, action: Callable[[], None], *, danger: bool = False) -> None:
        def answered(yes: bool | None) -> None:
            if yes:
                self.screen.app.run_worker(action, thread=True, group="orders", exit_on_error=False)

        self.screen.app.push_screen(ConfirmScreen(question, detail, danger=danger), answered)

    # These run in threads: a disk may be slow, and a step long.

    def _give(self, run: RunFolder, order: Order) -> None:
        with self._reporting(run.name) as report:
            receipt = give_order(run, order)
            if receipt.answer() is None:
                report(f"{order}: waiting for the step to end")
            report(wait_for_answer(receipt, ANSWER_SECONDS))

    def _delete(self, run: RunFolder) -> None:
        with self._reporting(run.name) as report:
            run.delete()
            report("deleted")

    def _start_again(self, run: RunFolder) -> None:
        with self._reporting(run.name) as report:
            jobs = JobFolder(self.settings.runs)
            job = jobs.submit(resume_arguments(run), run.name, Path.cwd(), queued=False)
            trains, message = outcome(jobs, job, run)
            if not trains:
                raise IcerecoError(message)
            report(message)

    def _reporting(self, name: str) -> "_Reporting":
        return _Reporting(partial(self._say, name))

    def _say(self, name: str, text: str, *, wrong: bool = False) -> None:
        self.screen.app.notify(
            text, title=name, severity="error" if wrong else "information", timeout=10, markup=False
        )


@dataclass(frozen=True, slots=True)
class _Reporting:
    """Yields a function that reports success, and reports an error that ends the block."""

    say: Callable[..., None]

    def __enter__(self) -> Callable[[str], None]:
        return self.say

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        if isinstance(error, IcerecoError | OSError):
            self.say(str(error), wrong=True)
            return True
        return False
