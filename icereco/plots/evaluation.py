"""All figures of one file of reconstructions, each with its caption and the numbers behind it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from jaxtyping import Float
from numpy import ndarray

from icereco.errors import IcerecoError
from icereco.evaluation.calibration import Calibration, calibration
from icereco.evaluation.curves import (
    LEAST_EVENTS,
    QUANTITIES,
    Quantity,
    curve,
    edges_of,
    table_of_curves,
    values_of,
)
from icereco.evaluation.evaluate import require_truth
from icereco.evaluation.weighted import effective_events
from icereco.events.batch import EventBatch
from icereco.events.reconstruction import Reconstruction
from icereco.events.weights import event_weights
from icereco.physics.sphere import opening_angle
from icereco.plots.calibration import calibration_figure
from icereco.plots.resolution import cumulative_figure, over_sky_figure, resolution_figure
from icereco.tables.saved_reconstructions import SavedReconstructions

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Captioned", "evaluation_figures", "plot_resolution"]


@dataclass(frozen=True, slots=True)
class Captioned:
    """A figure.

    Attributes:
        name: of its file, without ending.
        caption: one sentence or two.
        data: the numbers in it.
    """

    name: str
    figure: "Figure"
    caption: str
    data: pa.Table


def evaluation_figures(
    saved: SavedReconstructions,
    by: Sequence[str] = tuple(QUANTITIES),
    others: Mapping[str, Float[ndarray, "event 3"]] | None = None,
) -> Iterator[Captioned]:
    """Draw the errors of a file against quantities, their distribution, their map over the sky, and the calibration of its posterior.

    Args:
        saved: the file; methods to compare with that it has take part.
        by: quantities of `icereco.evaluation.curves.QUANTITIES`; those that the file lacks are left out.
        others: directions of the same events by further methods, NaN where they have none.

    Raises:
        IcerecoError: the file has no truth or no directions, or there is no such quantity.
    """
    saved.require_normalised()
    truth = require_truth(saved)
    directions = {saved.method: saved.reconstruction.direction}
    directions |= {name: one.direction for name, one in saved.comparisons.items() if name != saved.method}
    directions |= dict(others or {})
    errors = {name: opening_angle(one, truth.direction) for name, one in directions.items()}
    if not np.isfinite(errors[saved.method]).any():
        raise IcerecoError(
            f"{saved.path}: {saved.method} gives no direction for any of the events, so there is nothing to draw"
        )
    whole, weight = _events(saved), saved.weight
    for name in by:
        values = values_of(name, truth, saved.pulses_total)
        if values is not None:
            yield _against(QUANTITIES[name], values, errors, saved.method, whole, weight)
    yield _distribution(errors, whole, weight)
    yield _over_sky(errors[saved.method], truth.direction, saved.method, whole, weight)
    posterior = saved.reconstruction.posterior
    groups = (
        {}
        if posterior is None
        else calibration(posterior, saved.reconstruction.direction, truth, saved.pulses_total, weight)
    )
    if groups:
        yield _calibrated(groups, saved)


def _events(saved: SavedReconstructions) -> str:
    """Say in a caption which events figures are of, and how they count."""
    assert saved.truth is not None
    known = saved.truth.known("direction")
    whole = f"{int(known.sum()):,} events of {saved.path.name}"
    if saved.weights is None:
        return whole
    worth = effective_events(saved.weights.values[known], int(known.sum()))
    return f"{whole} weighted by {saved.weights.name} (worth {worth:,.0f} of equal weights)"


def _against(
    quantity: Quantity,
    values: Float[ndarray, "event"],
    errors: Mapping[str, Float[ndarray, "event"]],
    method: str,
    whole: str,
    weight: Float[ndarray, "event"] | None,
) -> Captioned:
    """The errors of all methods against a quantity; bands are of one of them."""
    edges = edges_of(quantity, values)
    curves = [curve(name, error, values, edges, weight) for name, error in errors.items()]
    caption = (
        f"Angular error against {quantity.label}, {whole}: medians of each method; bands hold the central 68 and 90 % of the events "
        f"of {method} (for kinds: bars, 68 %, of each method). Bins of fewer than {LEAST_EVENTS} events{_worth(weight)} are left out."
    )
    return Captioned(
        f"error_by_{quantity.name}", resolution_figure(curves, quantity), caption, table_of_curves(curves)
    )


def _worth(weight: Float[ndarray, "event"] | None) -> str:
    return "" if weight is None else " (or such that are worth fewer)"


def _distribution(
    errors: Mapping[str, Float[ndarray, "event"]], whole: str, weight: Float[ndarray, "event"] | None
) -> Captioned:
    caption = f"Fraction of the events with a smaller angular error, {whole}; lines at 50 and 68 %."
    columns = {
        f"{name}_error_deg": pa.array(np.degrees(one), from_pandas=True) for name, one in errors.items()
    }
    columns |= _weight_column(weight)
    return Captioned("error_cumulative", cumulative_figure(errors, weight), caption, pa.table(columns))


def _weight_column(weight: Float[ndarray, "event"] | None) -> dict[str, ndarray]:
    return {} if weight is None else {"weight": weight}


def _over_sky(
    error_rad: Float[ndarray, "event"],
    truth: Float[ndarray, "event 3"],
    method: str,
    whole: str,
    weight: Float[ndarray, "event"] | None,
) -> Captioned:
    caption = f"Median angular error of {method} in cells of equal solid angle of the true direction, {whole}; grey: fewer than 5 events{_worth(weight)}."
    figure = over_sky_figure(error_rad, truth, weight)
    return Captioned("error_over_sky", figure, caption, _sky_table(error_rad, truth, weight))


def _calibrated(groups: Mapping[str, Calibration], saved: SavedReconstructions) -> Captioned:
    caption = (
        f"Calibration of the posterior of {saved.method}, {_calibrated_events(groups['all'], saved)}: fraction of true "
        "directions inside contours, with binomial intervals of 95 %, and contents of the smallest regions that include the truth "
        "(flat for right posteriors)."
    )
    rows = [
        {"group": name, "events": group["events"], "contour": level, **contour}
        for name, group in groups.items()
        for level, contour in group["contours"].items()
    ]
    figure = calibration_figure(groups["all"], saved.method)
    return Captioned("calibration", figure, caption, pa.Table.from_pylist(rows))


def _calibrated_events(whole: Calibration, saved: SavedReconstructions) -> str:
    events = f"{whole['events']:,} events of {saved.path.name}"
    if saved.weights is None:
        return events
    return (
        f"{events} weighted by {saved.weights.name} (worth {whole['effective_events']:,.0f} of equal weights)"
    )


def _sky_table(
    error_rad: Float[ndarray, "event"],
    truth: Float[ndarray, "event 3"],
    weight: Float[ndarray, "event"] | None,
) -> pa.Table:
    columns = {
        "true_azimuth_deg": np.degrees(np.arctan2(truth[:, 1], truth[:, 0])) % 360.0,
        "true_cos_zenith": truth[:, 2],
        "error_deg": np.degrees(error_rad),
        **_weight_column(weight),
    }
    return pa.table({name: pa.array(column, from_pandas=True) for name, column in columns.items()})


def plot_resolution(
    reconstructions: Reconstruction | Mapping[str, Reconstruction],
    events: EventBatch,
    by: str = "energy",
    weights: str | Float[ndarray, "event"] | None = None,
) -> "Figure":
    """Draw the angular errors of reconstructions in memory against a quantity, as a matplotlib figure.

    >>> import icereco
    >>> events = icereco.simulate(200)
    >>> figure = icereco.plot_resolution(icereco.reconstruct(events, "linefit"), events, by="zenith")
    >>> figure.axes[0].get_ylabel()
    'angular error (°)'

    Args:
        reconstructions: one, or several by the name of their method.
        events: those that were reconstructed, with their truth.
        by: energy, zenith, pulses or kind.
        weights: how much each event counts: a column of the events (`EventBatch.event_extras`), or `[E]` numbers.

    Raises:
        IcerecoError: the events have no truth, do not know that quantity, are not as many, or have no such weights.
    """
    if isinstance(reconstructions, Reconstruction):
        reconstructions = {"reconstruction": reconstructions}
    if events.truth is None:
        raise IcerecoError("these events have no truth, so no error can be drawn")
    values = values_of(by, events.truth, events.pulse_count)
    if values is None:
        raise IcerecoError(
            f"these events do not know their {by}; draw errors by another of {', '.join(QUANTITIES)}"
        )
    for name, one in reconstructions.items():
        if len(one.direction) != len(events):
            raise IcerecoError(
                f"{name} has {len(one.direction):,} directions, and there are {len(events):,} events"
            )
    edges, weight = edges_of(QUANTITIES[by], values), event_weights(weights, events, len(events))
    curves = [
        curve(name, opening_angle(one.direction, events.truth.direction), values, edges, weight)
        for name, one in reconstructions.items()
    ]
    return resolution_figure(curves, QUANTITIES[by])
