"""Discovery of plugins: each entry point is loaded separately, and one that fails does not affect others.

Pluggy's own `load_setuptools_entrypoints` raises the first import error, and drops the second of two
distributions whose entry points share a name; hence the loop here.
"""

import os
import re
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import pluggy
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from icereco import __version__
from icereco.errors import IcerecoError, did_you_mean
from icereco.plugins import hookspecs
from icereco.plugins.component import KINDS, Component, Kind
from icereco.plugins.moved import MERGED_PLUGINS, advice
from icereco.plugins.registry import CardFolder, Declaration, Plugin, Registry
from icereco.system.log import get_logger

__all__ = [
    "CARD",
    "GROUP",
    "HEAVY",
    "Component",
    "Declaration",
    "Plugin",
    "Registry",
    "Switches",
    "discover",
    "registry",
]

GROUP = "icereco"
HEAVY = ("torch", "polars", "pyarrow", "textual", "wandb")
HOOKS: dict[Kind, str] = {
    kind: f"icereco_{kind}es" if kind == "loss" else f"icereco_{kind}s" for kind in KINDS
}
CARD_HOOK = "icereco_detectors"
CARD = "detector.toml"
"""The file that makes a folder a detector card."""

logger = get_logger(__name__)

_KEBAB_CASE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@runtime_checkable
class _EntryPoint(Protocol):
    """As of importlib.metadata; or of its backport, which takes its place once something imports that, as Dask does."""

    @property
    def name(self) -> str: ...
    @property
    def dist(self) -> Any: ...
    def load(self) -> Any: ...


class PluginError(Exception):
    """What is wrong with a plugin; recorded with the plugin, not raised to the user."""


@dataclass(frozen=True, slots=True)
class Switches:
    """Which plugins the user wants.

    Attributes:
        disabled: entry or distribution names to leave out.
        only_ours: only what ships with icereco.
        strict: raise for the first plugin that fails.
    """

    disabled: frozenset[str] = frozenset()
    only_ours: bool = False
    strict: bool = False

    @classmethod
    def from_environment(cls) -> "Switches":
        """`ICERECO_DISABLE_PLUGINS=a,b`, `ICERECO_NO_PLUGINS=1`, `ICERECO_STRICT_PLUGINS=1`."""
        disabled = os.environ.get("ICERECO_DISABLE_PLUGINS", "").split(",")
        return cls(
            disabled=frozenset(word.strip() for word in disabled if word.strip()),
            only_ours=_is_on("ICERECO_NO_PLUGINS"),
            strict=_is_on("ICERECO_STRICT_PLUGINS"),
        )

    def reason_against(self, plugin: Plugin) -> str | None:
        """Return why a plugin is switched off, None if it is not."""
        if self.only_ours and not _is_ours(plugin.distribution):
            return "left out by --no-plugins"
        if plugin.entry in self.disabled or plugin.distribution in self.disabled:
            return "left out by ICERECO_DISABLE_PLUGINS"
        return None

    def unknown_names(self, plugins: Iterable[Plugin]) -> list[str]:
        """Return messages about the names in `disabled` that match no plugin."""
        known = {name for plugin in plugins for name in (plugin.entry, plugin.distribution)}
        return [_not_a_plugin(name, known) for name in sorted(self.disabled - known)]


@cache
def registry() -> Registry:
    """Return the plugins of this process, discovered once, according to the environment's switches.

    Raises:
        IcerecoError: a plugin fails and `ICERECO_STRICT_PLUGINS` is set.
    """
    return discover(tuple(entry_points(group=GROUP)), Switches.from_environment())


def discover(candidates: Iterable[_EntryPoint], switches: Switches) -> Registry:
    """Load entry points in an order that does not depend on the file system: ours first, then by name.

    Raises:
        IcerecoError: a plugin fails and `switches.strict`.
    """
    loaded = [_load(entry_point, switches) for entry_point in sorted(candidates, key=_order)]
    plugins = tuple(plugin for plugin, _ in loaded)
    for problem in switches.unknown_names(plugins):
        logger.warning(problem)
    return Registry(
        plugins=plugins,
        declarations=tuple(
            Declaration(kind, component, plugin)
            for plugin, provided in loaded
            for kind, component in provided.components
        ),
        cards=tuple(CardFolder(folder, plugin) for plugin, provided in loaded for folder in provided.cards),
    )


@dataclass(frozen=True, slots=True)
class _Provided:
    """What one plugin declares."""

    components: tuple[tuple[Kind, Component], ...] = ()
    cards: tuple[Path, ...] = ()


