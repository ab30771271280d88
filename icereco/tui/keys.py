"""Key bindings as data: the footer, the help, the command palette and a user's own keymap come from them."""

import os
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from icereco.errors import did_you_mean

if TYPE_CHECKING:
    from textual.binding import BindingType

__all__ = ["APP_KEYS", "Key", "bindings", "clashes", "keymap_path", "read_keymap", "remapped"]


@dataclass(frozen=True, slots=True)
class Key:
    """One action and the keys that trigger it.

    Attributes:
        keys: Textual's names, comma-separated; only letters, digits, F-keys, arrows, space and enter reach an app
            through tmux.
        action: the name of the method `action_…`, with its arguments if it has some.
        description: as the footer and the help show it.
        group: heading in the help.
        shown: whether the footer shows it.
        brief: what the footer shows in place of the description where there is little room.
    """

    keys: str
    action: str
    description: str
    group: str
    shown: bool = False
    brief: str = ""

    @property
    def identity(self) -> str:
        """The name in a user's keymap, such as "charts.zoom-in"."""
        return f"{_slug(self.group)}.{_slug(self.description)}"


APP_KEYS: tuple[Key, ...] = (
    Key("1", "mode('train')", "Train", "Screens"),
    Key("2", "mode('events')", "Events", "Screens"),
    Key("3", "mode('profiles')", "Profiles", "Screens"),
    Key("4", "mode('components')", "Components", "Screens"),
    Key("5", "mode('data')", "Data", "Screens"),
    Key("6", "mode('jobs')", "Jobs", "Screens"),
    Key("7", "mode('models')", "Models", "Screens"),
    Key("question_mark,f1", "help", "Help", "App", shown=True),
    Key("ctrl+p", "command_palette", "Palette", "App"),
    Key("f2", "next_theme", "Next theme", "App"),
    Key("f3", "screenshot_here", "Picture of the screen", "App"),
    Key("f4", "keep_session", "Keep the session under a name", "App"),
    Key("q", "quit", "Quit", "App", shown=True),
)


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def bindings(keys: Iterable[Key]) -> "list[BindingType]":
    """Keys as Textual's bindings; the footer shows those that are `shown`."""
    from textual.binding import Binding

    return [
        Binding(key.keys, key.action, key.description, show=key.shown, id=key.identity, system=not key.shown)
        for key in keys
    ]


def remapped(keys: Iterable[Key], keymap: Mapping[str, str]) -> list[Key]:
    """Keys as a user's keymap changes them."""
    return [replace(key, keys=keymap.get(key.identity, key.keys)) for key in keys]


def keymap_path() -> Path:
    """The file of the user's keymap."""
    folder = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(folder) / "icereco" / "keys.toml"


def read_keymap(path: Path, keys: Sequence[Key]) -> tuple[dict[str, str], list[str]]:
    """Keys by identity from lines such as `"runs.stop" = "x"`, and messages about what is wrong with the file."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}, []
    except (OSError, ValueError) as error:
        return {}, [f"{path}: {error}"]
    known = [key.identity for key in keys]
    keymap, problems = {}, []
    for name, value in _flat(document):
        if name not in known:
            problems.append(f"{path}: no action is called {name!r}{did_you_mean(name, known)}")
        elif not isinstance(value, str) or not value:
            problems.append(f"{path}: {name} = {value!r}: write keys as text, such as 'x' or 'x,ctrl+x'")
        else:
            keymap[name] = value
    return keymap, problems


def clashes(keymap: Mapping[str, str], screens: Iterable[Sequence[Key]]) -> list[str]:
    """Messages about keys that a keymap gives to an action while another of the same screen has them already."""
    found: dict[str, None] = {}
    for keys in screens:
        owners: dict[str, list[Key]] = {}
        for key in remapped(keys, keymap):
            for name in key.keys.split(","):
                owners.setdefault(name.strip(), []).append(key)
        for name, several in owners.items():
            changed = [key.identity for key in several if key.identity in keymap]
            others = [key.identity for key in several if key.identity not in changed[:1]]
            if changed and others:
                found[
                    f"the key {name} of {changed[0]} is also that of {', '.join(others)}: give one of them another"
                ] = None
    return list(found)


def _flat(document: dict[str, object], prefix: str = "") -> Iterable[tuple[str, object]]:
    """Settings by their dotted names: `[runs]` with `stop = …` is the same as `"runs.stop" = …`."""
    for key, value in document.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
