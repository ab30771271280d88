"""The command palette: every action that has a key and can be done now, found by its description."""

from collections.abc import Iterable, Iterator
from functools import lru_cache, partial

from textual.actions import parse
from textual.binding import Binding
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.dom import DOMNode
from textual.markup import escape
from textual.screen import Screen
from textual.widget import Widget

from icereco.tui.common.help import readable_keys
from icereco.tui.keys import APP_KEYS, Key, remapped

__all__ = ["KeyCommands", "owner_of"]


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
        for key in (*getattr(self.screen, "KEYS", ()), *APP_KEYS):
            if owner_of(key, self.screen) is not None:
                yield key

    def _help(self, key: Key) -> str:
        keymap: dict[str, str] = getattr(self.app, "keymap", {})
        (bound,) = remapped((key,), keymap)
        return f"key {escape(readable_keys(bound.keys.split(',')[0]))}"

    async def _run(self, key: Key) -> None:
        if (owner := owner_of(key, self.screen)) is not None:
            await self.app.run_action(key.action, default_namespace=owner)


def owner_of(key: Key, screen: Screen[object]) -> DOMNode | None:
    """The part of a screen, the screen itself or the app that does what a key means; None where none can now.

    Keys may belong to parts of a screen: to the one with the focus, or else to the first that is visible.
    """
    name, parameters = parse(key.action)[1:]
    for node in _nodes(screen):
        if _binds(node, key) and node.check_action(name, parameters):
            return node
    return None


def _nodes(screen: Screen[object]) -> Iterator[DOMNode]:
    """The focus and what is around it, then everything that is visible, then the app."""
    if screen.focused is not None:
        yield from screen.focused.ancestors_with_self
    yield screen
    yield from (node for node in screen.query(Widget) if node.region.area)
    yield screen.app


def _binds(node: DOMNode, key: Key) -> bool:
    return key.identity in _identities(type(node))


@lru_cache(maxsize=256)
def _identities(kind: type[DOMNode]) -> frozenset[str | None]:
    """The names of the keys that a class of nodes binds itself."""
    return frozenset(binding.id for binding in kind.BINDINGS if isinstance(binding, Binding))


def _title(key: Key) -> str:
    return f"{key.group}: {key.description}"
