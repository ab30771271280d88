"""The settings of a profile, each with its origin: read from TOML, from overrides, and merged."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from icereco.profiles.problems import Origin, Problem, ProfileError
from icereco.system.documents import parse_toml

__all__ = ["LOSSES", "Setting", "Settings", "Table", "merge", "read_overrides", "read_settings"]

LOSSES = "losses"
"""The table of further losses, each a table of its own."""

_HEADER = re.compile(r"\s*\[\s*([^\[\]]+?)\s*\]\s*(#.*)?$")
_KEY = re.compile(r"""\s*([\w\-."' ]+?)\s*=""")
_ERROR_LINE = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)")


@dataclass(frozen=True, slots=True)
class Setting:
    """One value and its origin."""

    value: Any
    origin: Origin


@dataclass(frozen=True, slots=True)
class Table:
    """One `[table]`: where it begins, and its settings by key."""

    origin: Origin
    settings: dict[str, Setting] = field(default_factory=dict)

    @property
    def values(self) -> dict[str, Any]:
        """Return the bare values by key, as an options model accepts them."""
        return {key: setting.value for key, setting in self.settings.items()}

    def only(self, key: str) -> "Table":
        """Return the same table restricted to one key."""
        return Table(self.origin, {name: one for name, one in self.settings.items() if name == key})

    @property
    def use(self) -> Setting | None:
        """The setting that names the component."""
        return self.settings.get("use")


@dataclass(frozen=True, slots=True)
class Settings:
    """A whole profile, or one layer of it: the keys at the top, and the tables, nested ones as "losses.energy"."""

    top: dict[str, Setting] = field(default_factory=dict)
    tables: dict[str, Table] = field(default_factory=dict)


def read_settings(text: str, source: str) -> Settings:
    """Parse the settings of one TOML text.

    Raises:
        ProfileError: it is not TOML.
    """
    try:
        document = parse_toml(text)
    except ValueError as error:
        raise ProfileError([_syntax_problem(str(error), text, source)]) from error
    lines = _lines(text, {key for key, value in document.items() if isinstance(value, dict)})
    settings = Settings()
    for key, value in document.items():
        origin = Origin(source, lines.get((key,), 1))
        if not isinstance(value, dict):
            settings.top[key] = Setting(value, origin)
            continue
        nested = key == LOSSES and all(isinstance(inner, dict) for inner in value.values())
        for path, inner in _named(key, value) if nested else [((key,), value)]:
            origin = Origin(source, lines.get(path, origin.line))
            settings.tables[".".join(path)] = Table(
                origin,
                {
                    name: Setting(one, Origin(source, lines.get((*path, name), origin.line)))
                    for name, one in inner.items()
                },
            )
    return settings


def _named(key: str, value: dict[str, Any]) -> list[tuple[tuple[str, ...], dict[str, Any]]]:
    """Return the tables inside a table: `[losses.energy]`, `[losses.kind]`."""
    return [((key, name), inner) for name, inner in value.items()]


def _lines(text: str, tables: set[str]) -> dict[tuple[str, ...], int]:
    """Find the first line of each table and key. Sufficient for flat tables; tomllib does not report positions."""
    lines: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), start=1):
        header, key = _HEADER.match(line), _KEY.match(line)
        if header and (path := _path(header[1]))[0] in tables:
            table = path
        elif key:
            path = (*table, *_path(key[1]))
        else:
            continue
        for depth in range(1, len(path) + 1):
            lines.setdefault(path[:depth], number)
    return lines


def _path(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip(" \"'") for part in dotted.split("."))


def _syntax_problem(message: str, text: str, source: str) -> Problem:
    where = _ERROR_LINE.search(message)
    last = text.count("\n") + 1
    line = int(where[1]) if where and where[1] else last
    sentence = _ERROR_LINE.sub("", message)
    return Problem(Origin(source, line), f"not TOML: {sentence[:1].lower()}{sentence[1:]}")


def read_overrides(overrides: Sequence[str]) -> tuple[Settings, list[Problem]]:
    """Parse `-o role.key=value` arguments into a layer of settings, and collect errors in their form."""
    settings, problems = Settings(), []
    for override in overrides:
        origin = Origin(f"-o {' '.join(override.split())}")
        target, equals, text = override.partition("=")
        table, _, key = target.strip().partition(".")
        if table == LOSSES and "." in key:  # the one nested table: losses.energy.weight
            name, _, key = key.partition(".")
            table = f"{LOSSES}.{name}"
        if not (equals and table and key):
            problems.append(Problem(origin, "write it as -o role.key=value, such as -o encoder.layers=12"))
            continue
        layer = settings.tables.setdefault(table, Table(origin))
        layer.settings[key] = Setting(_value(text.strip()), origin)
    return settings, problems


def _value(text: str) -> Any:
    """Parse a value as TOML, else return the text itself, so that names need no quotes."""
    try:
        value = parse_toml(f"value = {text}")["value"]
    except ValueError:
        return text
    return value if isinstance(value, str | int | float | bool | list | dict) else text


def merge(parent: Settings, child: Settings) -> Settings:
    """Merge key by key; the child wins, and inherits no options of a component that it replaces."""
    tables = dict(parent.tables)
    for name, table in child.tables.items():
        inherited = parent.tables.get(name)
        if inherited and not _changes_use(inherited, table):
            table = Table(inherited.origin, {**inherited.settings, **table.settings})
        tables[name] = table
    return Settings({**parent.top, **child.top}, tables)


def _changes_use(parent: Table, child: Table) -> bool:
    return child.use is not None and parent.use is not None and child.use.value != parent.use.value
