"""Which runs of many are wanted: by words of their names and states, by their settings, and by their tags."""

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from icereco.errors import did_you_mean
from icereco.watch.runs import RunView

__all__ = ["filter_problem", "settings_that_differ", "wanted_runs"]

_TERM = re.compile(r"^([\w.]+)(!=|<=|>=|=|<|>)(.*)$")
_COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge,
}  # fmt: skip


def wanted_runs(runs: Iterable[RunView], text: str) -> tuple[RunView, ...]:
    """The runs that fulfil every term of a text: a word in their name or state, a condition on a setting, or a tag.

    Terms are divided by blanks: `sweep learning_rate=0.002 layers>2 #good`. A setting is named whole or by its last words.
    """
    terms = text.split()
    return tuple(run for run in runs if all(_fulfils(run, term) for term in terms))


def filter_problem(runs: Iterable[RunView], text: str) -> str | None:
    """What is wrong with a text: a setting or a tag that none of the runs has; None where nothing is."""
    every = list(runs)
    known = dict.fromkeys(name for run in every for name in run.settings)
    for term in text.split():
        if (problem := _tag_problem(every, term)) is not None:
            return problem
        parts = _TERM.match(term)
        if parts is not None and not any(_is_called(name, parts[1]) for name in known):
            lasts = [name.rpartition(".")[2] for name in known]
            return f"no run has a setting {parts[1]}{did_you_mean(parts[1], [*known, *lasts])}"
    return None


def _tag_problem(runs: Iterable[RunView], term: str) -> str | None:
    known = dict.fromkeys(f"#{tag}" for run in runs for tag in run.tags)
    if not term.startswith("#") or term.casefold() in map(str.casefold, known):
        return None
    return (
        f"no run has the tag {term}{did_you_mean(term, list(known)) if known else ': i and then e note one'}"
    )


def _fulfils(run: RunView, term: str) -> bool:
    if term.startswith("#"):
        return term[1:].casefold() in map(str.casefold, run.tags)
    parts = _TERM.match(term)
    if parts is None:
        return term.casefold() in f"{run.name} {run.state}".casefold()
    name, sign, wanted = parts.groups()
    values = [value for setting, value in run.settings.items() if _is_called(setting, name)]
    return any(_compares(value, sign, wanted) for value in values)


def _is_called(setting: str, name: str) -> bool:
    return f".{setting}".casefold().endswith(f".{name}".casefold())


def _compares(value: Any, sign: str, wanted: str) -> bool:
    compare = _COMPARED[sign]
    try:
        return compare(float(value), float(wanted))
    except (TypeError, ValueError):
        return compare(_text(value), _text(wanted))


def _text(value: Any) -> str:
    return str(value).casefold()


def settings_that_differ(runs: Iterable[Mapping[str, Any]]) -> list[str]:
    """The settings whose values differ, those with the fewest values first: they divide the runs best."""
    every = list(runs)
    names = dict.fromkeys(name for settings in every for name in settings)
    counts = {name: len({str(settings.get(name)) for settings in every}) for name in names}
    return sorted((name for name in names if counts[name] > 1), key=lambda name: counts[name])
