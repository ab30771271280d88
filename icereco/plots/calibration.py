"""Figures of how far posteriors can be trusted."""

from typing import TYPE_CHECKING

import numpy as np

from icereco.evaluation.calibration import LEVELS, Calibration, interval
from icereco.plots.style import COLOURS, INK, MUTED, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["calibration_figure"]


def calibration_figure(calibration: Calibration, method: str) -> "Figure":
    """Draw how often contours hold the truth, and the histogram of the contents that just include it."""
    with styled():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(6.6, 3.2), layout="constrained")
        left, right = figure.subplots(1, 2)
        _draw_contours(left, calibration, method)
        _draw_histogram(right, calibration)
        return figure


def _draw_contours(axes: "Axes", calibration: Calibration, method: str) -> None:
    contours = calibration["contours"]
    inside = np.array([one["inside"] for one in contours.values()])
    around = [
        inside - [one["least"] for one in contours.values()],
        [one["most"] for one in contours.values()] - inside,
    ]
    axes.plot([0, 1], [0, 1], color=MUTED, lw=0.8, label="right posteriors")
    axes.errorbar(
        LEVELS, inside, around, color=COLOURS[0], marker="o", ms=4, lw=1.2, capsize=2,
        label=f"{method}, {calibration['events']:,} events, 95 %",
    )  # fmt: skip
    axes.set(xlabel="content of the contour", ylabel="fraction of truths inside", xlim=(0, 1), ylim=(0, 1))
    axes.set_aspect("equal")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0))


def _draw_histogram(axes: "Axes", calibration: Calibration) -> None:
    counts = np.array(calibration["histogram"])
    edges = np.linspace(0, 1, len(counts) + 1)
    expected = counts.sum() / len(counts)
    low, high = (edge * counts.sum() for edge in interval(expected, max(float(counts.sum()), 1.0)))
    axes.axhspan(low, high, color=MUTED, alpha=0.3, lw=0, label="95 % of right posteriors")
    weighted = "effective_events" in calibration
    axes.stairs(counts, edges, color=COLOURS[0], lw=1.4, label="events")
    axes.axhline(expected, color=INK, lw=0.6)
    axes.set(
        xlabel="content of the smallest region with the truth",
        ylabel="events of equal weights" if weighted else "events",
        xlim=(0, 1),
        ylim=(0, None),
    )
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0))
