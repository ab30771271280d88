"""The load of the machine, as bars."""

from collections.abc import Iterator
from dataclasses import dataclass

from rich.text import Text
from textual.reactive import reactive
from textual.widget import Widget

from icereco.tui.themes import themed
from icereco.watch.runs import RunView
from icereco.watch.system import Load, SystemView

__all__ = ["Gauge", "Gauges", "gauges_of", "load_of"]


def load_of(run: RunView | None, system: SystemView | None) -> Load | None:
    """What a run takes of this machine; None where it does not run here."""
    if system is None or run is None or run.status is None or run.state != "running":
        return None
    return system.loads.get(run.status.pid) if run.status.local else None


@dataclass(frozen=True, slots=True)
class Gauge:
    """One line: a name, how full the bar is (0 to 1, or None where there is no limit), and the value as text."""

    name: str
    part: float | None
    text: str


def gauges_of(system: SystemView, load: Load | None) -> Iterator[Gauge]:
    """The gauges of a machine, and of one training on it."""
    for gpu in system.gpus:
        yield Gauge("gpu", gpu.busy, f"{gpu.busy:.0%}")
        yield Gauge("vram", gpu.memory_bytes / max(gpu.total_bytes, 1), _size(gpu.memory_bytes))
        if gpu.power_w is not None and gpu.limit_w:
            yield Gauge("pow", gpu.power_w / gpu.limit_w, f"{gpu.power_w:.0f}W")
    yield Gauge("cpu", system.busy, f"{system.busy:.0%}")
    yield Gauge("mem", system.memory_bytes / max(system.memory_total_bytes, 1), _size(system.memory_bytes))
    used = 1 - system.disk_free_bytes / max(system.disk_total_bytes, 1)
    yield Gauge("disk", used, f"{_size(system.disk_free_bytes)} free")
    rates = f"r {_size(system.read_bytes_per_second)}/s  w {_size(system.written_bytes_per_second)}/s"
    yield Gauge("io", None, rates)
    if load is not None:
        yield Gauge("run", None, f"{load.cores:.1f} cores  {_size(load.memory_bytes)}")


def _size(count: float) -> str:
    for unit in ("B", "k", "M", "G", "T"):
        if count < 1000 or unit == "T":
            return f"{count:.0f}{unit}" if count >= 10 or unit == "B" else f"{count:.1f}{unit}"
        count /= 1000
    raise AssertionError


class Gauges(Widget):
    """The gauges of this machine."""

    system: reactive[SystemView | None] = reactive(None, layout=True)
    load: reactive[Load | None] = reactive(None, layout=True)

    def watch_system(self, system: SystemView | None) -> None:
        """Set the title to the GPU and the number of cores."""
        if system is not None:
            gpus = f"{system.gpus[0].name} · " if system.gpus else ""
            self.border_title = f"{gpus}{system.cores} cores"

    def render(self) -> Text:
        """Return a line for each gauge."""
        if self.system is None:
            return Text("…", style="dim")
        return Text("\n").join(self._line(gauge) for gauge in gauges_of(self.system, self.load))

    def _line(self, gauge: Gauge) -> Text:
        line = Text(f"{gauge.name:<5}", style="bold", no_wrap=True, overflow="ellipsis")
        if gauge.part is None:
            return line.append(gauge.text, style="not bold")
        room = max(self.content_size.width - 5 - 10, 4)
        full = round(min(max(gauge.part, 0), 1) * room)
        color = themed(
            self.app, "error" if gauge.part > 0.95 and gauge.name in ("mem", "disk") else "success"
        )
        line.append("━" * full, style=color)
        line.append("─" * (room - full), style=f"not bold {themed(self.app, 'border')}")
        return line.append(f" {gauge.text:<9}", style="not bold")
