"""How many processors this process may use, and with how many threads torch computes on them.

In a container or a batch job they are fewer than the machine has; on a machine that others use, too, fewer are free.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

__all__ = ["available_processors", "free_processors", "use_threads"]

_ROOT = Path("/")
_LOOK_SECONDS = 0.2


def available_processors() -> int:
    """Processors of this process's affinity, or fewer where a control group (cgroup) limits their time.

    A limit of 2.5 processors counts as 2, and one below 1 as 1: what waits for its share of time is slower than what
    was not started.
    """
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(int(min([affinity, *_quotas()])), 1)


def free_processors() -> int:
    """Those of `available_processors` that are idle now, at least one; looks for a fifth of a second if there are several.

    Threads of one computation wait for each other, so more of them than free processors are slower than fewer: on two
    processors that were busy two threads were four times slower than one.
    """
    available = available_processors()
    if available == 1:
        return 1
    import psutil  # not at the top: few commands compute

    of_machine = os.cpu_count() or available
    idle: float = of_machine * (1 - psutil.cpu_percent(_LOOK_SECONDS) / 100)
    return min(max(round(idle), 1), available)


def use_threads(count: int | None = None) -> int:
    """Let torch compute with so many threads in this process; by default as many as processors are free.

    A variable OMP_NUM_THREADS that is set goes before that default, but not before `count`.

    Returns:
        how many threads torch uses now.
    """
    import torch

    if count is None and os.environ.get("OMP_NUM_THREADS"):
        return torch.get_num_threads()
    torch.set_num_threads(count or free_processors())
    return torch.get_num_threads()


def _quotas() -> Iterator[float]:
    """Limits of the control groups that this process is in and of those above them, in processors."""
    mounts = _ROOT / "sys/fs/cgroup"
    for controllers, path in _groups():
        if not controllers:
            yield from _limits(mounts, path, _version_2)
        elif "cpu" in controllers.split(","):
            yield from _limits(mounts / "cpu", path, _version_1)


def _groups() -> Iterator[tuple[str, str]]:
    """Controllers (none: version 2) and path of each control group, from lines such as "4:cpu,cpuacct:/job"."""
    with suppress(OSError):
        for line in (_ROOT / "proc/self/cgroup").read_text(encoding="utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            yield controllers, path.lstrip("/")


def _limits(mount: Path, path: str, read: Callable[[Path], tuple[float, float]]) -> Iterator[float]:
    """From the group up to the mount; in a container the mount may be the group itself, and its path lead nowhere."""
    for folder in (mount / path, *(mount / path).parents):
        with suppress(OSError, ValueError):
            quota, period = read(folder)
            if quota > 0 and period > 0:
                yield quota / period
        if folder == mount:
            return


def _version_2(folder: Path) -> tuple[float, float]:
    """From "200000 100000"; from "max 100000" a ValueError, as there is no limit."""
    quota, period = (folder / "cpu.max").read_text(encoding="ascii").split()
    return float(quota), float(period)


def _version_1(folder: Path) -> tuple[float, float]:
    """The quota is -1 where there is no limit."""
    names = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
    quota, period = (float((folder / name).read_text(encoding="ascii")) for name in names)
    return quota, period
