"""The line at the bottom: the keys of the screen, as many as fit, and always those for help and for quitting."""

from collections.abc import Sequence

from rich.style import Style
from rich.text import Text
from textual.binding import ActiveBinding
from textual.events import Click
from textual.screen import Screen
from textual.widget import Widget

from icereco.tui.common.help import readable_keys
from icereco.tui.keys import Key
from icereco.tui.themes import background, themed_on

__all__ = ["KeyBar"]

LAST = ("help", "quit")


class KeyBar(Widget):
    """Shows the active bindings, with the keys of a user's keymap; each can be clicked."""

    def on_mount(self) -> None:
        """Follow the bindings, which change with the focus."""
        self.screen.bindings_updated_signal.subscribe(self, self._changed)

    def _changed(self, _screen: Screen[object]) -> None:
        self.refresh()

    def render(self) -> Text:
        """Return one line, made from the bindings, the width and the theme as they are now."""
        active = self._active()
        entries = [entry for entry in active if entry.binding.action not in LAST]
        ends = [entry for entry in active if entry.binding.action in LAST]
        line = self._line(entries, ends, brief=False)
        if line is None:
            line = self._line(entries, ends, brief=True)
        while line is None and entries:
            entries.pop()
            line = self._line(entries, ends, brief=True, more=True)
        return line or Text()

    def _active(self) -> list[ActiveBinding]:
        """The bindings to show, each once, in the order in which the screen declares its keys."""
        shown: dict[str, ActiveBinding] = {}
        for active in self.screen.active_bindings.values():
            if active.binding.show and active.enabled:
                shown.setdefault(active.binding.action, active)
        order = [key.identity for key in self._declared()]
        return sorted(shown.values(), key=lambda entry: _place(order, entry))

    def _declared(self) -> tuple[Key, ...]:
        keys: tuple[Key, ...] = getattr(self.screen, "KEYS", ())
        return keys

    def _line(
        self,
        entries: Sequence[ActiveBinding],
        ends: Sequence[ActiveBinding],
        *,
        brief: bool,
        more: bool = False,
    ) -> Text | None:
        """All keys in one line, those at its end on the right; None where there is no room for them."""
        words = {key.identity: key.brief for key in self._declared() if key.brief and brief}
        left, right = (
            [self._key(entry, words.get(entry.binding.id or ""), brief=brief) for entry in part]
            for part in (entries, ends)
        )
        room = self.size.width - sum(text.cell_len for text in (*left, *right))
        if room < 0:
            return None
        return Text.assemble(
            *left, (" …"[:room].ljust(room) if more else " " * room, "dim"), *right, no_wrap=True
        )

    async def on_click(self, event: Click) -> None:
        """Run the action of the key that was clicked."""
        action = event.style.meta.get("key")
        for active in self.screen.active_bindings.values():
            if action and active.binding.action == action:
                await self.app.run_action(action, active.node)
                return

    def _key(self, entry: ActiveBinding, word: str | None, *, brief: bool) -> Text:
        color = themed_on(self.app, "footer-key-foreground", background(self))
        style = Style(meta={"key": entry.binding.action})
        keys = readable_keys(entry.binding.key)
        return Text.assemble(
            (f" {keys} ", style + Style(color=color, bold=True)),
            (f"{word or entry.binding.description}{'' if brief else ' '}", style),
        )


def _place(order: Sequence[str], entry: ActiveBinding) -> int:
    """The place of a key among those of its screen; keys of a part that has the focus come first."""
    return order.index(entry.binding.id) if entry.binding.id in order else -1
