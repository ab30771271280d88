"""A run is a folder: it holds all results of a training and can be read while the training writes.

    runs/<name>/
        profile.toml             the resolved profile: it alone rebuilds the model
        provenance.json          versions, data fingerprint, detector, command line, machine
        metrics.jsonl            one JSON object a line, with the keys of `icereco.runs.metrics`
        status.json              phase, progress, and the process that writes it
        control.jsonl            orders to the training (`icereco.runs.orders`)
        log.txt
        checkpoints/             best.safetensors, last.safetensors, and to resume from state.safetensors or,
                                 where that is damaged, the state before it, state-before.safetensors
        validation.parquet       reconstructions of the validation events
        report.html              what the training is worth, with the numbers behind its figures in report_data/
        notes.txt                what the user has noted (`icereco.runs.notes`)

Training writes; the terminal app, reports and `icereco runs` only read, append orders, and keep notes.
"""

import json
import os
import platform
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self, Unpack

from icereco.errors import IcerecoError, did_you_mean
from icereco.runs.metrics import append_line, read_lines, rewind
from icereco.runs.status import FINAL, Phase, Progress, State, Status
from icereco.system.documents import parse_json, parse_toml
from icereco.system.files import explaining, write_text
from icereco.system.json_lines import plain
from icereco.system.locks import locked_if_free, process_with
from icereco.system.log import get_logger
from icereco.system.process_identity import birth_mark

__all__ = [
    "Phase",
    "Progress",
    "RunFolder",
    "State",
    "Status",
    "finished_runs",
    "is_run_name",
    "list_runs",
    "resolve",
    "runs_dir",
]

logger = get_logger(__name__)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_LOCK = ".lock"
_FILES = ("profile.toml", "provenance.json", "metrics.jsonl", "status.json", "log.txt")
"""Every training has written these by its first step."""
_OWN_NAMES = {
    *(*_FILES, _LOCK, "control.jsonl", "skipped.jsonl", "validation.parquet", "checkpoints"),
    *("report.html", "report_data"),
    *("wandb", "wandb-id", "wandb-mode"),
}


