"""The part of `icereco evaluate` that shows how far posteriors can be trusted."""

from typing import TYPE_CHECKING

from rich import box
from rich.table import Table

from icereco.cli.console import Console

if TYPE_CHECKING:
    from icereco.evaluation.calibration import Calibration, Contour

__all__ = ["print_calibration"]

_SHOWN = ("50%", "90%")
_BARS = " ▁▂▃▄▅▆▇█"


def print_calibration(groups: "dict[str, Calibration]", console: Console) -> None:
    """Print the contours of all events, then a row for each group."""
    if not groups:
        console.print(
            "[yellow]no event has both a posterior and a true direction: nothing to calibrate against[/]"
        )
        return
    console.print("truth inside contours of the posterior, all events, with the interval of 95 %:")
    console.print(_levels(groups["all"]["contours"]))
    spread = _histogram(groups["all"]["histogram"])
    console.print(
        f"content of the smallest region that includes the truth, 0 to 100 %: |{spread}| (flat where posteriors are right)",
        soft_wrap=True,
    )
    console.print(_slices(groups))


def _levels(contours: "dict[str, Contour]") -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 0, 0, 1))
    for heading in ("contour", "holds", "95 %"):
        table.add_column(heading, justify="right")
    for level, contour in contours.items():
        table.add_row(level, f"{contour['inside']:.1%}", _interval(contour))
    return table


def _slices(groups: "dict[str, Calibration]") -> Table:
    table = Table(
        box=box.SIMPLE_HEAD, padding=(0, 0, 0, 1), caption_justify="left",
        caption="contours by group; the median error, and that which the posteriors expect, in degrees; width is the one over the "
        "other, above 1 where posteriors are too narrow",
    )  # fmt: skip
    table.add_column("group", no_wrap=True)
    for heading in (
        "events",
        *(heading for level in _SHOWN for heading in (level, "95 %")),
        "median",
        "expected",
        "width",
    ):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, group in groups.items():
        contours = [group["contours"][level] for level in _SHOWN]
        cells = [cell for one in contours for cell in (f"{100 * one['inside']:.1f}", _interval(one))]
        figures = (group["median_deg"], group["expected_median_deg"], group["width"])
        table.add_row(name, f"{group['events']:,}", *cells, *(f"{figure:.2f}" for figure in figures))
    return table


def _interval(contour: "Contour") -> str:
    return f"{100 * contour['least']:.0f}-{100 * contour['most']:.0f}"


def _histogram(counts: list[int] | list[float]) -> str:
    highest = max(*counts, 1)
    return "".join(_BARS[round(count / highest * (len(_BARS) - 1))] for count in counts)
