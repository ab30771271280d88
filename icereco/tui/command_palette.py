"""The command palette: every action that has a key, found by its description."""

from collections.abc import Iterable
from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider

from icereco.tui.keys import APP_KEYS, Key, remapped

__all__ = ["KeyCommands"]


class KeyCommands(Provider):
    """The keys of the screen that is shown, and those of the app."""

    async def discover(self) -> Hits:
        """Yield all actions, before anything is typed."""
        for key in self._keys():
            yield DiscoveryHit(_title(key), partial(self._run, key), help=self._help(key))

    async def search(self, query: str) -> Hits:
        """Yield the actions whose description matches."""
        matcher = self.matcher(query)
        for key in self._keys():
            score = matcher.match(_title(key))
            if score > 0:
                shown = matcher.highlight(_title(key))
                yield Hit(score, shown, partial(self._run, key), help=self._help(key))

    def _keys(self) -> Iterable[Key]:
        yield from getattr(self.screen, "KEYS", ())
        yield from APP_KEYS

    def _help(self, key: Key) -> str:
        keymap: dict[str, str] = getattr(self.app, "keymap", {})
        (bound,) = remapped((key,), keymap)
        return f"key {bound.keys.split(',')[0]}"

    async def _run(self, key: Key) -> None:
        node = self.screen if key in getattr(self.screen, "KEYS", ()) else self.app
        await self.app.run_action(key.action, default_namespace=node)


def _title(key: Key) -> str:
    return f"{key.group}: {key.description}"
