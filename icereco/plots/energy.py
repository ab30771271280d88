"""Figures of how good energies are."""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from icereco.plots.style import COLOURS, INK, MARKERS, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["energy_bias_figure"]

_FIFTH, _SIXTEENTH, _MEDIAN, _EIGHTY_FOURTH, _NINETY_FIFTH = range(5)


def energy_bias_figure(
    edges_gev: Float[ndarray, "edge"],
    quantiles: "dict[str, tuple[Int[ndarray, 'bin'], Float[ndarray, 'bin 5']]]",
) -> "Figure":
    """Draw quantiles of log₁₀(E/E_true) against the true energy: bands of the first group, and medians of all of them."""
    with styled():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(5.0, 3.6), layout="constrained")
        axes = figure.add_subplot()
        axes.set(xlabel="true neutrino energy (GeV)", ylabel=r"$\log_{10}(E/E_\mathrm{true})$")
        whole = next(iter(quantiles.values()))[1]
        if not np.isfinite(whole).any():
            axes.text(0.5, 0.5, "no bin has enough events", ha="center", transform=axes.transAxes)
            axes.set(xticks=[], yticks=[])
            return figure
        for low, high, shade, label in (
            (_FIFTH, _NINETY_FIFTH, 0.15, "90 % of the events"),
            (_SIXTEENTH, _EIGHTY_FOURTH, 0.3, "68 % of the events"),
        ):
            axes.stairs(
                whole[:, high], edges_gev, baseline=whole[:, low], fill=True, color=COLOURS[0], alpha=shade, lw=0, label=label
            )  # fmt: skip
        middle = np.sqrt(edges_gev[:-1] * edges_gev[1:])
        for place, (name, (_, group)) in enumerate(quantiles.items()):
            if np.isfinite(group).any():
                axes.plot(
                    middle, group[:, _MEDIAN], color=COLOURS[place % len(COLOURS)], marker=MARKERS[place % len(MARKERS)], ms=4,
                    lw=1.4 if place == 0 else 0.9, label=f"{name.replace('_', ' ')}, median",
                )  # fmt: skip
        axes.axhline(0.0, color=INK, lw=0.6, zorder=0)
        axes.set_xscale("log")
        figure.legend(loc="outside upper center", ncols=2)
        return figure
