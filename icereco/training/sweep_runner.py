"""The trainings of a sweep as processes, side by side."""

import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from icereco.errors import IcerecoError, message_in
from icereco.runs.commands import program, resume_arguments, start, train_arguments
from icereco.runs.orders import give_order
from icereco.system.log import get_logger
from icereco.system.processors import available_processors

if TYPE_CHECKING:
    from icereco.training.sweep import Cell

__all__ = ["TrainingArguments", "train_side_by_side"]

logger = get_logger(__name__)

_POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class TrainingArguments:
    """How trainings are started: how many side by side, and with which arguments of `icereco train`.

    Attributes:
        profile: name or path, as the overrides of the cells change it.
        jobs: trainings side by side.
        data: arguments of a new training, which say what it trains on.
        always: arguments of a new and of a resumed training.
    """

    profile: str
    jobs: int
    data: list[str]
    always: list[str]


def train_side_by_side(waiting: "Sequence[tuple[Cell, str]]", arguments: TrainingArguments) -> dict[str, str]:
    """Run the trainings of cells, each with "begin" or "resume"; return the error messages by run.

    Ctrl-C stops the running trainings, which save, and is raised again.

    Args:
        waiting: cells and what to do with them.
        arguments: how many run at once, and their command-line arguments.
    """
    queue, done = list(waiting), 0
    running: list[_Training] = []
    failures: dict[str, str] = {}
    try:
        while queue or running:
            while queue and len(running) < arguments.jobs:
                running.append(_start(*queue.pop(0), arguments))
                logger.info("[%d/%d] %s", done + len(running), len(waiting), running[-1].cell.label)
            time.sleep(_POLL_SECONDS)
            for training in [one for one in running if one.ended()]:
                running.remove(training)
                done += 1
                if problem := training.problem():
                    failures[training.cell.run.name] = problem
                    logger.error("%s failed: %s", training.cell.label, problem)
    except KeyboardInterrupt:
        for training in running:
            training.stop()
        logger.warning("stopped and saved; go on with the same command")
        raise
    return failures


class _Training:
    """The process that trains a cell."""

    def __init__(self, cell: "Cell", words: Sequence[str], threads: int | None) -> None:
        self.cell = cell
        self._output = TemporaryFile()  # noqa: SIM115 -- without a name: nothing is left of a sweep that is killed
        # Detached: Ctrl-C reaches the sweep alone, which then stops every training once.
        self._process = start(program(*words), self._output, threads=threads)

    def ended(self) -> bool:
        """Return whether the process has ended."""
        return self._process.poll() is not None

    def problem(self) -> str | None:
        """Return why the training did not finish, None if it did."""
        if self._process.returncode == 0 and self.cell.run.state() == "finished":
            return None
        status = self.cell.run.status()
        if status is not None and status.message:
            return status.message.partition("\n")[0]
        self._output.seek(0)
        output = self._output.read().decode(errors="replace")
        return message_in(output) or f"exit code {self._process.returncode}"

    def stop(self) -> None:
        """Stop the training and wait until it has saved."""
        if os.name == "nt":  # which interrupts no single process
            with suppress(IcerecoError):
                give_order(self.cell.run, "stop")
        else:
            self._process.send_signal(signal.SIGINT)
        self._process.wait()


def _start(cell: "Cell", action: str, arguments: TrainingArguments) -> _Training:
    if action == "resume":
        words = resume_arguments(cell.run)
    else:
        words = train_arguments(arguments.profile, cell.run, overrides=cell.overrides)
        words += ["--sweep", *arguments.data]
    threads = max(available_processors() // arguments.jobs, 1) if arguments.jobs > 1 else None
    return _Training(cell, [*words, *arguments.always], threads)
