"""The installed plugins, the components they declare, and the lookup of components by name."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from icereco.errors import IcerecoError, did_you_mean
from icereco.plugins.component import Component, Kind

__all__ = ["CardFolder", "Declaration", "Plugin", "Registry", "describe"]

_SLOW_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Plugin:
    """One entry point of the group "icereco", and the result of loading it.

    Attributes:
        entry: name of the entry point.
        distribution: name of the installed package that provides it.
        version: version of that package.
        error: why it is not loaded, None if it is.
        disabled: switched off by the user, so `error` is not the plugin's fault.
        seconds: time taken to import it and collect its declarations.
        heavy: slow packages that its import pulled in, such as "torch".
    """

    entry: str
    distribution: str
    version: str
    error: str | None = None
    disabled: bool = False
    seconds: float = field(default=0.0, compare=False)  # a measurement is not part of its identity
    heavy: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name under which it is registered with pluggy, "distribution:entry"."""
        return f"{self.distribution}:{self.entry}"

    @property
    def slow(self) -> str | None:
        """Return why it slows down every command, None if it does not."""
        if self.heavy:
            return f"imports {', '.join(self.heavy)} when it is listed"
        if self.seconds > _SLOW_SECONDS:
            return f"takes {self.seconds:.1f} s to list"
        return None


@dataclass(frozen=True, slots=True)
class Declaration:
    """A component, its kind and the plugin that declares it."""

    kind: Kind
    component: Component
    plugin: Plugin


@dataclass(frozen=True, slots=True)
class CardFolder:
    """The folder of a detector card, and the plugin that provides it."""

    folder: Path
    plugin: Plugin

    @property
    def name(self) -> str:
        """The detector's name, which is that of the folder."""
        return self.folder.name


@dataclass(frozen=True, slots=True)
class Registry:
    """All declarations of plugins, and the record of every plugin, loaded or not."""

    plugins: tuple[Plugin, ...]
    declarations: tuple[Declaration, ...]
    cards: tuple[CardFolder, ...] = ()

    def of_kind(self, kind: Kind) -> list[Declaration]:
        """Return the declarations of one kind, sorted by name, then by distribution."""
        matches = [declaration for declaration in self.declarations if declaration.kind == kind]
        return sorted(matches, key=lambda match: (match.component.name, match.plugin.name))

    def components(self, kind: Kind) -> list[Component]:
        """Return the components of one kind, sorted by name."""
        return [declaration.component for declaration in self.of_kind(kind)]

    def names(self, kind: Kind) -> list[str]:
        """Return the names of one kind without duplicates."""
        return sorted({component.name for component in self.components(kind)})

    def clashes(self, kind: Kind) -> set[str]:
        """Return the names of one kind that more than one plugin provides."""
        names = [component.name for component in self.components(kind)]
        return {name for name in names if names.count(name) > 1}

    def get(self, kind: Kind, name: str) -> Component:
        """Return the component `name` of a kind, or "distribution/name" if two plugins use the same name.

        Raises:
            IcerecoError: no such component, or several.
        """
        return self.find(kind, name).component

    def find(self, kind: Kind, name: str) -> Declaration:
        """Return the declaration of a component; names as for `get`.

        Raises:
            IcerecoError: no such component, or several.
        """
        matches = [declaration for declaration in self.of_kind(kind) if name in _names(declaration)]
        if not matches:
            raise IcerecoError(self._unknown(kind, name))
        if len(matches) > 1:
            raise IcerecoError(_clash(kind, name, matches))
        return matches[0]

    def card_names(self) -> list[str]:
        """Return the names of the detector cards of plugins without duplicates."""
        return sorted({card.name for card in self.cards})

    def card_folder(self, name: str) -> Path | None:
        """Return the folder of a plugin's detector card `name` or "distribution/name"; None if there is none.

        Raises:
            IcerecoError: several plugins provide it.
        """
        matches = [
            card for card in self.cards if name in (card.name, f"{card.plugin.distribution}/{card.name}")
        ]
        if len(matches) > 1:
            ways = " or ".join(f'"{card.plugin.distribution}/{card.name}"' for card in matches)
            raise IcerecoError(f"{len(matches)} plugins provide the detector {name!r}; say which one: {ways}")
        return matches[0].folder if matches else None

    def _unknown(self, kind: Kind, name: str) -> str:
        known = self.names(kind)
        known += [f"{one.plugin.distribution}/{one.component.name}" for one in self.of_kind(kind)]
        lines = [f"no {kind} is called {name!r}{did_you_mean(name, known)}"]
        lines.append(f"  installed: {', '.join(self.names(kind)) or 'none'}")
        lines += [f"  not loaded: {describe(plugin)}" for plugin in self.plugins if plugin.error]
        return "\n".join(lines)


def describe(plugin: Plugin) -> str:
    """Describe in one line a plugin that is not loaded, and why."""
    return f"{plugin.distribution} {plugin.version} ({plugin.entry}): {plugin.error}"


def _names(declaration: Declaration) -> tuple[str, str, str]:
    name, plugin = declaration.component.name, declaration.plugin
    return name, f"{plugin.distribution}/{name}", f"{plugin.name}/{name}"


def _clash(kind: Kind, name: str, matches: Sequence[Declaration]) -> str:
    distributions = {declaration.plugin.distribution for declaration in matches}
    form = 1 if len(distributions) == len(matches) else 2
    lines = [f"{len(matches)} plugins provide the {kind} {name!r}; say which one:"]
    lines += [f'    use = "{_names(declaration)[form]}"' for declaration in matches]
    return "\n".join(lines)
