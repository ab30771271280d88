"""Figures of how far vertices are from the true ones."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco.plots.style import COLOURS, INK, MUTED, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["vertex_figure"]

_BINS, _STEPS = 32, 401
_SHOWN = (0.005, 0.995)
"""Quantiles of the offsets that are drawn."""

_ROOM = 1.2
"""Of the height of the axes over that of the curves, for the legend."""

_DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1)), "-.")


def vertex_figure(
    offsets_m: Mapping[str, Float[ndarray, "event"]], distances_m: Mapping[str, Float[ndarray, "_"]]
) -> "Figure":
    """Draw the distributions of offsets along axes, and which fraction of the events of each kind has a smaller distance."""
    with styled():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(6.8, 3.2), layout="constrained")
        left, right = figure.subplots(1, 2)
        _draw_offsets(left, offsets_m)
        _draw_distances(right, distances_m)
        return figure


def _draw_offsets(axes: "Axes", offsets_m: Mapping[str, Float[ndarray, "event"]]) -> None:
    known = {name: one[np.isfinite(one)] for name, one in offsets_m.items()}
    low, high = np.quantile(np.concatenate(list(known.values())), _SHOWN)
    reach = max(abs(low), abs(high), 1e-3)
    edges = np.linspace(-reach, reach, _BINS + 1)
    for place, (name, one) in enumerate(known.items()):
        if len(one):
            counts = np.histogram(one, edges)[0] / len(one)
            style = _DASHES[place % len(_DASHES)]
            axes.stairs(counts, edges, color=COLOURS[place % len(COLOURS)], ls=style, lw=1.2, label=name)
    axes.axvline(0.0, ymax=1 / _ROOM, color=INK, lw=0.6, zorder=0)
    axes.set(xlabel="offset from the true vertex (m)", ylabel="fraction of the events")
    axes.set_ylim(0, _ROOM * axes.get_ylim()[1])
    axes.legend(loc="upper center", ncols=2, handlelength=1.6)


def _draw_distances(axes: "Axes", distances_m: Mapping[str, Float[ndarray, "_"]]) -> None:
    fraction = np.linspace(0, 1, _STEPS)
    for place, (name, one) in enumerate(distances_m.items()):
        axes.plot(
            np.quantile(one, fraction), fraction, color=COLOURS[place % len(COLOURS)], ls=_DASHES[place % len(_DASHES)],
            label=f"{name.replace('_', ' ')} ({len(one):,} events)",
        )  # fmt: skip
    axes.axhline(0.5, color=MUTED, lw=0.6, zorder=0)
    axes.axhline(0.68, color=MUTED, lw=0.6, zorder=0)
    axes.set(
        xlabel="distance from the true vertex (m)",
        ylabel="fraction of the events below",
        ylim=(0, 1),
        xlim=(0, None),
    )
    axes.legend(loc="lower right")
