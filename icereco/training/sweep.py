"""A small grid of trainings: its settings, the trainings still to run, and the ranking of the results."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from icereco.errors import IcerecoError
from icereco.profiles import Problem, Profile, ProfileError, load_profile, parse_profile
from icereco.profiles.toml_format import format_value
from icereco.runs.folder import RunFolder, is_run_name
from icereco.system.documents import parse_toml

if TYPE_CHECKING:
    from icereco.evaluation.comparison import GroupComparison
    from icereco.evaluation.evaluated_events import EvaluatedEvents
    from icereco.training.data_choice import DataChoice

__all__ = ["Cell", "Ranked", "grid", "prepare_cell", "ranking"]

_MOST_CELLS = 200


@dataclass(frozen=True, slots=True)
class Cell:
    """One combination of settings in the grid, and the run that trains it.

    Attributes:
        settings: what differs between the cells, such as {"encoder.layers": 2}.
        overrides: everything after `-o`, the same for all cells and its own.
        profile: the profile with these overrides.
        run: the run folder, which need not exist yet.
    """

    settings: dict[str, Any]
    overrides: tuple[str, ...]
    profile: Profile
    run: RunFolder

    @property
    def label(self) -> str:
        """Return the settings as one line of text."""
        return ", ".join(f"{key}={_text(value)}" for key, value in self.settings.items())


def grid(profile: str, overrides: Sequence[str], name: str, root: Path) -> list[Cell]:
    """The cells of a sweep, the last setting changing first.

    Args:
        profile: name or path of a profile.
        overrides: as for `icereco train`; a value in brackets is a list of values to try.
        name: of the sweep; the runs' names begin with it.
        root: the folder of runs.

    Raises:
        IcerecoError: no override is a list, the grid is too large, two cells would have one name, or a cell's profile
            has problems (all are reported at once).
    """
    values = {
        key: value
        for override in overrides
        if (key := override.partition("=")[0].strip()) and (value := _list(override))
    }
    if not values:
        raise IcerecoError("nothing to try: give at least one list, such as -o encoder.layers=[2,4]")
    cells = [dict(zip(values, chosen, strict=True)) for chosen in product(*values.values())]
    if len(cells) > _MOST_CELLS:
        raise IcerecoError(
            f"{len(cells)} trainings are more than a small grid ({_MOST_CELLS}); try fewer values"
        )
    fixed = [override for override in overrides if override.partition("=")[0].strip() not in values]
    names = [f"{name}-{_slug(cell)}" for cell in cells]
    if not all(map(is_run_name, names)):
        raise IcerecoError(f"{name!r} cannot begin the name of a run: use letters, digits, '.', '_' and '-'")
    twice = [one for one, count in Counter(names).items() if count > 1]
    if twice:
        raise IcerecoError(f"two trainings would be called {twice[0]}; is a value in the list twice?")
    return _checked(profile, fixed, list(zip(cells, names, strict=True)), root)


def _list(override: str) -> list[Any] | None:
    """The values of an override that is a list, None for any other; raises for a list that is cut short."""
    text = override.partition("=")[2].strip()
    if not text.startswith("["):
        return None
    if not text.endswith("]"):
        raise IcerecoError(
            f"-o {override}: the list is not closed; write it as -o role.key=[a,b], without spaces"
        )
    try:
        values = parse_toml(f"value = {text}")["value"]
    except ValueError:  # names need no quotes, as after -o elsewhere
        values = [part.strip() for part in text[1:-1].split(",") if part.strip()]
    return values if isinstance(values, list) else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else format_value(value)


def _slug(settings: dict[str, Any]) -> str:
    """Part of a run's name: the keys (their last words, where that is enough) and values."""
    last = Counter(key.rpartition(".")[2] for key in settings)
    words = [
        f"{short if last[short := key.rpartition('.')[2]] == 1 else key}-{_text(value)}"
        for key, value in settings.items()
    ]
    return re.sub(r"[^A-Za-z0-9._]+", "-", "-".join(words)).strip("-")


