"""Runs compared with the first of them on the events that both have validated, as `icereco compare` does."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from icereco.draw.canvas.names import telling_names
from icereco.errors import IcerecoError
from icereco.runs.folder import RunFolder

if TYPE_CHECKING:
    from icereco.evaluation.comparison import Comparison, Difference

__all__ = ["Compared", "compared_with_first", "table_of"]

_WIDE = 100  # columns in which there is room for the means


@dataclass(frozen=True, slots=True)
class Compared:
    """One run against the first; `problem` says why it cannot be compared."""

    name: str
    comparison: "Comparison | None" = None
    problem: str = ""


def compared_with_first(runs: Sequence[RunFolder]) -> list[Compared]:
    """Compare each run but the first with the first, event by event; takes seconds for many events.

    Raises:
        IcerecoError: the first has not validated any events, or its file is damaged.
    """
    from icereco.evaluation.comparison import compare
    from icereco.evaluation.evaluated_events import EvaluatedEvents

    def read(run: RunFolder) -> EvaluatedEvents:
        if not run.validation.is_file():
            raise IcerecoError(f"{run.name} has no events yet: they come with its first validation")
        return EvaluatedEvents.read(run.validation, run.name)

    first, found = read(runs[0]), []
    for run in runs[1:]:
        try:
            found.append(Compared(run.name, compare(first, read(run))))
        except IcerecoError as error:
            found.append(Compared(run.name, problem=str(error)))
    return found


def table_of(first: str, compared: Sequence[Compared], width: int, colors: tuple[str, str]) -> Table:
    """A row for each run: medians, and the differences with the intervals that hold 95 % of the resamples.

    Args:
        first: the run that the others are compared with.
        compared: the others.
        width: columns that there is room for; the means are left out where it is small.
        colors: of differences that are significant: below zero, above zero.
    """
    wide = width >= _WIDE
    names = telling_names([first, *(one.name for one in compared)], 34 if wide else 20)
    table = Table.grid(padding=(0, 2))
    heads = ["", "events", "median", "median − first [95 %]", *(["mean − first [95 %]"] * wide)]
    table.add_row(*(Text(head, style="dim") for head in heads))
    for name, one in zip(names[1:], compared, strict=True):
        if one.comparison is None:
            table.add_row(Text(name, style="bold"), "", "", Text(one.problem, style=colors[1]))
            continue
        overall = one.comparison.groups["all"]
        if table.row_count == 1:
            table.add_row(Text(names[0], style="bold"), "", f"{overall.first_median_deg:.2f}°", "the first")
        differences = [_difference(one, colors) for one in (overall.median, overall.mean)[: 1 + wide]]
        median = f"{overall.second_median_deg:.2f}°"
        table.add_row(Text(name, style="bold"), f"{overall.events:,}", median, *differences)
    return table


def _difference(difference: "Difference", colors: tuple[str, str]) -> Text:
    text = f"{difference.value_deg:+.2f}° [{difference.low_deg:+.2f}, {difference.high_deg:+.2f}]"
    if not difference.significant:
        return Text(text, style="dim")
    return Text(f"{text} *", style=colors[difference.value_deg > 0])
