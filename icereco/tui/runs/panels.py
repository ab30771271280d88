"""Which metrics share a chart: training with validation, angular errors together, slices together."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from icereco.runs.metrics import split_key
from icereco.watch.series import THROUGHPUT

__all__ = ["CurveOf", "Panel", "panels_of"]

_FIGURES = {"median_deg": "median", "mean_deg": "mean", "containment68_deg": "68 %"}
_CONTOURS = {"inside_50": "50 %", "inside_90": "90 %"}
_TARGETS = {
    "energy_log10_error": "energy error [decades]",
    "vertex_error_m": "vertex error [m]",
    "kind_accuracy": "kinds that are right",
}
_PARTS = ("train", "validation")
_TRUE = {"energy": "TeV", "zenith": "°"}
"""Quantities whose slices have their names before the numbers, and the units of these."""
_PULSES = re.compile(r"[<>≥≤\d]")
_ORDER = ("loss", "angular error [°]", "median [°] by pulses", "median [°] by kind",
          "median [°] by energy [TeV]", "median [°] by zenith [°]", *_TARGETS.values(), "truths inside contours", "pull width",
          "gradient norm", "update ratio", "skipped batches", "throughput [events/s]", "throughput of processes [events/s]",
          "learning rate")  # fmt: skip


@dataclass(frozen=True, slots=True)
class CurveOf:
    """One curve of a chart.

    Attributes:
        metric: whose values it shows.
        label: in the legend.
        training: whether it is of training, which is noisier.
        color: the number of its colour where there is one run: the same in every run, whatever came first in it.
    """

    metric: str
    label: str
    training: bool = False
    color: int = 0


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart: its title and the metrics that it shows."""

    title: str
    curves: tuple[CurveOf, ...]

    @property
    def choices(self) -> tuple[CurveOf, ...]:
        """The figures in the order in which one of them is chosen: those of validation first, which say how good a run is."""
        return tuple(sorted(self.curves, key=lambda curve: curve.training))


def panels_of(metrics: Iterable[str]) -> list[Panel]:
    """The charts of all metrics, the most important first; the order of the metrics does not matter."""
    charts: dict[str, list[CurveOf]] = {}
    for metric in sorted(set(metrics), key=_metric_rank):
        title, curve = _place(metric)
        charts.setdefault(title, []).append(curve)
    return [Panel(title, _colored(charts[title])) for title in sorted(charts, key=_rank)]


def _colored(curves: list[CurveOf]) -> tuple[CurveOf, ...]:
    """Training has the first colour and validation the second, also while one of them is missing."""
    return tuple(
        replace(curve, color=_PARTS.index(curve.label) if curve.label in _PARTS else number)
        for number, curve in enumerate(curves)
    )


def _metric_rank(metric: str) -> tuple[object, ...]:
    """Training before validation; figures in a fixed order; slices by their numbers, then by name."""
    part, figure, slice_name = split_key(metric)
    parts, figures = list(_PARTS), list(_FIGURES)
    number = re.search(r"\d+", slice_name or "")
    below = "<" in (slice_name or "")
    return (
        parts.index(part) if part in parts else len(parts),
        figures.index(figure) if figure in figures else len(figures),
        (int(number[0]) - below) if number else -1,
        metric,
    )


def _place(metric: str) -> tuple[str, CurveOf]:
    if metric == THROUGHPUT:
        return "throughput [events/s]", CurveOf(metric, "events/s", training=True)
    part, figure, slice_name = split_key(metric)
    if not figure:
        return metric.replace("_", " "), CurveOf(metric, metric)
    training = part == "train"
    if figure in _CONTOURS:
        return "truths inside contours", CurveOf(metric, _CONTOURS[figure], training)
    if figure == "events_per_second":
        return "throughput of processes [events/s]", CurveOf(metric, f"process {slice_name}", training)
    if figure in _TARGETS:
        return _TARGETS[figure], CurveOf(metric, part, training)
    if figure not in _FIGURES:
        title = f"{figure}: {slice_name}" if slice_name else figure
        return title.replace("_", " "), CurveOf(metric, part, training)
    if not slice_name:
        return "angular error [°]", CurveOf(metric, _FIGURES[figure], training)
    by = next((word for word in _TRUE if re.match(rf"{word}[<>\d]", slice_name)), "")
    if by:
        label = slice_name.removeprefix(by).removesuffix(_TRUE[by])
        return f"{_FIGURES[figure]} [°] by {by} [{_TRUE[by]}]", CurveOf(metric, label, training)
    by = "pulses" if _PULSES.match(slice_name) else "kind"
    label = slice_name.removesuffix("_track").replace("_", " ")  # short: three must fit below a chart
    return f"{_FIGURES[figure]} [°] by {by}", CurveOf(metric, label, training)


def _rank(title: str) -> tuple[int, str]:
    chart, _, _ = title.partition(": ")  # the parts of a loss follow it
    return (_ORDER.index(chart) if chart in _ORDER else len(_ORDER), title)
