"""The form for a new training: fields from the components' own options, and the command line that they make."""

import os
import shlex
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from icereco.components import ROLES, Kind
from icereco.errors import IcerecoError
from icereco.plugins import registry
from icereco.profiles import Profile, ProfileError, load_profile
from icereco.profiles.toml import format_value
from icereco.training.mixture import DataChoice

__all__ = ["Entry", "Field", "Verdict", "arguments_of", "command_line", "fields_of", "judge"]


@dataclass(frozen=True, slots=True)
class Field:
    """One option.

    Attributes:
        key: "role.option".
        text: its value in the profile, as TOML; empty where it is not set.
        choices: what it can be, empty where anything can be written.
        description: one line for people.
    """

    key: str
    text: str
    choices: tuple[str, ...]
    description: str

    @property
    def role(self) -> str:
        """The table of the profile."""
        return self.key.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Entry:
    """What a form says: the profile, what was changed in it, the name of the run, and the data."""

    profile: str
    changes: Mapping[str, str]
    name: str
    data: str = ""

    @property
    def overrides(self) -> list[str]:
        """As `-o` takes them."""
        return [f"{key}={text}" for key, text in self.changes.items()]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is right or wrong with an entry.

    Attributes:
        profile: what it describes, None where something is wrong.
        problems: "role.option" to what is wrong there; "" for what is wrong elsewhere.
    """

    profile: Profile | None
    problems: Mapping[str, str]


def judge(entry: Entry, runs: Path) -> Verdict:
    """Check an entry as the command line would, and say what belongs to which field."""
    problems: dict[str, str] = {}
    profile = None
    try:
        profile = load_profile(entry.profile, entry.overrides)
    except ProfileError as error:
        for problem in error.problems:
            key = problem.origin.source.removeprefix("-o ").partition("=")[0].strip()
            problems.setdefault(key if key in entry.changes else "", problem.message)
    except IcerecoError as error:
        problems[""] = str(error)
    if (runs / entry.name).exists():
        problems["name"] = f"{runs / entry.name} is there already"
    elif not entry.name or not entry.name.replace("-", "").replace("_", "").replace(".", "").isalnum():
        problems["name"] = "a name has letters, digits, '.', '_' and '-'"
    try:
        if entry.data and not (path := DataChoice.parse(_expanded(entry.data)).data.path).exists():
            problems["data"] = f"there is no {path}"
    except IcerecoError as error:
        problems["data"] = str(error)
    return Verdict(profile if not problems else None, problems)


def fields_of(profile: Profile) -> Iterator[Field]:
    """Every option of a profile, role by role."""
    for kind in ROLES:
        yield _use(kind, kind, profile.roles[kind].component.name)
        yield from _options(kind, profile.roles[kind].options)
    yield from _options("train", profile.train)
    if profile.simulation is not None:
        yield _use("simulation", "simulator", profile.simulation.component.name)
        yield from _options("simulation", profile.simulation.options)


def _use(role: str, kind: Kind, name: str) -> Field:
    return Field(f"{role}.use", name, tuple(registry().names(kind)), f"which {kind}")


def _options(role: str, options: BaseModel) -> Iterator[Field]:
    for name, info in type(options).model_fields.items():
        value = getattr(options, name)
        text = "" if value is None else value if isinstance(value, str) else format_value(value)
        yield Field(f"{role}.{name}", text, _choices(info), info.description or "")


def _choices(info: FieldInfo) -> tuple[str, ...]:
    kinds = [info.annotation]
    if get_origin(info.annotation) in (Union, types.UnionType):
        kinds = [kind for kind in get_args(info.annotation) if kind is not type(None)]
    if kinds == [bool]:
        return ("true", "false")
    literal = all(get_origin(kind) is Literal for kind in kinds)
    return tuple(str(value) for kind in kinds for value in get_args(kind)) if literal else ()


def arguments_of(entry: Entry, runs: Path) -> list[str]:
    """The words behind `icereco` that start the training."""
    words = ["train", "--profile", entry.profile, "--name", entry.name]
    if runs != Path("runs"):
        words += ["--runs-dir", str(runs)]
    if entry.data:
        words += ["--data", _expanded(entry.data)]
    for override in entry.overrides:
        words += ["-o", override]
    return words


def _expanded(data: str) -> str:
    return os.path.expanduser(data)  # noqa: PTH111 -- Path would drop ./, which says that it is no name


def command_line(arguments: list[str]) -> str:
    """As one would type it."""
    return shlex.join(["icereco", *arguments])


def value_of(options: Any) -> str:
    """A value as TOML, for showing."""
    return "not set" if options is None else format_value(options)
