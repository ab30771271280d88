"""The form for a new training: fields from the options of components, and the command line that they result in."""

import os
import shlex
import types
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from icereco.errors import IcerecoError, did_you_mean
from icereco.plugins.component import ROLES, Kind
from icereco.plugins.discovery import registry
from icereco.profiles import Profile, ProfileError, load_profile
from icereco.profiles.toml_format import format_value
from icereco.runs.commands import train_arguments
from icereco.runs.folder import RunFolder, is_run_name, list_runs
from icereco.runs.jobs import JobFolder
from icereco.training.data_choice import DataChoice, declared_detector, described, require_readable

__all__ = [
    "Entry",
    "Field",
    "Verdict",
    "arguments_of",
    "command_line",
    "data_words",
    "fields_of",
    "judge",
    "starts_known",
]


@dataclass(frozen=True, slots=True)
class Field:
    """One option.

    Attributes:
        key: "role.option".
        text: its value in the profile, as TOML; empty where it is not set.
        choices: the allowed values, empty where any text may be written.
        description: one line about it.
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
    """The content of a form.

    Attributes:
        profile: name or file.
        changes: "role.option" to its value, where it differs from the profile's.
        name: of the run.
        data: the data sets to train on, each as after `--data`; empty to simulate events.
        begin_from: the trained model, run or checkpoint that the training goes on from; empty for none.
    """

    profile: str
    changes: Mapping[str, str]
    name: str
    data: tuple[str, ...] = ()
    begin_from: str = ""

    @property
    def overrides(self) -> list[str]:
        """The changes, each as after `-o`."""
        return [f"{key}={text}" for key, text in self.changes.items()]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of checking an entry.

    Attributes:
        profile: the profile with the changes, None where something is wrong.
        problems: "role.option", "name", "from" or "data 2" to what is wrong there; "" for what belongs to no field.
    """

    profile: Profile | None
    problems: Mapping[str, str]


def judge(entry: Entry, runs: Path) -> Verdict:
    """Check an entry as the command line would; each problem is assigned to its field."""
    problems = _name_problems(entry.name, runs) | _start_problems(entry.begin_from, runs)
    chosen = []
    for number, text in enumerate(entry.data):
        with _problem_of(f"data {number + 1}", problems):
            chosen.append(choice := DataChoice.parse(_expanded(text)))
            choice.data.open()
    profile = _profile(entry, chosen, problems)
    if profile is not None and not any(key.startswith("data") for key in problems):
        for number, choice in enumerate(chosen):
            with _problem_of(f"data {number + 1}", problems):
                require_readable([choice], profile.detector)
    return Verdict(profile if not problems else None, problems)


def _name_problems(name: str, runs: Path) -> dict[str, str]:
    if not is_run_name(name):
        return {"name": "a name has letters, digits, '.', '_' and '-'"}
    if (runs / name).exists():
        return {"name": f"{runs / name} exists already"}
    if any(job.run == name and job.state in ("waiting", "running") for job in JobFolder(runs).all()):
        return {"name": "a job of this name exists already; see Jobs (6)"}
    return {}


def _start_problems(begin_from: str, runs: Path) -> dict[str, str]:
    """What is wrong with the model to go on from, as far as that is known without reading weights."""
    names = starts_known(runs)
    if not begin_from or begin_from in names or Path(_expanded(begin_from)).exists():
        return {}
    return {"from": f"no run, model or file is called {begin_from!r}{did_you_mean(begin_from, names)}"}


def starts_known(runs: Path) -> list[str]:
    """The names that a training can go on from: of trained models, and of runs that have saved a checkpoint."""
    from icereco.trained.library import Library  # a start has no need of cards

    saved = [run.name for run in list_runs(runs) if run.best.is_file()]
    return [*Library.of_user().names(), *saved]


@contextmanager
def _problem_of(field: str, problems: dict[str, str]) -> Iterator[None]:
    """Record an error that is raised in the block as a problem of a field."""
    try:
        yield
    except IcerecoError as error:
        problems[field] = str(error)


def _profile(entry: Entry, chosen: list[DataChoice], problems: dict[str, str]) -> Profile | None:
    try:
        return load_profile(entry.profile, [*declared_detector(chosen, entry.overrides), *entry.overrides])
    except ProfileError as error:
        for problem in error.problems:
            key = problem.origin.source.removeprefix("-o ").partition("=")[0].strip()
            field = key if key in entry.changes else ""
            problems.setdefault(field, problem.message.removeprefix(f"{field} = "))
    except IcerecoError as error:
        problems[""] = str(error)
    return None


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


def data_words(data: Iterable[str]) -> str:
    """The part of a run's name that is about its data, whether these exist yet or not."""
    return "+".join(map(_data_word, data)) or "simulated"


def _data_word(text: str) -> str:
    try:
        return described([DataChoice.parse(_expanded(text))])
    except IcerecoError:
        return Path(text.partition("=")[0]).stem


def arguments_of(entry: Entry, runs: Path) -> list[str]:
    """The arguments of `icereco` that start the training."""
    run, data = RunFolder(runs / entry.name), map(_expanded, entry.data)
    return train_arguments(
        entry.profile, run, data=data, overrides=entry.overrides, begin_from=_expanded(entry.begin_from)
    )


def _expanded(data: str) -> str:
    return os.path.expanduser(data)  # noqa: PTH111 -- Path would drop ./, which marks it as a path


def command_line(arguments: list[str]) -> str:
    """The command as the user would type it."""
    return shlex.join(["icereco", *arguments])
