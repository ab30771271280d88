"""Figures of angular errors: against a quantity, as distributions, and over the sky."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco.evaluation.curves import Curve, Quantity
from icereco.evaluation.weighted import effective_events, quantiles, weights_of
from icereco.events.truth import EVENT_KINDS
from icereco.plots.style import COLOURS, INK, MARKERS, MUTED, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["cumulative_figure", "over_sky_figure", "resolution_figure"]

_SIZE = (5.0, 3.6)
_ERROR = "angular error (°)"
_FIFTH, _SIXTEENTH, _MEDIAN, _EIGHTY_FOURTH, _NINETY_FIFTH = range(5)
_AZIMUTHS, _COSINES = 12, 8
_LEAST_EVENTS = 5
_STEPS = 401
_FEW_DECADES = 30.0
"""Axes of a smaller range have numbers between powers of ten, too."""


def resolution_figure(curves: list[Curve], quantity: Quantity) -> "Figure":
    """Draw the median error of methods against a quantity, and the central 68 and 90 % of the errors of the first."""
    with styled():
        from matplotlib.figure import Figure

        figure = Figure(figsize=_SIZE, layout="constrained")
        axes = figure.add_subplot()
        if not any(np.isfinite(one.quantile_deg).any() for one in curves):
            axes.text(0.5, 0.5, "no bin has enough events", ha="center", transform=axes.transAxes)
            axes.set(xlabel=quantity.label, ylabel=_ERROR, xticks=[], yticks=[])
            return figure
        if quantity.name == "kind":
            _draw_kinds(axes, curves)
        else:
            _draw_curves(axes, curves, quantity)
        axes.set(xlabel=quantity.label, ylabel=_ERROR, yscale="log")
        _plain_numbers(axes)
        figure.legend(loc="outside upper center", ncols=2)
        return figure


def _draw_curves(axes: "Axes", curves: list[Curve], quantity: Quantity) -> None:
    first = curves[0]
    edges = np.append(first.low, first.high[-1])
    for low, high, shade, label in (
        (_FIFTH, _NINETY_FIFTH, 0.15, "90 % of the events"),
        (_SIXTEENTH, _EIGHTY_FOURTH, 0.3, "68 % of the events"),
    ):
        bottom, top = first.quantile_deg[:, low], first.quantile_deg[:, high]
        axes.stairs(top, edges, baseline=bottom, fill=True, color=COLOURS[0], alpha=shade, lw=0, label=label)
    for place, one in enumerate(curves):
        middle = np.sqrt(one.low * one.high) if quantity.logarithmic else 0.5 * (one.low + one.high)
        colour, marker = COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)]
        label = f"{one.method}, median"
        axes.plot(middle, one.quantile_deg[:, _MEDIAN], color=colour, marker=marker, ms=4, label=label)
    if quantity.logarithmic:
        axes.set_xscale("log")


def _draw_kinds(axes: "Axes", curves: list[Curve]) -> None:
    """Draw for each kind the median of each method, with bars over the central 68 % of its errors."""
    shown = [place for place in range(len(EVENT_KINDS)) if curves[0].events[place]]
    for place, one in enumerate(curves):
        shift = 0.5 * (place - 0.5 * (len(curves) - 1)) / max(len(curves), 1)
        middle = one.quantile_deg[shown, _MEDIAN]
        around = [
            middle - one.quantile_deg[shown, _SIXTEENTH],
            one.quantile_deg[shown, _EIGHTY_FOURTH] - middle,
        ]
        colour, marker = COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)]
        axes.errorbar(
            np.arange(len(shown)) + shift, middle, around, color=colour, marker=marker, ls="none", ms=5, capsize=2,
            label=f"{one.method}, median and 68 %",
        )  # fmt: skip
    names = [f"{EVENT_KINDS[place].replace('_', ' ')}\n{curves[0].events[place]:,} events" for place in shown]
    axes.set_xticks(np.arange(len(shown)), names)
    axes.set_xlim(-0.6, len(shown) - 0.4)


def cumulative_figure(
    errors_rad: Mapping[str, Float[ndarray, "event"]], weight: Float[ndarray, "event"] | None = None
) -> "Figure":
    """Draw which fraction of the events has a smaller error, for each method."""
    with styled():
        from matplotlib.figure import Figure

        figure = Figure(figsize=_SIZE, layout="constrained")
        axes = figure.add_subplot()
        for place, (name, error) in enumerate(errors_rad.items()):
            chosen = np.isfinite(error)
            known, counted = np.degrees(error[chosen]), weights_of(weight, chosen)
            if not effective_events(counted, len(known)):
                continue
            fraction = np.linspace(0, 1, _STEPS)
            style = ("-", (0, (5, 1.5)), (0, (1.5, 1)), "-.")[place % 4]
            axes.plot(
                np.maximum(quantiles(known, fraction, counted), 1e-3),
                fraction,
                color=COLOURS[place % len(COLOURS)],
                ls=style,
                label=f"{name} ({len(known):,} events)",
            )
        axes.axhline(0.5, color=MUTED, lw=0.6, zorder=0)
        axes.axhline(0.68, color=MUTED, lw=0.6, zorder=0)
        axes.set(xlabel=_ERROR, ylabel=f"fraction of the {_what(weight)} below", xscale="log", ylim=(0, 1))
        _plain_numbers(axes)
        axes.legend(loc="best")
        return figure


def _what(weight: Float[ndarray, "event"] | None) -> str:
    return "events" if weight is None else "weight of the events"


def over_sky_figure(
    error_rad: Float[ndarray, "event"],
    truth: Float[ndarray, "event 3"],
    weight: Float[ndarray, "event"] | None = None,
) -> "Figure":
    """Draw the median error in cells of equal solid angle of the true direction."""
    with styled():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(5.4, 3.6), layout="constrained")
        axes = figure.add_subplot()
        azimuth = np.degrees(np.arctan2(truth[:, 1], truth[:, 0])) % 360.0
        edges = np.linspace(0.0, 360.0, _AZIMUTHS + 1), np.linspace(-1.0, 1.0, _COSINES + 1)
        column = np.clip(np.searchsorted(edges[0], azimuth, "right") - 1, 0, _AZIMUTHS - 1)
        row = np.clip(np.searchsorted(edges[1], truth[:, 2], "right") - 1, 0, _COSINES - 1)
        medians = np.full((_COSINES, _AZIMUTHS), np.nan)
        for cell in np.ndindex(*medians.shape):
            inside = (row == cell[0]) & (column == cell[1]) & np.isfinite(error_rad)
            counted = weights_of(weight, inside)
            if effective_events(counted, int(inside.sum())) >= _LEAST_EVENTS:
                (medians[cell],) = np.degrees(quantiles(error_rad[inside], [0.5], counted))
        mesh = axes.pcolormesh(*edges, medians, cmap="cividis")
        figure.colorbar(mesh, ax=axes, label=f"median {_ERROR}")
        axes.set(xlabel="true azimuth (°)", ylabel="cosine of the true zenith", facecolor="#f2f2f2")
        axes.set_xticks(np.arange(0, 361, 60))
        axes.spines[:].set_color(INK)
        return figure


def _plain_numbers(axes: "Axes") -> None:
    """Write 0.1, 1, 10 instead of powers of ten on logarithmic axes, but for energies."""
    from matplotlib.ticker import FuncFormatter, LogFormatter, NullFormatter

    for axis, scale in ((axes.xaxis, axes.get_xscale()), (axes.yaxis, axes.get_yscale())):
        if scale != "log":
            continue
        if "GeV" not in axis.label.get_text():
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        low, high = axis.get_view_interval()
        few = high < _FEW_DECADES * low
        axis.set_minor_formatter(LogFormatter(minor_thresholds=(2.0, 0.5)) if few else NullFormatter())