def _checked(
    profile: str, fixed: Sequence[str], named: list[tuple[dict[str, Any], str]], root: Path
) -> list[Cell]:
    cells: list[Cell] = []
    problems: dict[str, Problem] = {}
    for settings, name in named:
        overrides = (*fixed, *(f"{key}={_text(value)}" for key, value in settings.items()))
        try:
            cells.append(Cell(settings, overrides, load_profile(profile, overrides), RunFolder(root / name)))
        except ProfileError as error:
            problems |= {str(problem): problem for problem in error.problems}
    if problems:
        raise ProfileError(list(problems.values()))
    return cells


def prepare_cell(cell: Cell, data: "Sequence[DataChoice]") -> str:
    """Return the action that a cell needs: "done", "running" (in another process), "resume", "begin" or "left" as it is.

    A run that was interrupted before it saved anything is removed and begins again; one with weights but no state to
    resume from is left to its owner.

    Raises:
        IcerecoError: the run exists, with another profile or other data.
    """
    run = cell.run
    if not run.exists:
        return "begin"
    _require_same(cell, data)
    if run.state() in ("finished", "running"):
        return "done" if run.state() == "finished" else "running"
    if run.training_state.is_file() or run.training_state_before.is_file():
        return "resume"
    return "begin" if run.reclaim() else "left"


def _require_same(cell: Cell, data: "Sequence[DataChoice]") -> None:
    run = cell.run
    hint = f"give the sweep another --name, or remove {run.path}"
    if run.profile.is_file():
        stored = parse_profile(run.profile_text(), run.profile_name() or run.name)
        if stored != cell.profile:
            raise IcerecoError(f"run {run.name!r} exists with another profile; {hint}")
    facts = run.provenance()
    if "data_sets" in facts and facts["data_sets"] != [one.record() for one in data]:
        used = facts.get("data") or "simulated events"
        raise IcerecoError(f"run {run.name!r} exists, trained on {used}; {hint}")


@dataclass(frozen=True, slots=True)
class Ranked:
    """A trained cell.

    Attributes:
        median_deg: angular error on its validation events, and the same for the mean.
        seconds: of training; None if the run does not record them.
        behind: compared with the best cell on the same events; None for the best, and where there are too few.
    """

    cell: Cell
    median_deg: float
    mean_deg: float
    seconds: float | None
    behind: "GroupComparison | None"


def ranking(cells: Sequence[Cell]) -> list[Ranked]:
    """The finished cells, the smallest median angular error first.

    Raises:
        IcerecoError: a file of validation events is damaged.
    """
    from icereco.evaluation.evaluated_events import EvaluatedEvents
    from icereco.evaluation.resolution import resolution

    finished = []
    for cell in cells:
        if cell.run.state() == "finished" and cell.run.validation.is_file():
            validated = EvaluatedEvents.read(cell.run.validation, cell.run.name)
            figures = resolution(validated.error_rad)
            if figures["median_deg"] is not None and figures["mean_deg"] is not None:
                finished.append((figures["median_deg"], figures["mean_deg"], cell, validated))
    finished.sort(key=lambda one: one[:2])
    return [
        Ranked(cell, median, mean, _seconds(cell.run), _behind(finished[0][3], validated) if place else None)
        for place, (median, mean, cell, validated) in enumerate(finished)
    ]


def _seconds(run: RunFolder) -> float | None:
    rows = [row for row in run.read_metrics() if "seconds" in row]
    return rows[-1]["seconds"] if rows else None


def _behind(best: "EvaluatedEvents", other: "EvaluatedEvents") -> "GroupComparison | None":
    from icereco.evaluation.comparison import compare

    try:
        return compare(best, other).groups["all"]
    except IcerecoError:  # too few events in common, as where the number of validation events was swept
        return None
