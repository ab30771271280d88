"""What is said of trained models: the cells of their rows, and the card of one."""

import shlex
from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from icereco.trained.card import Figures
from icereco.trained.description import (
    FIGURES_CAPTION,
    FIGURES_HEADINGS,
    facts_of,
    figure_cells,
    target_words,
)
from icereco.trained.library import TrainedModel

__all__ = ["HEADINGS", "about_model", "cells_of"]

HEADINGS = ("name", "origin", "median", "trained on", "detector", "profile", "68 %", "targets")
_NUMBERS = 2
"""How many columns of the table of figures are words."""


def cells_of(model: TrainedModel) -> tuple[Text, ...]:
    """The cells of a row, by `HEADINGS`."""
    card, best = model.card, model.card.overall
    errors = [
        "" if best is None else f"{best.median_deg:.1f}°",
        "" if best is None else f"{best.containment68_deg:.1f}°",
    ]
    events = "?" if card.events is None else f"{card.events:,}"
    median, contained = (Text(error, justify="right") for error in errors)
    return (
        Text(model.name, style="bold"),
        Text(model.origin),
        median,
        Text(events, justify="right"),
        Text(card.detector),
        Text(card.profile),
        contained,
        Text(target_words(card)),
    )


def about_model(model: TrainedModel, *, narrow: bool) -> RenderableType:
    """The whole card: facts, figures by kind of event, and the commands that use the model.

    Args:
        model: with its card.
        narrow: whether figures are listed one below the other, as there is no room for a table.
    """
    return Group(
        Text(f"{model.card.summary}\n", style="bold"),
        _grid(facts_of(model)),
        Text(),
        *(_listed(model.card.figures) if narrow else _figures(model.card.figures)),
        _grid(_commands(model)),
    )


def _grid(rows: Iterator[tuple[str, str]]) -> Table:
    grid = Table.grid(padding=(0, 2))
    for label, text in rows:
        grid.add_row(Text(label, style="dim", no_wrap=True), Text(text, overflow="fold"))
    return grid


def _commands(model: TrainedModel) -> Iterator[tuple[str, str]]:
    name = shlex.quote(model.name)
    yield "reconstruct", f"icereco reconstruct FILE --model {name}"
    yield "go on", f"icereco train --from {name} --data FILE"
    yield "a fit from it", f"icereco reconstruct FILE --method likelihood --seed {name}"


def _figures(figures: tuple[Figures, ...]) -> Iterator[RenderableType]:
    if not figures:
        yield Text("Its card has no figures.\n", style="dim")
        return
    table = Table(box=None, padding=(0, 2, 0, 0), caption=f"{FIGURES_CAPTION}\n", caption_justify="left")
    for place, heading in enumerate(FIGURES_HEADINGS):
        table.add_column(
            heading, justify="left" if place < _NUMBERS else "right", no_wrap=place > 0, header_style="dim"
        )
    for cells in figure_cells(figures):
        table.add_row(*map(Text, cells))
    yield table


def _listed(figures: tuple[Figures, ...]) -> Iterator[RenderableType]:
    """Median and 68 % of each kind, under the name of the data."""
    yield Text("errors: median, 68 %", style="dim")
    for data, kind, _, median, contained, *_ in figure_cells(figures):
        if data:
            yield Text(data, style="bold")
        yield Text(f"  {kind:<15} {median:>6} {contained:>6}")
    yield Text()
