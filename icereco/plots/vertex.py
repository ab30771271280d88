"""Figures of how far vertices are from the true ones."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco.evaluation.weighted import quantiles
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
    offsets_m: Mapping[str, Float[ndarray, "event"]],
    distances_m: Mapping[str, Float[ndarray, "_"]],
    weight: Float[ndarray, "event"] | None = None,
    weight_of: Mapping[str, Float[ndarray, "_"]] | None = None,
) -> "Figure":
    """Draw the distributions of offsets along axes, and which fraction of the events of each kind has a smaller distance.

    Args:
        offsets_m: by axis.
        distances_m: by kind.
        weight: of the events of the offsets, or None where all count alike.
        weight_of: of the events of each kind, likewise.
    """
    with styled():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(6.8, 3.2), layout="constrained")
        left, right = figure.subplots(1, 2)
        _draw_offsets(left, offsets_m, weight)
        _draw_distances(right, distances_m, weight_of or {})
        return figure


def _draw_offsets(
    axes: "Axes", offsets_m: Mapping[str, Float[ndarray, "event"]], weight: Float[ndarray, "event"] | None
) -> None:
    low, high = np.nanquantile(np.concatenate(list(offsets_m.values())), _SHOWN)
    reach = max(abs(low), abs(high), 1e-3)
    edges = np.linspace(-reach, reach, _BINS + 1)
    for place, (name, one) in enumerate(offsets_m.items()):
        chosen = np.isfinite(one)
        counted = chosen.astype(np.float64) if weight is None else np.where(chosen, weight, 0.0)
        if counted.any():
            counts = np.histogram(one[chosen], edges, weights=counted[chosen])[0] / counted.sum()
            style = _DASHES[place % len(_DASHES)]
            axes.stairs(counts, edges, color=COLOURS[place % len(COLOURS)], ls=style, lw=1.2, label=name)
    axes.axvline(0.0, ymax=1 / _ROOM, color=INK, lw=0.6, zorder=0)
    axes.set(
        xlabel="offset from the true vertex (m)",
        ylabel="fraction of the events" if weight is None else "fraction of the weight",
    )
    axes.set_ylim(0, _ROOM * axes.get_ylim()[1])
    axes.legend(loc="upper center", ncols=2, handlelength=1.6)


def _draw_distances(
    axes: "Axes",
    distances_m: Mapping[str, Float[ndarray, "_"]],
    weight_of: Mapping[str, Float[ndarray, "_"]],
) -> None:
    fraction = np.linspace(0, 1, _STEPS)
    for place, (name, one) in enumerate(distances_m.items()):
        axes.plot(
            quantiles(one, fraction, weight_of.get(name)), fraction, color=COLOURS[place % len(COLOURS)], ls=_DASHES[place % len(_DASHES)],
            label=f"{name.replace('_', ' ')} ({len(one):,} events)",
        )  # fmt: skip
    axes.axhline(0.5, color=MUTED, lw=0.6, zorder=0)
    axes.axhline(0.68, color=MUTED, lw=0.6, zorder=0)
    axes.set(
        xlabel="distance from the true vertex (m)",
        ylabel=f"fraction of the {'weight of the ' if weight_of else ''}events below",
        ylim=(0, 1),
        xlim=(0, None),
    )
    axes.legend(loc="lower right")
