"""How this program starts itself: the command line of a training, and processes that outlive their parent."""

import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import IO

from icereco.runs.folder import RunFolder, runs_dir
from icereco.system.worker_processes import SAFE_PATH

__all__ = ["program", "resume_arguments", "start", "train_arguments"]

_OWN_GROUP: int = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
"""What a session of its own is called on Windows."""


def train_arguments(
    profile: str,
    run: RunFolder,
    *,
    data: Iterable[str] = (),
    overrides: Iterable[str] = (),
    begin_from: str = "",
) -> list[str]:
    """Return the arguments of `icereco` that begin a run; `data`, `overrides` and `begin_from` as after `--data`, `-o` and `--from`."""
    words = ["train", "--profile", profile, "--name", run.name]
    if begin_from:
        words += ["--from", begin_from]
    if run.path.parent != runs_dir():
        words += ["--runs-dir", str(run.path.parent)]
    for text in data:
        words += ["--data", text]
    for override in overrides:
        words += ["-o", override]
    return words


def resume_arguments(run: RunFolder) -> list[str]:
    """Return the arguments of `icereco` that resume a run, from any folder."""
    return ["train", "--runs-dir", str(run.path.resolve().parent), "--resume", run.name]


def program(*arguments: str, module: str = "icereco") -> list[str]:
    """Return the command line of a module of this installation, independent of the shell's search path.

    The working folder lends it no modules (-P): a `click.py` or `random.py` there is the user's, or somebody else's.
    """
    return [sys.executable, "-P", "-m", module, *arguments]


def start(
    command: Sequence[str],
    output: Path | IO[bytes],
    *,
    folder: Path | None = None,
    threads: int | None = None,
    detached: bool = True,
) -> subprocess.Popen[bytes]:
    """Start a process with empty standard input, and append its output to `output`.

    Args:
        command: see `program`.
        output: a file, the null device, or an open file.
        folder: its working directory, by default that of this process.
        threads: of its arithmetic, unless the user has set OMP_NUM_THREADS.
        detached: in a session of its own, which Ctrl-C and the end of the terminal do not reach.

    Raises:
        OSError: the folder is gone, or `output` cannot be written to.
    """
    limits = {} if threads is None else {"OMP_NUM_THREADS": str(threads)}
    with output.open("ab") if isinstance(output, Path) else nullcontext(output) as file:
        return subprocess.Popen(
            command,
            cwd=folder,
            env={**limits, **os.environ, **SAFE_PATH},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=detached,
            creationflags=_OWN_GROUP if detached else 0,
        )
