"""Jobs: commands that run on their own, one after the other or at once, and outlive the process that submitted them.

    runs/.jobs/
        1760000000123-quick-simulated-v1-calm-muon.json    what to run, and its state
        1760000000123-quick-simulated-v1-calm-muon.txt     what it printed
        .lock                                              held by the process that works through the queue

Each job runs in a session of its own, detached from the terminal: closing that, or losing the connection, does not stop it.
The queue has no server: adding a job starts a worker, and a worker that finds another running ends immediately.

A folder of runs may be shared by a group. A job file is data: its place is its own name and nothing that it says, and
only jobs of this user are run.
"""

import json
import os
import re
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal, Self

from icereco.errors import INTERRUPTED, IcerecoError, message_in
from icereco.runs.commands import program, start
from icereco.runs.folder import is_run_name
from icereco.system.documents import parse_json
from icereco.system.files import write_text
from icereco.system.locks import locked_if_free
from icereco.system.process_identity import birth_mark, is_alive
from icereco.system.typed_fields import has_declared_types

__all__ = ["Job", "JobFolder", "JobState"]

_IDENTITY = re.compile(r"[0-9]+-[A-Za-z0-9][A-Za-z0-9._-]*")

JobState = Literal["waiting", "running", "done", "failed", "lost"]
"""lost: its process died without recording an end, for example when the machine was switched off."""


@dataclass(frozen=True, slots=True)
class Job:
    """One command of the icereco program.

    Attributes:
        identity: file name without suffix; sorts by time of submission.
        arguments: behind `icereco`, such as ("train", "--profile", "quick").
        folder: where it runs.
        run: the name of the run that it begins or resumes.
        queued: whether it waits for its turn.
        pid, mark: of the worker that runs it, once it has started.
        left_run: whether its run had a folder when it ended.
    """

    identity: str
    arguments: tuple[str, ...]
    folder: str
    run: str
    queued: bool
    state: JobState = "waiting"
    pid: int | None = None
    mark: str | None = None
    began: float | None = None
    ended: float | None = None
    exit_code: int | None = None
    left_run: bool = True

    @classmethod
    def parse(cls, text: str, identity: str) -> Self | None:
        """Parse the file of the job `identity`; None if the text is not that job."""
        with suppress(ValueError, LookupError, TypeError, AttributeError):
            fields = parse_json(text)
            job = cls(**fields | {"arguments": tuple(fields["arguments"])})
            valid = (
                isinstance(fields["arguments"], list)
                and has_declared_types(job)
                and is_run_name(job.run)
                and _IDENTITY.fullmatch(identity)
            )
            if valid and job.identity == identity:
                return job
        return None

    @property
    def now(self) -> Self:
        """Return the job with its actual state: lost where the file says running and the process is dead."""
        if self.state == "running" and not (self.pid and is_alive(self.pid, self.mark)):
            return replace(self, state="lost")
        return self


@dataclass(frozen=True, slots=True)
class JobFolder:
    """The jobs of a folder of runs."""

    runs: Path

    @property
    def path(self) -> Path:
        """The folder of the jobs; no run can have its name."""
        return self.runs / ".jobs"

    def all(self) -> list[Job]:
        """List every job in order of submission."""
        jobs = [self._read(path.stem) for path in sorted(self.path.glob("*.json"))]
        return [job.now for job in jobs if job is not None]

    def output(self, job: Job) -> Path:
        """Return the file of a job's output."""
        return self.path / f"{job.identity}.txt"

    def complaint(self, job: Job) -> str:
        """Return why a job failed: its last error message, else its exit code or state."""
        with suppress(OSError):
            if message := message_in(self.output(job).read_text(encoding="utf-8", errors="replace")):
                return message
        return f"exit code {job.exit_code}" if job.exit_code else f"the job {job.state}"

    def submit(self, arguments: Sequence[str], run: str, folder: Path, *, queued: bool) -> Job:
        """Start a job immediately, or queue it behind earlier ones; it outlives this process either way.

        Raises:
            IcerecoError: the folder cannot be written to.
        """
        job = Job(
            f"{time.time_ns() // 1_000_000}-{run}", tuple(arguments), str(folder.resolve()), run, queued
        )
        self._write(job)
        self._start_worker(job)
        return job

    def cancel(self, job: Job) -> None:
        """Remove a waiting job from the queue, or the record of one that has ended.

        Raises:
            IcerecoError: it is running.
        """
        current = self._read(job.identity)
        if current is not None and current.now.state == "running":
            raise IcerecoError(f"job {job.identity} is running; stop its run: icereco runs stop {job.run}")
        for path in (self._file(job.identity), self.output(job)):
            path.unlink(missing_ok=True)

    def work(self, identity: str | None = None) -> None:
        """Work through one job, or through the whole queue unless another worker does so."""
        if identity is not None:
            if (job := self._read(identity)) and self._is_own(job):
                self._run(job)
            return
        while self._next() is not None:
            with locked_if_free(self.path / ".lock") as free:
                # Without locks of the file system, another worker is known only by its running job.
                if not free or any(job.queued and job.state == "running" for job in self.all()):
                    return
                while job := self._next():
                    self._run(job)
            # The worker of a job submitted since the last check found the lock taken and ended: check again without it.

    def _next(self) -> Job | None:
        waiting = (job for job in self.all() if job.queued and job.state == "waiting")
        return next((job for job in waiting if self._is_own(job)), None)

    def _run(self, job: Job) -> None:
        running = replace(job, state="running", pid=os.getpid(), mark=birth_mark(), began=time.time())
        self._write(running)
        code = _call(job, self.output(job))
        left_run = (self.runs / job.run).is_dir()
        state: JobState = "done" if code in (0, INTERRUPTED) else "failed"  # who stopped it knows
        self._write(replace(running, state=state, exit_code=code, ended=time.time(), left_run=left_run))

    def _start_worker(self, job: Job) -> None:
        words = [str(self.runs.resolve()), *([] if job.queued else [job.identity])]
        start(program(*words, module="icereco.runs.jobs"), Path(os.devnull))

    def _file(self, identity: str) -> Path:
        return self.path / f"{identity}.json"

    def _read(self, identity: str) -> Job | None:
        with suppress(OSError, UnicodeDecodeError):
            return Job.parse(self._file(identity).read_text(encoding="utf-8"), identity)
        return None

    def _is_own(self, job: Job) -> bool:
        """Whether this user wrote the job's file; Windows does not say."""
        with suppress(OSError):
            return not hasattr(os, "getuid") or self._file(job.identity).lstat().st_uid == os.getuid()
        return False

    def _write(self, job: Job) -> None:
        write_text(self._file(job.identity), json.dumps(asdict(job), indent=2) + "\n")


def _call(job: Job, output: Path) -> int:
    """Run a job's command to its end in the session of its worker, and return its exit code."""
    try:
        return start(program(*job.arguments), output, folder=Path(job.folder), detached=False).wait()
    except OSError as error:
        write_text(output, f"error: {job.folder}: {error.strerror}\n")
        return 1


if __name__ == "__main__":
    JobFolder(Path(sys.argv[1])).work(sys.argv[2] if len(sys.argv) > 2 else None)
