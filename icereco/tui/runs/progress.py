"""The progress of a training: a bar, and as many figures as there is room for."""

import time
from collections.abc import Iterator
from textwrap import wrap

from rich.text import Text
from textual.geometry import Size
from textual.reactive import reactive
from textual.widget import Widget

from icereco.tui.themes import themed
from icereco.watch.alerts import how_it_died
from icereco.watch.runs import RunView

__all__ = ["ProgressCard", "clock", "facts_of", "trouble_of"]


def clock(seconds: float) -> str:
    """A duration as hours, minutes and seconds, with days if there are any.

    >>> [clock(59), clock(3_700), clock(90_000)]
    ['0:00:59', '1:01:40', '1 d 1:00:00']
    """
    days, rest = divmod(int(max(seconds, 0)), 86_400)
    text = f"{rest // 3600}:{rest // 60 % 60:02}:{rest % 60:02}"
    return f"{days} d {text}" if days else text


def facts_of(run: RunView) -> Iterator[str]:
    """Figures of a run, the most important first."""
    status = run.status
    if status is None:
        return
    trains = run.state == "running" and not run.stalls and status.phase in ("training", "validating")
    if trains and status.eta_seconds is not None:
        yield f"ETA {clock(status.eta_seconds)}"
    yield f"step {status.step:,}"
    if trains and status.events_per_second:
        yield f"{status.events_per_second:,.0f} events/s"
    elapsed = (time.time() if status.local and run.state == "running" else status.heartbeat) - status.begun
    yield f"elapsed {clock(elapsed)}"
    if status.best_median_deg is not None:
        yield f"best {status.best_median_deg:.2f}°"
    if status.saved_step is not None:
        yield f"saved at {status.saved_step:,}"
    if not status.local:
        yield f"on {status.host}"
    if run.state == "running" and status.answer:
        yield status.answer


def trouble_of(run: RunView | None) -> str | None:
    """What is wrong with a run, in a sentence or two; None where nothing is."""
    if run is None:
        return None
    if run.stalls:
        return f"no heartbeat for {run.silent_seconds:.0f} s: it may be waiting for a disk, or hang"
    if run.state == "crashed":
        return how_it_died(run)
    return (run.status.message if run.status else None) if run.state == "failed" else None


class ProgressCard(Widget):
    """The progress of the run under the cursor."""

    run: reactive[RunView | None] = reactive(None)

    def watch_run(self, before: RunView | None, now: RunView | None) -> None:
        """Adjust the height when there is something wrong, which takes a few more lines."""
        if trouble_of(before) != trouble_of(now):
            self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return the height from the text, as the drawing still has the old width while a terminal is resized."""
        del container, viewport
        trouble = trouble_of(self.run)
        return 2 + (len(wrap(trouble, max(width, 1))) if trouble else 0)

    def render(self) -> Text:
        """Return a bar, a line of figures, and what is wrong."""
        if self.run is None:
            return Text("no run", style="dim")
        lines = [self._bar(self.run), self._facts(self.run)]
        if trouble := trouble_of(self.run):
            lines.append(Text(trouble, style=themed(self.app, "error")))
        return Text("\n").join(line for line in lines if line)

    def _bar(self, run: RunView) -> Text:
        status = run.status
        word = "silent" if run.stalls else status.phase if status and run.state == "running" else run.state
        part = run.progress or 0.0
        epochs = f" epoch {status.epoch:.2f}/{status.epochs}" if status and status.epochs else ""
        tail = f"{part:>5.0%}{epochs}"
        room = max(self.content_size.width - len(word) - len(tail) - 2, 4)
        full = round(part * room)
        line = Text(f"{word} ", style="bold", no_wrap=True)
        line.append("━" * full, style=themed(self.app, "primary"))
        line.append("─" * (room - full), style=f"not bold {themed(self.app, 'border')}")
        return line.append(tail, style="not bold")

    def _facts(self, run: RunView) -> Text:
        width, line = self.content_size.width, ""
        message = run.status.message if run.status and not trouble_of(run) else None
        for fact in [*facts_of(run), *([message] if message else [])]:
            longer = f"{line} · {fact}" if line else fact
            if len(longer) > width:
                break
            line = longer
        if not line and message:
            line = message[:width]
        return Text(line, no_wrap=True, overflow="ellipsis")
