"""Figures of a quantity against its truth: how many events have which pair of values."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from jaxtyping import Float
from numpy import ndarray

from icereco.plots.style import INK, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["PairHistogram", "pair_figure"]

_BINS = 40
_LIGHTEST = 0.25
"""Of the colours: single events must stand out from white."""


@dataclass(frozen=True, slots=True, eq=False)
class PairHistogram:
    """How many events there are in cells of true and estimated values.

    Attributes:
        edges: of the cells, the same for both.
        counts: by the estimate, then the truth.
    """

    edges: Float[ndarray, "edge"]
    counts: Float[ndarray, "cell cell"]

    @classmethod
    def of(
        cls,
        estimated: Float[ndarray, "event"],
        true: Float[ndarray, "event"],
        *,
        span: tuple[float, float] | None = None,
    ) -> "PairHistogram":
        """Count known pairs of at least one event, over a span, or else, in equal ratios, over all positive values."""
        if span is None:
            values = np.concatenate([estimated, true])
            low, high = np.log10(values.min()), np.log10(values.max())
            margin = 0.05 if high - low < 1e-6 else 0.0
            edges = np.logspace(low - margin, high + margin, _BINS + 1)
            edges[[0, -1]] = min(edges[0], values.min()), max(edges[-1], values.max())
        else:
            edges = np.linspace(*span, _BINS + 1)
        return cls(edges, np.histogram2d(estimated, true, (edges, edges))[0])

    def table(self) -> pa.Table:
        """Return the cells with events as rows."""
        row, column = np.nonzero(self.counts)
        return pa.table(
            {
                "true_low": self.edges[column],
                "true_high": self.edges[column + 1],
                "estimate_low": self.edges[row],
                "estimate_high": self.edges[row + 1],
                "events": self.counts[row, column].astype(np.int64),
            }
        )


def pair_figure(pairs: PairHistogram, quantity: str, *, logarithmic: bool) -> "Figure":
    """Draw the cells, and where estimate and truth are equal."""
    with styled():
        from matplotlib import colormaps
        from matplotlib.colors import ListedColormap, LogNorm
        from matplotlib.figure import Figure

        figure = Figure(figsize=(4.6, 3.6), layout="constrained")
        axes = figure.add_subplot()
        cells = np.ma.masked_equal(pairs.counts, 0)
        norm = LogNorm(1, max(float(pairs.counts.max()), 2.0))
        shades = ListedColormap(colormaps["Blues"](np.linspace(_LIGHTEST, 1, 256)))
        mesh = axes.pcolormesh(pairs.edges, pairs.edges, cells, cmap=shades, norm=norm, rasterized=True)
        bar = figure.colorbar(mesh, ax=axes, label="events")
        bar.ax.yaxis.set_major_formatter("{x:,.0f}")
        span = pairs.edges[[0, -1]]
        axes.plot(span, span, color=INK, lw=0.8, ls="--")
        axes.set(xlabel=f"true {quantity}", ylabel=f"estimated {quantity}")
        if logarithmic:
            axes.set(xscale="log", yscale="log")
        axes.set(xlim=span, ylim=span, aspect="equal")
        return figure
