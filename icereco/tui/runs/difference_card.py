"""A card with the settings in which a run differs from the baseline."""

from typing import Any

from rich.text import Text
from textual.reactive import reactive
from textual.widget import Widget

from icereco.watch.runs import RunView, differences

__all__ = ["DifferenceCard", "short_value"]


def short_value(value: Any) -> str:
    """The value of a setting in few characters."""
    if value is None:
        return "–"
    return f"{value:g}" if isinstance(value, float) else str(value)


class DifferenceCard(Widget):
    """Shows names and values of the settings that differ, with the baseline's values in parentheses."""

    pair: reactive[tuple[RunView | None, RunView | None]] = reactive((None, None), layout=True)

    def render(self) -> Text:
        """List the settings that differ from the baseline."""
        run, baseline = self.pair
        if run is None or baseline is None:
            return Text("b pins a run as baseline", style="dim")
        if run.path == baseline.path:
            return Text("this run is the baseline", style="dim")
        differing = differences(run.settings, baseline.settings)
        if not differing:
            return Text("the same settings", style="dim")
        return Text("\n").join(self._line(*setting) for setting in differing)

    def _line(self, name: str, value: Any, baseline: Any) -> Text:
        line = Text(name, style="dim", no_wrap=True, overflow="ellipsis")
        line.append(f" {short_value(value)}", style="not dim")
        return line.append(f" ({short_value(baseline)})")
