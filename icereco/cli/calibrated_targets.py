"""The part of `icereco calibrate` that shows how energy, vertex, kind and inelasticity fare before and after."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table

if TYPE_CHECKING:
    from icereco.evaluation.measured import Measured
    from icereco.evaluation.targets import TargetEvaluations

__all__ = ["calibrated_targets"]


def calibrated_targets(before: "TargetEvaluations", after: "TargetEvaluations") -> Table:
    """Return a table with a row for each figure: what it should be, its value before and after."""
    table = Table(
        box=box.SIMPLE_HEAD, padding=(0, 0, 0, 1), caption_justify="left",
        caption="all events with a truth, vertices of contained kinds; each half of the events with what the other half gave",
    )  # fmt: skip
    table.add_column("quantity", no_wrap=True)
    for heading in ("events", "should be", "before", "after"):
        table.add_column(heading, justify="right", no_wrap=True)
    for (name, events, goal, old), (*_, new) in zip(_rows(before), _rows(after), strict=True):
        table.add_row(name, f"{events:,}", goal, old, new)
    return table


def _rows(targets: "TargetEvaluations") -> Iterator[tuple[str, int, str, str]]:
    """Yield name, events, goal and value of each figure."""
    yield from _energy(targets)
    yield from _vertex(targets)
    if (kind := targets.kind) is not None and kind["events"]:
        yield "kind: log loss", kind["events"], "small", _text(kind["log_loss"], ".3f")
        yield "kind: calibration error", kind["events"], "0%", f"{kind['calibration_error'] or 0.0:.1%}"
    if targets.inelasticity is not None and "all" in targets.inelasticity["groups"]:
        whole = targets.inelasticity["groups"]["all"]
        if whole["coverage"] is not None:
            yield "inelasticity: within sigma", whole["events"], "68%", _text(whole["coverage"], ".1%")


def _energy(targets: "TargetEvaluations") -> Iterator[tuple[str, int, str, str]]:
    if targets.energy is None or "all" not in targets.energy["groups"]:
        return
    whole = targets.energy["groups"]["all"]
    yield "energy: bias (decades)", whole["events"], "0", _text(whole["bias"], "+.3f")
    if whole["coverage"] is not None:
        yield "energy: in the interval", whole["events"], "68%", _text(whole["coverage"], ".1%")
        yield "energy: below it", whole["events"], "16%", _text(whole["below"], ".1%")
        yield "energy: above it", whole["events"], "16%", _text(whole["above"], ".1%")


def _vertex(targets: "TargetEvaluations") -> Iterator[tuple[str, int, str, str]]:
    if targets.vertex is None or "all" not in targets.vertex["groups"]:
        return
    whole = targets.vertex["groups"]["all"]
    for content, inside in whole["inside"].items():
        yield f"vertex: in the ellipsoid of {content}", whole["events"], content, _text(inside, ".1%")


def _text(figure: "Measured | None", form: str) -> str:
    return "-" if figure is None or figure["value"] is None else format(figure["value"], form)
