"""The progress bars of commands: over events, and over stages of work."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from icereco.cli.console import Console

__all__ = ["event_progress", "stage_progress"]


@contextmanager
def event_progress(total: int) -> Iterator[Callable[[int], object]]:
    """Show a bar with rate and time left, if standard error is a terminal; call it with the number of events just done."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=total, rate="")

        def advance(events: int) -> None:
            progress.advance(task, events)
            speed = progress.tasks[0].finished_speed or progress.tasks[0].speed
            progress.update(task, rate=f"{speed:,.0f} events/s" if speed else "")

        yield advance


@contextmanager
def stage_progress() -> Iterator[Callable[[str, int, int], object]]:
    """Show a bar for each stage, if standard error is a terminal; call it with the stage, and how many of its steps are done."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda *_: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=None)
        yield lambda stage, done, total: progress.update(task, description=stage, completed=done, total=total)
