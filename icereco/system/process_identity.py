"""Distinguishes a live process from a dead one whose number is reused by another."""

import os
from contextlib import suppress
from pathlib import Path

__all__ = ["birth_mark", "is_alive"]

_PROC = Path("/proc")
_DEAD_STATES = "ZXx"


def birth_mark(pid: int | None = None) -> str | None:
    """Return what distinguishes a process (default: this one) from any other of its number; None if there is none.

    On Linux the boot and the clock tick in which it started; elsewhere the time. A zombie counts as dead.
    """
    pid = os.getpid() if pid is None else pid
    return _mark_from_proc(pid) if (_PROC / "self" / "stat").exists() else _start_time(pid)


def is_alive(pid: int, mark: str | None) -> bool:
    """Whether process `pid` of this machine is still the one with the birth mark `mark`."""
    now = birth_mark(pid)
    return now is not None and mark in (None, now)


def _mark_from_proc(pid: int) -> str | None:
    try:
        stat = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None
    # The second field is the program's name in parentheses, and may itself hold spaces and parentheses.
    fields = stat.rpartition(")")[2].split()
    state, started = fields[0], fields[19]
    return None if state in _DEAD_STATES else f"{boot}:{started}"


def _start_time(pid: int) -> str | None:
    import psutil  # not at the top: Linux, where most trainings run, starts faster without

    with suppress(psutil.Error):
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.3f}"
    return None
