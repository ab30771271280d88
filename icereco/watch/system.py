"""The load of this machine: processors, memory, disks, GPUs, and the processes of trainings."""

import shutil
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from icereco.system.processors import available_processors

__all__ = ["Gpu", "Load", "SystemFeed", "SystemView"]


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU; `busy` 0 to 1, power and its limit in W (None where they are not known)."""

    name: str
    busy: float
    memory_bytes: int
    total_bytes: int
    power_w: float | None
    limit_w: float | None


@dataclass(frozen=True, slots=True)
class Load:
    """The load of one process: `cores` in units of one busy processor core, memory in bytes."""

    cores: float
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class SystemView:
    """The load at one moment; rates are means since the look before. `loads` is by process id."""

    busy: float
    cores: int
    memory_bytes: int
    memory_total_bytes: int
    read_bytes_per_second: float
    written_bytes_per_second: float
    disk_free_bytes: int
    disk_total_bytes: int
    gpus: tuple[Gpu, ...] = ()
    loads: dict[int, Load] = field(default_factory=dict)


class SystemFeed:
    """Reads the load of this machine; `folder` gives the disk, `processes` the ids of the trainings to include."""

    def __init__(self, folder: Path, processes: Callable[[], Iterable[int]]) -> None:
        self.folder = folder
        self._processes = processes
        self._known: dict[int, psutil.Process] = {}
        self._moved = (0, 0, time.monotonic())
        self._nvml = _open_nvml()
        psutil.cpu_percent()  # the first call returns 0 and only starts the measurement

    def look(self) -> SystemView:
        """Read the load of processors, memory, disk, GPUs and trainings."""
        memory, disk = psutil.virtual_memory(), _disk(self.folder)
        read, written = self._rates()
        return SystemView(
            busy=psutil.cpu_percent() / 100,
            cores=available_processors(),
            memory_bytes=memory.total - memory.available,
            memory_total_bytes=memory.total,
            read_bytes_per_second=read,
            written_bytes_per_second=written,
            disk_free_bytes=disk[0],
            disk_total_bytes=disk[1],
            gpus=tuple(self._gpus()),
            loads=dict(self._loads()),
        )

    def _rates(self) -> tuple[float, float]:
        counters = psutil.disk_io_counters()
        now, before = time.monotonic(), self._moved
        if counters is None:  # a container may hide them
            return 0.0, 0.0
        self._moved = (counters.read_bytes, counters.write_bytes, now)
        passed = now - before[2]
        if before[0] == 0 or passed <= 0:
            return 0.0, 0.0
        return (counters.read_bytes - before[0]) / passed, (counters.write_bytes - before[1]) / passed

    def _loads(self) -> Iterable[tuple[int, Load]]:
        wanted = set(self._processes())
        self._known = {pid: process for pid, process in self._known.items() if pid in wanted}
        for pid in wanted:
            with suppress(psutil.Error):
                process = self._known.setdefault(pid, psutil.Process(pid))
                yield pid, Load(process.cpu_percent() / 100, process.memory_info().rss)

    def _gpus(self) -> Iterable[Gpu]:
        if self._nvml is None:
            return
        nvml = self._nvml
        for index in range(nvml.nvmlDeviceGetCount()):
            with suppress(nvml.NVMLError):
                device = nvml.nvmlDeviceGetHandleByIndex(index)
                memory = nvml.nvmlDeviceGetMemoryInfo(device)
                busy = nvml.nvmlDeviceGetUtilizationRates(device).gpu / 100
                name = str(nvml.nvmlDeviceGetName(device))
                yield Gpu(name, busy, int(memory.used), int(memory.total), *_power(nvml, device))


def _power(nvml: Any, device: Any) -> tuple[float | None, float | None]:
    with suppress(nvml.NVMLError):
        watts = nvml.nvmlDeviceGetPowerUsage(device) / 1000
        return watts, nvml.nvmlDeviceGetEnforcedPowerLimit(device) / 1000
    return None, None


def _open_nvml() -> Any:
    """NVIDIA's management library; None without it, or without an NVIDIA GPU."""
    try:
        import pynvml

        pynvml.nvmlInit()
    except Exception:  # the package or the driver may be missing, each with its own exception
        return None
    return pynvml


def _disk(folder: Path) -> tuple[int, int]:
    """Free and total bytes of the disk that holds a folder, or will hold it."""
    for place in (folder, *folder.absolute().parents):
        with suppress(OSError):
            usage = shutil.disk_usage(place)
            return usage.free, usage.total
    return 0, 0
