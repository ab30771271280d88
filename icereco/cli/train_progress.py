"""The bars of `icereco train`: one for each stage of preparing data, then one for the training."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from icereco.cli.console import Console

__all__ = ["stages_of", "training_progress"]


@contextmanager
def training_progress() -> Iterator[Progress]:
    """Bars on stderr, stopped at the end if anything has started them: an unused one would leave an empty line."""
    progress = Progress(*_columns(), console=Console(stderr=True))
    try:
        yield progress
    finally:
        if progress.live.is_started:
            progress.stop()


def stages_of(progress: Progress) -> Callable[[str], Callable[[int, int], None]]:
    """Return a function that makes a bar for a stage of preparing data, shown once the stage reports progress."""

    def stage(name: str) -> Callable[[int, int], None]:
        tasks: list[TaskID] = []

        def report(done: int, total: int) -> None:
            if not tasks:
                progress.start()
                tasks.append(progress.add_task(name, note="events"))
            progress.update(tasks[0], completed=done, total=total)

        return report

    return stage


def _columns() -> tuple[ProgressColumn, ...]:
    """Narrow enough for 80 columns."""
    return (
        TextColumn("{task.description}"),
        BarColumn(None),
        TaskProgressColumn(),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(compact=True),
    )