@dataclass(frozen=True, slots=True)
class RunFolder:
    """One run; the object holds only the path, so any number of readers may use the same folder."""

    path: Path

    @classmethod
    def create(cls, root: Path, name: str) -> Self:
        """Create a new, empty run `root/name`; one of that name that ended before it saved anything makes room.

        Raises:
            IcerecoError: the name is not a valid run name, the folder is not empty, or it cannot be written.
        """
        if not is_run_name(name):
            raise IcerecoError(f"{name!r} cannot be the name of a run: use letters, digits, '.', '_' and '-'")
        run = cls(root / name)
        with explaining(run.path):
            holds_files = any(path.is_file() and path.name != _LOCK for path in run.path.rglob("*"))
            if holds_files and not run.reclaim():
                raise IcerecoError(
                    f"the run folder {run.path} is not empty; continue it with: icereco train --resume {name}, "
                    "or choose another --name"
                )
            run.checkpoints.mkdir(parents=True, exist_ok=True)
        return run

    @property
    def name(self) -> str:
        """The name of the run, which is that of its folder."""
        return self.path.name

    @property
    def profile(self) -> Path:
        """The file with the resolved profile."""
        return self.path / "profile.toml"

    @property
    def log(self) -> Path:
        """The log as text."""
        return self.path / "log.txt"

    @property
    def metrics(self) -> Path:
        """Metrics, one JSON object a line."""
        return self.path / "metrics.jsonl"

    @property
    def skipped(self) -> Path:
        """The events that `--skip-bad` left out, one JSON object a line; absent if there are none."""
        return self.path / "skipped.jsonl"

    @property
    def control(self) -> Path:
        """Orders to the training, one JSON object a line."""
        return self.path / "control.jsonl"

    @property
    def validation(self) -> Path:
        """Reconstructions of the validation events."""
        return self.path / "validation.parquet"

    @property
    def checkpoints(self) -> Path:
        """The folder of weights."""
        return self.path / "checkpoints"

    @property
    def best(self) -> Path:
        """The weights with the best validation."""
        return self.checkpoints / "best.safetensors"

    def best_weights(self) -> Path:
        """Return the weights with the best validation.

        Raises:
            IcerecoError: there are none yet.
        """
        if not self.best.is_file():
            raise IcerecoError(
                f"run {self.name!r} has no checkpoint yet ({self.best} is missing); let the training continue"
            )
        return self.best

    @property
    def last(self) -> Path:
        """The checkpoint with the newest weights."""
        return self.checkpoints / "last.safetensors"

    @property
    def training_state(self) -> Path:
        """Weights, optimizer, random numbers and position: what a resumed training needs."""
        return self.checkpoints / "state.safetensors"

    @property
    def training_state_before(self) -> Path:
        """The training state that was saved before the newest."""
        return self.checkpoints / "state-before.safetensors"

    @property
    def saved(self) -> bool:
        """Whether there are weights, or a state to resume from."""
        return any(self.checkpoints.glob("*.safetensors"))

    @property
    def exists(self) -> bool:
        """Return whether a training has written here."""
        return any((self.path / name).is_file() for name in ("status.json", "profile.toml", "metrics.jsonl"))

    def profile_name(self) -> str | None:
        """The name in the resolved profile; None where it is missing or broken."""
        with suppress(OSError, ValueError):
            name = parse_toml(self.profile.read_text(encoding="utf-8")).get("name")
            return name if isinstance(name, str) else None
        return None

    def profile_text(self) -> str:
        """Read the resolved profile.

        Raises:
            IcerecoError: the file is missing, or is not text.
        """
        try:
            return self.profile.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = "damaged" if isinstance(error, UnicodeDecodeError) else error.strerror
            raise IcerecoError(f"{self.profile}: cannot be read: {reason}; start a new training") from error

    def write_profile(self, resolved_toml: str) -> None:
        """Write the resolved profile."""
        write_text(self.profile, resolved_toml)

    def write_provenance(self, facts: Mapping[str, Any]) -> None:
        """Write the facts of `icereco.runs.provenance.provenance`."""
        write_text(self.path / "provenance.json", json.dumps(plain(facts), indent=2) + "\n")

    def provenance(self) -> dict[str, Any]:
        """Read the stored provenance; empty where it is missing or broken."""
        with suppress(OSError, ValueError):
            facts = parse_json((self.path / "provenance.json").read_text(encoding="utf-8"))
            return facts if isinstance(facts, dict) else {}
        return {}

    def append_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Append one line and flush it immediately, so that readers see it.

        Raises:
            IcerecoError: the disk is full or the folder is gone.
        """
        append_line(self.metrics, metrics)

    def read_metrics(self) -> list[dict[str, Any]]:
        """Read every complete line, with NaN for null; a damaged line is left out."""
        return read_lines(self.metrics)

    def rewind_metrics(self, step: int) -> None:
        """Drop what was written after `step`, which a resumed training is going to write again."""
        rewind(self.metrics, step)

    def write_status(self, phase: Phase, **progress: Unpack[Progress]) -> None:
        """Write a status of this process; figures that are not given keep their values, a message does not.

        Raises:
            IcerecoError: the disk is full or the folder is gone.
        """
        now, before = time.time(), self.status()
        begun = before.begun if before else now
        own = Status(phase, os.getpid(), birth_mark(), platform.node(), begun=begun, heartbeat=now)
        kept = {
            name: getattr(before, name) for name in Progress.__annotations__ if before and name != "message"
        }
        text = json.dumps(plain(asdict(own) | kept | progress), indent=2) + "\n"
        write_text(self.path / "status.json", text, durable=phase in FINAL)

    def status(self) -> Status | None:
        """Read the last written status; None where the file is missing or broken."""
        with suppress(OSError, UnicodeDecodeError):
            return Status.parse((self.path / "status.json").read_text(encoding="utf-8"))
        return None

    def state(self) -> State:
        """Return the actual state of the run, which may differ from its last status."""
        status = self.status()
        if status is None:
            return "crashed"
        with suppress(OSError):
            return status.state_of((self.path / "status.json").stat().st_mtime)
        return status.state

    def is_live(self) -> bool:
        """Return whether a process is training in this folder."""
        return self.state() == "running"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Lock the folder for this process; the lock ends with the process, even if that is killed.

        A process on another machine, or on a file system without locks, is known by the status alone.

        Raises:
            IcerecoError: another live process holds the lock.
        """
        lock, status = self.path / _LOCK, self.status()
        own = status is not None and (status.pid, status.host) == (os.getpid(), platform.node())
        if status is not None and not own and self.is_live():
            raise self._in_use(status.pid, status.host)
        with ExitStack() as stack:
            with explaining(lock):
                free = stack.enter_context(locked_if_free(lock))
            if not free:
                raise self._in_use(process_with(lock), platform.node())
            yield

    def delete(self) -> None:
        """Delete the folder with everything in it.

        Raises:
            IcerecoError: a process is training there, it is not the folder of a run, or it cannot be deleted.
        """
        if self.is_live():
            raise IcerecoError(f"run {self.name!r} is running; stop it first: icereco runs stop {self.name}")
        few = sum((self.path / name).is_file() for name in _FILES) < 2
        if not is_run_name(self.name) or (few and self.status() is None):
            raise IcerecoError(f"{self.path} is not the folder of a run; nothing is deleted")
        try:
            shutil.rmtree(self.path)
        except OSError as error:
            raise IcerecoError(f"cannot delete {error.filename or self.path}: {error.strerror}") from error

    def reclaim(self) -> bool:
        """Remove what a training left that ended before it saved anything; False where there is anything else.

        Raises:
            IcerecoError: another process holds the lock.
        """
        if self.is_live() or not self._saved_nothing():
            return False
        with self.lock():
            logger.info("run %s had saved nothing; its name is used again", self.name)
            shutil.rmtree(self.path)
        return True

    def _saved_nothing(self) -> bool:
        """Whether a training began here and left only files of its own, and no checkpoint."""
        names = {path.name for path in self.path.iterdir() if path.suffix != ".partial"}
        began = self.exists or _LOCK in names  # a killed training may have left nothing but its lock and log
        if not began or self.path.is_symlink() or not names <= _OWN_NAMES:
            return False
        return not any(path.suffix != ".partial" for path in self.checkpoints.glob("*"))

    def discard(self) -> None:
        """Remove the folder, and that of the runs if it is empty then, ignoring errors; for the process that created it."""
        shutil.rmtree(self.path, ignore_errors=True)
        with suppress(OSError):  # other runs are there
            self.path.parent.rmdir()

    def _in_use(self, pid: int | None, host: str) -> IcerecoError:
        return IcerecoError(
            f"the run folder {self.path} is in use by process {pid or 'unknown'} on {host}; wait for it, "
            f"stop it with: kill -INT {pid or 'PID'}, or choose another --name"
        )


