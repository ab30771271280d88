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
        shares: of the weight of all events, likewise, where they have weights.
    """

    edges: Float[ndarray, "edge"]
    counts: Float[ndarray, "cell cell"]
    shares: Float[ndarray, "cell cell"] | None = None

    @classmethod
    def of(
        cls,
        estimated: Float[ndarray, "event"],
        true: Float[ndarray, "event"],
        *,
        span: tuple[float, float] | None = None,
        weight: Float[ndarray, "event"] | None = None,
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
        counts = np.histogram2d(estimated, true, (edges, edges))[0]
        if weight is None:
            return cls(edges, counts)
        whole = max(float(weight.sum()), np.finfo(np.float64).tiny)
        return cls(edges, counts, np.histogram2d(estimated, true, (edges, edges), weights=weight)[0] / whole)

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
                **({} if self.shares is None else {"share_of_weight": self.shares[row, column]}),
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
        cells = np.ma.masked_less_equal(pairs.counts if pairs.shares is None else pairs.shares, 0)
        least = 1.0 if pairs.shares is None else float(cells.filled(1.0).min())
        norm = LogNorm(least, max(float(cells.filled(0.0).max()), 2.0 * least))
        shades = ListedColormap(colormaps["Blues"](np.linspace(_LIGHTEST, 1, 256)))
        mesh = axes.pcolormesh(pairs.edges, pairs.edges, cells, cmap=shades, norm=norm, rasterized=True)
        bar = figure.colorbar(
            mesh, ax=axes, label="events" if pairs.shares is None else "share of the weight"
        )
        if pairs.shares is None:
            bar.ax.yaxis.set_major_formatter("{x:,.0f}")
        span = pairs.edges[[0, -1]]
        axes.plot(span, span, color=INK, lw=0.8, ls="--")
        axes.set(xlabel=f"true {quantity}", ylabel=f"estimated {quantity}")
        if logarithmic:
            axes.set(xscale="log", yscale="log")
        axes.set(xlim=span, ylim=span, aspect="equal")
        return figure
