"""The line at the top: the screens, and alerts."""

from rich.style import Style
from rich.text import Text
from textual.events import Click
from textual.reactive import reactive
from textual.widget import Widget

from icereco.tui.modes import MODES
from icereco.tui.themes import background, themed_on
from icereco.watch.alerts import Alert

__all__ = ["ModeBar"]

SHORT = 6
"""Letters of a title in a narrow terminal."""


class ModeBar(Widget):
    """Shows the screens with their keys on the left, and alerts on the right."""

    alerts: reactive[tuple[Alert, ...]] = reactive(())

    def on_mount(self) -> None:
        """Follow the app's alerts."""
        self.watch(self.app, "alerts", self._take)

    def _take(self, alerts: tuple[Alert, ...]) -> None:
        self.alerts = alerts

    def render(self) -> Text:
        """Return the line, as long as the terminal is wide."""
        line = self._modes("  ", brand=True)
        if line.cell_len > self.size.width:
            line = self._modes(" ", brand=False)
        if line.cell_len > self.size.width:
            line = self._modes(" ", brand=False, longest=SHORT)
        return self._with_alerts(line, themed_on(self.app, "error", background(self)))

    def _modes(self, between: str, *, brand: bool, longest: int = 99) -> Text:
        primary = themed_on(self.app, "primary", background(self))
        line = Text(no_wrap=True)
        if brand:
            line.append(" ✱ icereco ", style=f"bold reverse {primary}").append("  ")
        for number, (name, mode) in enumerate(MODES.items(), start=1):
            here = name == self.app.current_mode
            key = Style.parse(primary if here else "dim") + Style(meta={"mode": name})
            title = Style.parse("bold underline" if here else "dim") + Style(meta={"mode": name})
            word = mode.title if len(mode.title) <= longest else f"{mode.title[: longest - 1]}…"
            line.append(f"{number} ", style=key).append(word, style=title).append(between)
        return line

    def _with_alerts(self, line: Text, color: str) -> Text:
        if not self.alerts:
            return line
        room = self.size.width - line.cell_len - 1
        first, more = self.alerts[0], len(self.alerts) - 1
        text = f"▲ {first.subject}: {first.kind}" + (f" +{more}" if more else "")
        if len(text) > room:
            text = f"▲ {len(self.alerts)}"
        line.append(text.rjust(room), style=f"bold {color}")
        return line

    def on_click(self, event: Click) -> None:
        """Switch to the screen whose title was clicked."""
        if name := event.style.meta.get("mode"):
            self.app.call_later(self.app.run_action, f"mode('{name}')")
