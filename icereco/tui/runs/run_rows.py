"""The rows and columns of the table of runs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from icereco.draw.canvas.names import telling_names
from icereco.draw.canvas.scale import compact
from icereco.tui.common.row_table import Column
from icereco.tui.runs.difference_card import short_value
from icereco.tui.runs.run_list import STALLED, STATE_SIGNS
from icereco.watch.overview import Overview
from icereco.watch.run_filter import settings_that_differ
from icereco.watch.runs import RunView

__all__ = ["RunRow", "Sorting", "columns_of", "rows_of", "sorted_rows", "sweep_names"]

_SIGN, _NAME, _LEAST_NAME = 4, 28, 4  # a name has 28 columns, or as many more as there are
_LONGEST_VALUE = 16
_MOST_SETTINGS = 24


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run: its values by the names of the columns."""

    run: RunView
    sweep: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sorting:
    """The column to sort by, whether the highest comes first, and whether the runs of a sweep stay together."""

    column: str = "median"
    descending: bool = False
    grouped: bool = True

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> "Sorting":
        """As it was remembered; what makes no sense is left out."""
        column, descending, grouped = (table.get(name) for name in ("column", "descending", "grouped"))
        usual = cls()
        return cls(
            column if isinstance(column, str) else usual.column,
            descending if isinstance(descending, bool) else usual.descending,
            grouped if isinstance(grouped, bool) else usual.grouped,
        )


def rows_of(
    runs: Sequence[RunView], overviews: Mapping[Path, Overview], signs: Mapping[Path, str]
) -> list[RunRow]:
    """The rows of runs, in their order.

    Args:
        runs: the runs.
        overviews: what has been read of their metrics.
        signs: what marks a run in the first column.
    """
    swept = [run for run in runs if overviews.get(run.path, Overview()).sweep]
    sweeps = sweep_names(swept)
    differing = [  # what was swept comes first
        *settings_that_differ(run.settings for run in swept),
        *settings_that_differ(run.settings for run in runs),
    ]
    differing = list(dict.fromkeys(differing))[:_MOST_SETTINGS]
    rows = []
    for run in runs:
        overview, status = overviews.get(run.path, Overview()), run.status
        sign = (STALLED if run.stalls else STATE_SIGNS[run.state])[0]
        values: dict[str, Any] = {
            "sign": signs.get(run.path, ""),
            "run": run.name,
            "state": f"{sign} {run.state}",
            "median": overview.best.median_deg if overview.best else None,
            "loss": overview.best.loss if overview.best else None,
            "inside": overview.best.inside_90 if overview.best else None,
            "rate": status.events_per_second if status else None,
            "alerts": ", ".join(finding.kind for finding in overview.findings),
            "tags": " ".join(f"#{tag}" for tag in run.tags),
            "sweep": sweeps.get(run.path, ""),
        }
        values |= {name: run.settings.get(name) for name in differing}
        rows.append(RunRow(run, sweeps.get(run.path, ""), values))
    return rows


def sweep_names(runs: Sequence[RunView]) -> dict[Path, str]:
    """The name of the sweep of each run: what the names of its runs begin with, before the settings that differ in them."""
    families: dict[tuple[str, int], list[RunView]] = {}
    for run in runs:
        words = run.name.split("-")
        families.setdefault((words[0], len(words)), []).append(run)
    names: dict[Path, str] = {}
    for members in families.values():
        split = [run.name.split("-") for run in members]
        common = next((n for n, words in enumerate(zip(*split, strict=True)) if len(set(words)) > 1), 1)
        settings = {name.rpartition(".")[2] for name in members[0].settings}
        kept = (
            split[0][: common - 1] if common > 1 and split[0][common - 1] in settings else split[0][:common]
        )
        names |= {run.path: "-".join(kept) or split[0][0] for run in members}
    return names


def sorted_rows(rows: Sequence[RunRow], sorting: Sorting) -> list[RunRow]:
    """The rows in order; those without a value come last, and sweeps before other runs if they stay together."""
    known = [row for row in rows if row.values.get(sorting.column) not in (None, "")]
    unknown = [row for row in rows if row.values.get(sorting.column) in (None, "")]
    known.sort(key=lambda row: _order(row.values[sorting.column]), reverse=sorting.descending)
    ordered = [*known, *unknown]
    if not sorting.grouped:
        return ordered
    groups = list(dict.fromkeys(row.sweep for row in ordered if row.sweep))
    return sorted(ordered, key=lambda row: groups.index(row.sweep) if row.sweep else len(groups))


def _order(value: Any) -> tuple[bool, float, str]:
    """Numbers before words."""
    number = isinstance(value, int | float)
    return not number, float(value) if number else 0.0, str(value)


def columns_of(rows: Sequence[RunRow], room: int) -> list[Column]:
    """The columns of a table with so much room, the settings that differ last; long names are cut where all do not fit."""
    others = [
        Column("state", "state", 10, left=True),
        Column("median", "median°", 8, "{:.2f}".format),
        Column("loss", "loss", 8, _four),
        Column("inside", "in 90 %", 8, "{:.1%}".format),
        Column("rate", "events/s", 8, compact),
    ]
    others += [
        Column(name, name, min(max(longest, len(name) + 1), _LONGEST_VALUE), left=True)
        for name in ("alerts", "tags", "sweep")
        if (longest := max((len(row.values[name]) for row in rows), default=0))
    ]
    known = {column.name for column in others} | {"sign", "run", "alerts", "tags", "sweep"}
    others += [_setting(name, rows) for name in (rows[0].values if rows else ()) if name not in known]
    left = room - _SIGN - 1 - sum(column.width + 1 for column in others)
    return [Column("sign", "", _SIGN, left=True), _names(rows, max(left - 1, _NAME)), *others]


def _names(rows: Sequence[RunRow], room: int) -> Column:
    names = [row.run.name for row in rows]
    short = dict(zip(names, telling_names(names, room), strict=True))
    width = max([_LEAST_NAME, *map(len, short.values())])
    return Column("run", "run", width, lambda name: short.get(name, name), left=True)


def _four(value: float) -> str:
    return compact(value, 4)


def _setting(name: str, rows: Sequence[RunRow]) -> Column:
    texts = [short_value(row.values[name]) for row in rows]
    role, _, last = name.rpartition(".")
    title = role if last == "use" else last  # which component is used
    width = min(max(len(title) + 1, *map(len, texts)), max(_LONGEST_VALUE, len(title) + 1))
    words: Callable[[Any], str] = short_value
    return Column(name, title, width, words)
