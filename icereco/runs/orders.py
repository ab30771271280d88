"""Orders to a training: lines that any process may append to `control.jsonl`, carried out between two steps.

    {"order": "pause", "time": 1760000000.0, "by": "ada@laptop"}

The trainer acknowledges them in its status: the byte up to which orders have been carried out, and its latest answer.
"""

import getpass
import json
import platform
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from icereco.errors import IcerecoError
from icereco.runs.folder import RunFolder
from icereco.system.documents import parse_json
from icereco.system.files import explaining

__all__ = ["Order", "OrderReader", "Receipt", "give_order", "wait_for_answer"]

Order = Literal["stop", "pause", "resume", "checkpoint"]
"""stop: finish the step, save and end; pause and resume: wait between steps; checkpoint: save now."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A submitted order: carried out once the run's status has answered up to byte `end`."""

    run: RunFolder
    order: Order
    end: int

    def answer(self) -> str | None:
        """Return the trainer's answer, None as long as there is none."""
        status = self.run.status()
        if status is None or status.answered < self.end:
            return None
        return status.answer or f"{self.order}: done"


def give_order(run: RunFolder, order: Order) -> Receipt:
    """Append an order for the training of a run.

    Raises:
        IcerecoError: the run is not training, or the folder cannot be written to.
    """
    state = run.state()
    if state != "running":
        raise IcerecoError(f"run {run.name!r} is not running, it is {state}; list runs with: icereco runs")
    line = json.dumps({"order": order, "time": round(time.time(), 3), "by": _who()}) + "\n"
    with explaining(run.control), run.control.open("ab", buffering=0) as file:
        file.write(line.encode())  # one write in append mode: orders never interleave
        return Receipt(run, order, file.tell())


def wait_for_answer(receipt: Receipt, seconds: float) -> str:
    """Wait for the trainer to finish its step, and return its answer.

    Raises:
        IcerecoError: the training ended before it carried out the order, or takes longer than `seconds`.
    """
    deadline = time.monotonic() + seconds
    while (answer := receipt.answer()) is None:
        state = receipt.run.state()
        if state != "running" and receipt.answer() is None:
            raise IcerecoError(f"run {receipt.run.name!r} is {state}: it ended before it read the order")
        if time.monotonic() > deadline:
            raise IcerecoError(
                f"run {receipt.run.name!r} has not answered within {seconds:.0f} s; it obeys after its step or stage"
            )
        time.sleep(0.1)
    return answer


class OrderReader:
    """Yields new orders to the trainer, each once; orders older than the reader belong to an earlier training."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset = _size(path)

    def new(self) -> list[tuple[Order | None, str]]:
        """Return the orders since the last call, each with its line; None for a line that is not an order."""
        size = _size(self.path)
        if size < self.offset:  # the file was truncated
            self.offset = 0
        if size == self.offset:
            return []
        with suppress(OSError), self.path.open("rb") as file:
            file.seek(self.offset)
            whole, newline, _ = file.read().rpartition(b"\n")
            self.offset += len(whole) + len(newline)
            return [(_order(line), line) for line in whole.decode(errors="replace").splitlines()]
        return []


def _order(line: str) -> Order | None:
    with suppress(ValueError, AttributeError):
        order = parse_json(line).get("order")
        return order if order in get_args(Order) else None
    return None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _who() -> str:
    with suppress(KeyError, OSError, ImportError):  # a container's user may have no name
        return f"{getpass.getuser()}@{platform.node()}"
    return platform.node()