def is_run_name(name: str) -> bool:
    """Return whether a name is valid for a run."""
    return _NAME.fullmatch(name) is not None


def runs_dir() -> Path:
    """Return the default folder of runs: `runs` in the working directory."""
    return Path("runs")


def list_runs(root: Path) -> list[RunFolder]:
    """List all runs in a folder, the most recently active first."""
    if not root.is_dir():
        return []
    runs = [run for path in root.iterdir() if path.is_dir() and (run := RunFolder(path)).exists]
    return sorted(runs, key=lambda run: (_last_active(run), run.name), reverse=True)


def finished_runs(root: Path) -> list[RunFolder]:
    """List the runs that have finished and have weights, the newest first.

    Without those of sweeps, which are chosen by name, and those that were pre-trained, which estimate nothing.
    """
    return [
        run
        for run in list_runs(root)
        if not any(map(run.provenance().get, ("sweep", "self_supervised")))
        and run.state() == "finished"
        and run.best.is_file()
    ]


def resolve(name_or_path: str | Path, root: Path) -> RunFolder:
    """Return the run with this path, or with this name in `root`.

    Raises:
        IcerecoError: there is none, with the nearest name.
    """
    for path in (root / name_or_path, Path(name_or_path)):
        if (run := RunFolder(path)).exists:
            return run
    names = [run.name for run in list_runs(root)]
    if not names:
        raise IcerecoError(
            f"there is no run {str(name_or_path)!r}: {root} holds no runs; train one: icereco train"
        )
    hint = did_you_mean(str(name_or_path), names) or f"; the newest is {names[0]!r}"
    raise IcerecoError(f"there is no run {str(name_or_path)!r} in {root}{hint}; list them with: icereco runs")


def _last_active(run: RunFolder) -> float:
    status = run.status()
    if status is not None:
        return status.heartbeat
    with suppress(OSError):
        return run.path.stat().st_mtime
    return 0.0
