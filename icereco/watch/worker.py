"""Reconstructs single events with a trained model in another process, so that the app never imports torch."""

import json
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Any

import numpy as np
import pyarrow as pa

from icereco.errors import IcerecoError
from icereco.events.reconstruction import Estimate
from icereco.events.vmf_mixture import VmfMixture
from icereco.physics.sphere import direction_from_angles
from icereco.runs.commands import program

__all__ = ["Answer", "ReconstructionWorker", "Workers"]

_LENGTH_BYTES = 8  # as icereco.reconstruction.worker reads it
_LAST_LINES = 3


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a request for one event: an estimate, or a message about what went wrong."""

    event_id: int
    estimate: Estimate | None = None
    problem: str | None = None


class ReconstructionWorker:
    """A process with the weights of one model, which is started for the first event and ended by `close`.

    The weights are loaded again when a training has written new ones. Of the events requested while another is being
    reconstructed, only the last is reconstructed.

    Attributes:
        name: of the run or the trained model.
    """

    def __init__(self, name: str, weights: Callable[[], Path], answered: Callable[[Answer], object]) -> None:
        """Start the thread that sends requests; it calls `answered` with each answer.

        `weights` returns the checkpoint, or raises an IcerecoError where there is none.
        """
        self.name = name
        self._weights_now = weights
        self._answered = answered
        self._requests: SimpleQueue[tuple[int, pa.RecordBatch] | None] = SimpleQueue()
        self._process: subprocess.Popen[bytes] | None = None
        self._written = 0
        self._thread = threading.Thread(target=self._serve, name=f"reconstructs with {name}", daemon=True)
        self._thread.start()

    def ask(self, event_id: int, table: pa.RecordBatch) -> None:
        """Request the reconstruction of an event, a table in icereco's layout of one row; returns at once."""
        self._requests.put((event_id, table))

    def close(self) -> None:
        """End the process that reconstructs."""
        self._requests.put(None)
        if self._process is not None:
            self._process.kill()

    def _serve(self) -> None:
        while (request := self._newest()) is not None:
            event_id, table = request
            try:
                estimate = self._estimate(table)
            except (IcerecoError, OSError, ValueError) as error:
                self._end()
                self._answered(Answer(event_id, problem=f"{self.name}: {error}"))
            else:
                self._answered(Answer(event_id, estimate))
        self._end()

    def _newest(self) -> tuple[int, pa.RecordBatch] | None:
        request = self._requests.get()
        while request is not None and not self._requests.empty():
            request = self._requests.get()
        return request

    def _estimate(self, table: pa.RecordBatch) -> Estimate:
        process = self._started()
        assert process.stdin is not None
        content = BytesIO()
        with pa.ipc.new_stream(content, table.schema) as stream:
            stream.write_batch(table)
        process.stdin.write(content.tell().to_bytes(_LENGTH_BYTES, "big") + content.getvalue())
        process.stdin.flush()
        answer = self._read_line(process)
        angles = [np.nan if answer[name] is None else answer[name] for name in ("azimuth", "zenith")]
        direction = direction_from_angles(*map(np.array, angles))
        known = bool(np.isfinite(direction).all())
        components = answer["posterior"]
        quantities: dict[str, Any] = {
            name: np.array(value) if isinstance(value, list) else value
            for name, value in answer["quantities"].items()
        }
        return Estimate(
            f"{self.name}, now",
            direction if known else None,
            _posterior(components) if known and components else None,
            int(answer["pulses_used"] or 0),
            **quantities,
        )

    def _started(self) -> "subprocess.Popen[bytes]":
        """The process, with the weights that there are now."""
        path = self._weights_now()
        written = path.stat().st_mtime_ns
        if self._process is None or self._process.poll() is not None or written != self._written:
            self._end()
            self._written = written
            self._process = _start(path)
            self._read_line(self._process)
        return self._process

    def _read_line(self, process: "subprocess.Popen[bytes]") -> dict[str, Any]:
        """The next line that the process writes.

        Raises:
            IcerecoError: the process reports an error, or has ended.
        """
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            process.wait()
            raise IcerecoError(f"the process that reconstructs has ended: {_last_words(process.stderr)}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise IcerecoError(str(answer["error"]))
        return answer

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()


def _posterior(components: list[list[float]]) -> VmfMixture:
    """The posterior of one event, from the weight, kappa, azimuth and zenith of each component."""
    weight, kappa, azimuth, zenith = np.array(components).T[:, None]
    return VmfMixture(weight, direction_from_angles(azimuth, zenith), kappa)


def _start(checkpoint: Path) -> "subprocess.Popen[bytes]":
    command = program(str(checkpoint), module="icereco.reconstruction.worker")
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def _last_words(stream: IO[bytes] | None) -> str:
    words = b"" if stream is None else stream.read()
    lines = words.decode(errors="replace").strip().splitlines()[-_LAST_LINES:]
    return " / ".join(lines) or "it printed no message"


class Workers:
    """The runs and trained models that reconstruct each event that is shown."""

    def __init__(self, answered: Callable[[Answer], object]) -> None:
        """Start with none; `answered` is called from the threads of the workers."""
        self._answered = answered
        self._workers: dict[str, ReconstructionWorker] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of those that reconstruct."""
        return tuple(self._workers)

    def toggle(self, name: str, weights: Callable[[], Path]) -> None:
        """Let a run or a trained model reconstruct the events shown, or stop it if it does so already.

        Args:
            name: by which it is shown.
            weights: returns its checkpoint, or raises an IcerecoError where there is none.
        """
        worker = self._workers.pop(name, None)
        if worker is not None:
            worker.close()
        else:
            self._workers[name] = ReconstructionWorker(name, weights, self._answered)

    def ask(self, event_id: int, table: pa.RecordBatch) -> None:
        """Request the reconstruction of an event from each of them; returns at once."""
        for worker in self._workers.values():
            worker.ask(event_id, table)

    def close(self) -> None:
        """End all processes."""
        for worker in self._workers.values():
            worker.close()
        self._workers.clear()
