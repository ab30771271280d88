"""The line at the bottom: the keys of the screen, as many as fit, and always those for help and for quitting."""

from rich.style import Style
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import ActiveBinding
from textual.events import Click
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Static

from icereco.tui.common.help import readable_keys
from icereco.tui.themes import themed

__all__ = ["KeyBar"]

LAST = ("help", "quit")


class KeyBar(Widget):
    """Shows the active bindings, with the keys of a user's keymap; each can be clicked."""

    def compose(self) -> ComposeResult:
        """Show one line."""
        yield Static()

    def on_mount(self) -> None:
        """Follow the bindings, which change with the focus."""
        self.screen.bindings_updated_signal.subscribe(self, self._changed)
        self._changed(self.screen)

    def on_resize(self) -> None:
        """Show as many keys as fit now."""
        self._changed(self.screen)

    def _changed(self, _screen: Screen[object]) -> None:
        keys: dict[str, ActiveBinding] = {}
        for active in self.screen.active_bindings.values():
            if active.binding.show and active.enabled:
                keys.setdefault(active.binding.action, active)
        ends = [self._key(*_parts(key)) for action, key in keys.items() if action in LAST]
        room = self.size.width - sum(end.cell_len for end in ends)
        line = Text(no_wrap=True)
        for action, key in keys.items():
            text = self._key(*_parts(key))
            if action not in LAST and line.cell_len + text.cell_len <= room:
                line.append_text(text)
        line.append(" " * (room - line.cell_len))
        self.query_one(Static).update(Text.assemble(line, *ends))

    async def on_click(self, event: Click) -> None:
        """Run the action of the key that was clicked."""
        action = event.style.meta.get("key")
        for active in self.screen.active_bindings.values():
            if action and active.binding.action == action:
                await self.app.run_action(action, active.node)
                return

    def _key(self, keys: str, description: str, action: str) -> Text:
        color = themed(self.app, "footer-key-foreground")
        style = Style(meta={"key": action})
        return Text.assemble((f" {keys} ", style + Style(color=color, bold=True)), (f"{description} ", style))


def _parts(active: ActiveBinding) -> tuple[str, str, str]:
    binding = active.binding
    return readable_keys(binding.key), binding.description, binding.action