def _load(entry_point: _EntryPoint, switches: Switches) -> tuple[Plugin, _Provided]:
    plugin = Plugin(entry_point.name, *_distribution(entry_point))
    if reason := switches.reason_against(plugin):
        return replace(plugin, error=reason, disabled=True), _Provided()
    before, start = set(sys.modules), time.perf_counter()
    error, provided = None, _Provided()
    try:
        provided = _provided(entry_point, plugin.name)
    except (Exception, SystemExit) as problem:
        error = _one_line(problem)
        if switches.strict:
            raise IcerecoError(f"plugin {plugin.name} {plugin.version} is not loaded: {error}") from problem
    heavy = tuple(name for name in HEAVY if name in sys.modules and name not in before)
    return replace(plugin, error=error, seconds=time.perf_counter() - start, heavy=heavy), provided


def _provided(entry_point: _EntryPoint, name: str) -> _Provided:
    """Collect everything that one plugin declares; an error discards all of it."""
    _check_version(entry_point)
    # A separate manager per plugin: hooks of plugins never mix, so order never matters and a failure needs no rollback.
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    manager.register(entry_point.load(), name)
    _check_hook_names(manager)
    components = [(kind, component) for kind in KINDS for component in _components(manager, kind)]
    return _Provided(tuple(components), tuple(_cards(manager)))


def _check_version(entry_point: _EntryPoint) -> None:
    """Compare the plugin's own requirement with this icereco before any of its code runs."""
    requirements = (entry_point.dist.requires if entry_point.dist else None) or []
    for requirement in map(Requirement, requirements):
        applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if not applies or not _is_ours(requirement.name):
            continue
        if not requirement.specifier.contains(__version__, prereleases=True):
            raise PluginError(f"it needs icereco{requirement.specifier}, and {__version__} is installed")


def _check_hook_names(manager: pluggy.PluginManager) -> None:
    callers: Iterable[pluggy.HookCaller] = vars(manager.hook).values()
    for caller in callers:
        if not caller.has_spec() and any(not hook.optionalhook for hook in caller.get_hookimpls()):
            known = [*HOOKS.values(), CARD_HOOK]
            raise PluginError(f"no hook is called {caller.name!r}{did_you_mean(caller.name, known)}")


def _components(manager: pluggy.PluginManager, kind: Kind) -> Iterator[Component]:
    hook = HOOKS[kind]
    names: set[str] = set()
    for result in getattr(manager.hook, hook)():
        for component in result:
            _check_component(component, hook)
            if component.name in names:
                raise PluginError(f"{hook} declares {component.name!r} twice")
            names.add(component.name)
            yield component


def _cards(manager: pluggy.PluginManager) -> Iterator[Path]:
    names: set[str] = set()
    for result in getattr(manager.hook, CARD_HOOK)():
        for folder in map(Path, result):
            if not (folder / CARD).is_file():
                raise PluginError(f"{CARD_HOOK} yields {folder}, which holds no {CARD}")
            if folder.name in names:
                raise PluginError(f"{CARD_HOOK} yields {folder.name!r} twice")
            names.add(folder.name)
            yield folder


def _check_component(component: object, hook: str) -> None:
    if not isinstance(component, Component):
        raise PluginError(f"{hook} must yield icereco.Component, not {component!r}")
    if not _KEBAB_CASE.fullmatch(component.name):
        raise PluginError(f"{hook} declares {component.name!r}: a name is lower-case words joined by hyphens")
    for target in (component.factory, component.options):
        module, colon, attribute = target.partition(":")
        if not (module and colon and attribute):
            raise PluginError(
                f"{hook} declares {component.name!r} with {target!r}, which is not 'module:name'"
            )


def _not_a_plugin(name: str, known: Iterable[str]) -> str:
    if name in MERGED_PLUGINS:
        hint = f"; since 0.2 its components are in {' and '.join(map(repr, MERGED_PLUGINS[name]))}"
    else:
        hint = did_you_mean(name, known) or f"; known: {', '.join(sorted(known))}"
    return f"ICERECO_DISABLE_PLUGINS: no plugin is called {name!r}{hint}"


def _order(entry_point: _EntryPoint) -> tuple[bool, str, str]:
    distribution, _ = _distribution(entry_point)
    return not _is_ours(distribution), distribution, entry_point.name


def _distribution(entry_point: _EntryPoint) -> tuple[str, str]:
    distribution = entry_point.dist
    if distribution is None:
        return "unknown", "?"
    # After an interrupted installation they may be None, despite their types.
    return distribution.name or "unknown", distribution.version or "?"


def _is_ours(distribution: str) -> bool:
    return canonicalize_name(distribution) == "icereco"


def _is_on(variable: str) -> bool:
    return os.environ.get(variable, "") not in ("", "0")


def _one_line(problem: BaseException) -> str:
    if instead := advice(problem):
        return instead
    text = " ".join(str(problem).split())
    return text if isinstance(problem, PluginError) else f"{type(problem).__name__}: {text}"
