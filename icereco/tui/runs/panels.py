"""Which metrics share a chart: training with validation, angular errors together, slices together."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from icereco.runs.metrics import split_key
from icereco.watch.series import THROUGHPUT

__all__ = ["CurveOf", "Panel", "panels_of"]

_FIGURES = {"median_deg": "median", "mean_deg": "mean", "containment68_deg": "68 %"}
_PULSES = re.compile(r"[<>≥≤\d]")
_ORDER = ("loss", "angular error [°]", "median [°] by pulses", "median [°] by kind",
          "throughput [events/s]", "learning rate")  # fmt: skip


@dataclass(frozen=True, slots=True)
class CurveOf:
    """One curve: its metric, its label in the legend, and whether it is of training, which is noisier."""

    metric: str
    label: str
    training: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart: its title and the metrics that it shows."""

    title: str
    curves: tuple[CurveOf, ...]


def panels_of(metrics: Iterable[str]) -> list[Panel]:
    """The charts of all metrics, the most important first."""
    charts: dict[str, list[CurveOf]] = {}
    for metric in dict.fromkeys(metrics):
        title, curve = _place(metric)
        charts.setdefault(title, []).append(curve)
    return [Panel(title, tuple(charts[title])) for title in sorted(charts, key=_rank)]


def _place(metric: str) -> tuple[str, CurveOf]:
    if metric == THROUGHPUT:
        return "throughput [events/s]", CurveOf(metric, "events/s", training=True)
    part, figure, slice_name = split_key(metric)
    if not figure:
        return metric.replace("_", " "), CurveOf(metric, metric)
    training = part == "train"
    if figure not in _FIGURES:
        title = f"{figure}: {slice_name}" if slice_name else figure
        return title.replace("_", " "), CurveOf(metric, part, training)
    if not slice_name:
        return "angular error [°]", CurveOf(metric, _FIGURES[figure], training)
    by = "pulses" if _PULSES.match(slice_name) else "kind"
    label = slice_name.removesuffix("_track").replace("_", " ")  # short: three must fit below a chart
    return f"{_FIGURES[figure]} [°] by {by}", CurveOf(metric, label, training)


def _rank(title: str) -> tuple[int, str]:
    chart, _, _ = title.partition(": ")  # the parts of a loss follow it
    return (_ORDER.index(chart) if chart in _ORDER else len(_ORDER), title)
