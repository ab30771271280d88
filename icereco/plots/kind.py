"""Figures of how good the probabilities of kinds are."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from icereco.evaluation.kind import KindAgainstRest
from icereco.evaluation.roc import Roc
from icereco.plots.style import COLOURS, INK, MARKERS, MUTED, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["confusion_figure", "reliability_figure", "roc_figure"]

_DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1)))
_DARK = 0.6
"""Cells with a larger fraction are dark enough for white numbers."""


def confusion_figure(
    confusion: Mapping[str, Mapping[str, int]], shares: Mapping[str, Mapping[str, float]] | None = None
) -> "Figure":
    """Draw which fraction of each true kind has which most probable kind, with the numbers of events; fractions of weights, if given."""
    with styled():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(4.6, 3.6), layout="constrained")
        axes = figure.add_subplot()
        counts = np.array([list(row.values()) for row in confusion.values()])
        fractions = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        if shares is not None:
            nothing = dict.fromkeys(confusion, 0.0)
            fractions = np.array([list(shares.get(kind, nothing).values()) for kind in confusion])
        image = axes.imshow(fractions, cmap="Blues", vmin=0, vmax=1)
        for row, column in np.ndindex(*counts.shape):
            colour = "white" if fractions[row, column] > _DARK else INK
            text = f"{fractions[row, column]:.1%}\n{counts[row, column]:,}"
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)
        names = [name.replace("_", "\n") for name in confusion]
        axes.set_xticks(range(len(names)), names)
        axes.set_yticks(range(len(names)), names)
        axes.tick_params(length=0)
        axes.set(xlabel="most probable kind", ylabel="true kind")
        figure.colorbar(
            image,
            ax=axes,
            label=f"fraction of the {'true kind' if shares is None else 'weight of the true kind'}",
        )
        return figure


def roc_figure(curves: Mapping[str, Roc], areas: Mapping[str, float]) -> "Figure":
    """Draw the ROC curves of kinds against all others."""
    with styled():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(4.2, 3.8), layout="constrained")
        axes = figure.add_subplot()
        axes.plot([0, 1], [0, 1], color=MUTED, lw=0.8)
        for place, (name, one) in enumerate(curves.items()):
            label = f"{name.replace('_', ' ')}, area {areas[name]:.3f}"
            axes.plot(one.others, one.of_class, color=COLOURS[place], ls=_DASHES[place], label=label)
        axes.set(
            xlabel="fraction of other kinds taken", ylabel="fraction of the kind taken", xlim=(0, 1), ylim=(0, 1.01),
            aspect="equal",
        )  # fmt: skip
        axes.legend(loc="lower right")
        return figure


def reliability_figure(kinds: Sequence[tuple[str, KindAgainstRest]]) -> "Figure":
    """Draw how often events are of a kind against its probability, with intervals of 95 %."""
    with styled():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(4.2, 3.8), layout="constrained")
        axes = figure.add_subplot()
        axes.plot([0, 1], [0, 1], color=MUTED, lw=0.8, label="right probabilities")
        for place, (name, kind) in enumerate(kinds):
            bins = kind["reliability"]
            observed, least, most = (
                np.array([one["observed"][edge] for one in bins]) for edge in ("value", "least", "most")
            )
            around = np.maximum([observed - least, most - observed], 0.0)
            axes.errorbar(
                [one["probability"] for one in bins], observed, around, color=COLOURS[place], marker=MARKERS[place], ms=4, lw=1.2,
                capsize=2, label=name.replace("_", " "),
            )  # fmt: skip
        axes.set(
            xlabel="probability of the kind", ylabel="fraction of the events of this kind", xlim=(0, 1.02), ylim=(0, 1.02),
            aspect="equal",
        )  # fmt: skip
        axes.legend(loc="upper left")
        return figure
