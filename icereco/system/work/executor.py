"""What every executor of work promises: units in, an outcome for each, whatever does them and wherever it runs."""

import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar, runtime_checkable

from icereco.errors import IcerecoError

__all__ = ["AHEAD", "Executor", "Job", "KilledError", "Outcome", "Progress", "Queue", "Report", "in_order"]

Unit = TypeVar("Unit")
Result = TypeVar("Result")

Report = Callable[[int], None]
"""Called by what does a unit with how much of it is done, such as events."""

Progress = Callable[[int, int], None]
"""Called in the process that asked for the work, with the number of a unit and how much of it is done."""

Note = tuple[str, int, str]
"""A logger, a level and a message."""

AHEAD = 4
"""Units for each worker that may wait in memory for an earlier one, where results are taken in order."""


class KilledError(IcerecoError):
    """What does the work was killed, or cannot be reached any more."""


@dataclass(frozen=True, slots=True)
class Job(Generic[Unit, Result]):
    """What is done with every unit. Its functions are those of modules, or `partial`s of them, as other processes get them.

    Attributes:
        label: of the processes.
        begin: called once in each process; gives what does a unit, with the unit and a `Report`. An `IcerecoError` or
            `OSError` that it raises is that of the unit; the others go on.
        name: what messages call a unit.
        worker: what messages call a process.
        advice: what can be done if one is killed.
    """

    label: str
    begin: Callable[[], Callable[[Unit, Report], Result]]
    name: Callable[[Unit], str]
    worker: str
    advice: str


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Result]):
    """What came of a unit: its result, or an error.

    Attributes:
        number: of the unit, from 0.
        notes: what was logged meanwhile, in another process.
    """

    number: int
    result: Result | None = None
    error: IcerecoError | OSError | None = None
    notes: tuple[Note, ...] = ()

    def value(self) -> Result:
        """Return the result, or raise the error."""
        if self.error is not None:
            raise self.error
        return self.result  # type: ignore[return-value]  # a result may be None, too


@runtime_checkable
class Executor(Protocol):
    """Does the units of a job, several at once."""

    def outcomes(
        self,
        job: Job[Unit, Result],
        units: Iterable[Unit],
        progress: Progress,
        stop: threading.Event,
        ahead: int | None = None,
    ) -> Generator[Outcome[Result], None, None]:
        """Do units, which may be endless; yield what comes of each as soon as it is done. Nothing goes on once it is closed.

        Args:
            job: what is done.
            units: taken as they are needed, in this process.
            progress: called meanwhile, for executors that are told.
            stop: ends it early when it is set.
            ahead: how many units for each worker may be begun after the first that is not done; None for any number.

        Raises:
            KilledError: a process was killed, or the cluster is gone.
        """
        ...


def in_order(outcomes: Iterable[Outcome[Result]]) -> Iterator[Outcome[Result]]:
    """The outcomes in the order of the units; those that are early wait in memory."""
    early: dict[int, Outcome[Result]] = {}
    number = 0
    for outcome in outcomes:
        early[outcome.number] = outcome
        while number in early:
            yield early.pop(number)
            number += 1


class Queue(Generic[Unit]):
    """Which unit is the next, and whether it may be begun yet.

    Attributes:
        ahead: how many may be begun after the first that is not done; None for any number.
    """

    def __init__(self, units: Iterable[Unit], ahead: int | None) -> None:
        self._units = enumerate(units)
        self.ahead = ahead
        self._begun: dict[int, Unit] = {}
        self._next = 0
        self._used_up = False

    def take(self) -> tuple[int, Unit] | None:
        """Begin the next unit; None if there is none, or none may be begun yet."""
        first = min(self._begun, default=self._next)
        if self._used_up or (self.ahead is not None and self._next - first >= self.ahead):
            return None
        taken = next(self._units, None)
        if taken is None:
            self._used_up = True
            return None
        self._begun[taken[0]] = taken[1]
        self._next += 1
        return taken

    def done(self, number: int) -> Unit:
        """End a unit."""
        return self._begun.pop(number)

    def begun(self, number: int) -> Unit | None:
        """A unit that is begun and not done; None of any other."""
        return self._begun.get(number)

    def __len__(self) -> int:
        """How many units are begun and not done."""
        return len(self._begun)

    @property
    def is_done(self) -> bool:
        """Whether every unit is done."""
        return self._used_up and not self._begun
