"""Asks other processes about the likelihood of the event that is shown, so that the app never imports torch and never waits."""

import json
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from queue import SimpleQueue
from typing import Any

import numpy as np
import pyarrow as pa

from icereco.errors import IcerecoError
from icereco.events.sky_map import SkyMap
from icereco.runs.commands import program

__all__ = ["LightAnswer", "LightWorker", "ScanAnswer", "ScanWorker"]

_LENGTH_BYTES = 8  # as icereco.reconstruction.likelihood_worker reads it
_NSIDES = {"nside": 128, "first_nside": 4}  # of the smallest pixels of a scan, 0.46°, and of the first, 15°
_LAST_LINES = 2


@dataclass(frozen=True, slots=True, eq=False)
class LightAnswer:
    """What light is expected, or why none is.

    Attributes:
        key: of the question.
        photo_electrons: `[S]`, of all modules, or None with a problem.
        fitted: what was fitted to the event.
        problem: in words.
    """

    key: str
    photo_electrons: np.ndarray | None = None
    fitted: tuple[str, ...] = ()
    problem: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ScanAnswer:
    """How far a scan is, its map at the end, or why there is none.

    Attributes:
        event_id: of the event.
        doing: what is being done; done, of: how many directions of this are done.
        sky: the map.
        problem: in words.
    """

    event_id: int
    doing: str = ""
    done: int = 0
    of: int = 0
    sky: SkyMap | None = None
    problem: str | None = None


class _Process:
    """One process of `icereco.reconstruction.likelihood_worker`."""

    def __init__(self, detector: str) -> None:
        command = program(detector, module="icereco.reconstruction.likelihood_worker")
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe)

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def send(self, request: dict[str, Any], table: pa.RecordBatch) -> None:
        """Send a request about an event."""
        assert self._process.stdin is not None
        content = BytesIO()
        with pa.ipc.new_stream(content, table.schema) as stream:
            stream.write_batch(table)
        for part in (json.dumps(request).encode(), content.getvalue()):
            self._process.stdin.write(len(part).to_bytes(_LENGTH_BYTES, "big") + part)
        self._process.stdin.flush()

    def line(self) -> dict[str, Any]:
        """The next line of its answer.

        Raises:
            IcerecoError: it reports an error, or has ended.
        """
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise IcerecoError(f"the process that computes has ended: {self._last_words()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise IcerecoError(str(answer["error"]))
        return answer

    def _last_words(self) -> str:
        self._process.wait()
        words = b"" if self._process.stderr is None else self._process.stderr.read()
        lines = words.decode(errors="replace").strip().splitlines()[-_LAST_LINES:]
        return " / ".join(lines) or "it printed no message"

    def end(self) -> None:
        """End it, if it has not ended."""
        self._process.kill()
        self._process.communicate()

    def kill(self) -> None:
        """End it from another thread than the one that reads."""
        self._process.kill()


class LightWorker:
    """A process that is started for the first question, and answers the newest one."""

    def __init__(self, answered: Callable[[LightAnswer], object]) -> None:
        """`answered` is called from a thread."""
        self._answered = answered
        self._questions: SimpleQueue[tuple[str, str, dict[str, Any], pa.RecordBatch] | None] = SimpleQueue()
        self._process: _Process | None = None
        self._detector = ""
        self._thread: threading.Thread | None = None

    def ask(self, key: str, detector: str, source: dict[str, Any], table: pa.RecordBatch) -> None:
        """Ask for the light of a source in an event; returns at once.

        Args:
            key: of the answer.
            detector: by its name or place.
            source: the fields of `icereco.reconstruction.expected_light.LightSource`.
            table: the event, in icereco's layout of one row.
        """
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="expects light", daemon=True)
            self._thread.start()
        self._questions.put((key, detector, source, table))

    def close(self) -> None:
        """End the process."""
        self._questions.put(None)
        if self._process is not None:
            self._process.kill()

    def _serve(self) -> None:
        while (question := self._newest()) is not None:
            key, detector, source, table = question
            try:
                process = self._started(detector)
                process.send({"light": source}, table)
                answer = process.line()
            except (IcerecoError, OSError, ValueError) as error:
                self._answered(LightAnswer(key, problem=str(error)))
            else:
                photo_electrons = np.array(answer["photo_electrons"])
                self._answered(LightAnswer(key, photo_electrons, tuple(answer["fitted"])))
        if self._process is not None:
            self._process.end()

    def _newest(self) -> tuple[str, str, dict[str, Any], pa.RecordBatch] | None:
        question = self._questions.get()
        while question is not None and not self._questions.empty():
            question = self._questions.get()
        return question

    def _started(self, detector: str) -> _Process:
        if self._process is None or not self._process.alive or detector != self._detector:
            if self._process is not None:
                self._process.end()
            self._process, self._detector = _Process(detector), detector
        return self._process


class ScanWorker:
    """Scans the likelihood of one event at a time, in a process that is ended when it is no longer wanted."""

    def __init__(self, answered: Callable[[ScanAnswer], object]) -> None:
        """`answered` is called from a thread."""
        self._answered = answered
        self._process: _Process | None = None
        self.event_id: int | None = None

    def start(self, event_id: int, detector: str, table: pa.RecordBatch) -> None:
        """Scan an event in place of any other; returns at once."""
        self.cancel()
        self.event_id = event_id
        self._process = process = _Process(detector)
        arguments = (process, event_id, table)
        threading.Thread(target=self._follow, args=arguments, name="scans", daemon=True).start()

    def cancel(self) -> None:
        """End the scan, if there is one."""
        process, self._process, self.event_id = self._process, None, None
        if process is not None:
            process.kill()

    def _follow(self, process: _Process, event_id: int, table: pa.RecordBatch) -> None:
        try:
            process.send({"scan": _NSIDES}, table)
            while "doing" in (line := process.line()):
                self._answer(process, ScanAnswer(event_id, **line))
        except (IcerecoError, OSError, ValueError) as error:
            self._answer(process, ScanAnswer(event_id, problem=str(error)))
        else:
            columns = {name: np.array(line[name]) for name in ("order", "pixel", "log_likelihood")}
            self._answer(
                process, ScanAnswer(event_id, sky=SkyMap(**columns, temperature=line["temperature"]))
            )
        process.end()

    def _answer(self, process: _Process, answer: ScanAnswer) -> None:
        """Report, unless the scan was cancelled."""
        if process is self._process:
            if answer.sky is not None or answer.problem is not None:
                self._process, self.event_id = None, None
            self._answered(answer)
