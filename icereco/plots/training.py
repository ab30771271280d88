"""A figure of how a training went."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from icereco.plots.style import COLOURS, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["training_figure"]

_MOST_POINTS = 400


def training_figure(lines: Sequence[Mapping[str, float]]) -> "Figure":
    """Draw the losses of training and validation, and the median error at each validation, against epochs.

    Args:
        lines: of metrics.jsonl, see `icereco.runs.metrics`.
    """
    with styled():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(6.6, 3.0), layout="constrained")
        left, right = figure.subplots(1, 2)
        _draw(left, lines, "train/loss", "training", COLOURS[0], marker="")
        _draw(left, lines, "validation/loss", "validation", COLOURS[1], marker="o")
        left.set(xlabel="epochs", ylabel="loss")
        left.legend(loc="best")
        _draw(right, lines, "validation/median_deg", "validation", COLOURS[1], marker="o")
        right.set(xlabel="epochs", ylabel="median angular error (°)")
        return figure


def _draw(
    axes: "Axes", lines: Sequence[Mapping[str, float]], key: str, label: str, colour: str, marker: str
) -> None:
    """Draw a metric; of very many points, means of as many neighbours as it takes."""
    known = np.array([(line["epoch"], line[key]) for line in lines if key in line]).reshape(-1, 2)
    together = max(-(-len(known) // _MOST_POINTS), 1)
    starts = np.arange(0, len(known), together)
    if len(starts):
        sizes = np.diff(np.append(starts, len(known)))
        known = np.add.reduceat(known, starts) / sizes[:, None]
    axes.plot(known[:, 0], known[:, 1], color=colour, marker=marker, ms=4, label=label)
