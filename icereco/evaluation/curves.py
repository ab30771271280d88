"""Angular errors against energy, zenith, pulses and kind: the numbers behind figures."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from jaxtyping import Float, Int
from numpy import ndarray

from icereco.errors import IcerecoError, did_you_mean
from icereco.evaluation.weighted import effective_events, quantiles, weights_of
from icereco.events.truth import EVENT_KINDS, Truth

__all__ = [
    "QUANTITIES",
    "Curve",
    "Quantity",
    "curve",
    "edges_of",
    "quantiles_in_bins",
    "table_of_curves",
    "values_of",
]

LEAST_EVENTS = 20
"""Bins with fewer events, or whose events are worth fewer, are not drawn: their quantiles say little."""

_BINS_PER_DECADE = 4
_QUANTILES = (0.05, 0.16, 0.5, 0.84, 0.95)


@dataclass(frozen=True, slots=True)
class Quantity:
    """What errors are drawn against.

    Attributes:
        name: as in `--by`.
        label: of the axis, with its unit.
        logarithmic: whether bins have equal ratios.
    """

    name: str
    label: str
    logarithmic: bool


QUANTITIES = {
    one.name: one
    for one in (
        Quantity("energy", "true neutrino energy (GeV)", logarithmic=True),
        Quantity("zenith", "cosine of the true zenith", logarithmic=False),
        Quantity("pulses", "pulses", logarithmic=True),
        Quantity("kind", "true kind", logarithmic=False),
    )
}


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Quantiles of the angular error of one method in bins.

    Attributes:
        method: its display name.
        low, high: edges of each bin.
        events: in each bin, with a direction.
        quantile_deg: of the error, 5, 16, 50, 84 and 95 %; NaN in bins of fewer than 20 events.
    """

    method: str
    low: Float[ndarray, "bin"]
    high: Float[ndarray, "bin"]
    events: Int[ndarray, "bin"]
    quantile_deg: Float[ndarray, "bin 5"]


def values_of(
    name: str, truth: Truth, pulses: Int[ndarray, "event"] | None
) -> Float[ndarray, "event"] | None:
    """Return a quantity of each event, NaN where it is not known; None where the file lacks it. Kinds are numbers in `EVENT_KINDS`.

    Raises:
        IcerecoError: there is no such quantity.
    """
    if name == "energy":
        return None if truth.energy_gev is None else truth.energy_gev.astype(np.float64)
    if name == "zenith":
        return truth.direction[:, 2]
    if name == "pulses":
        return None if pulses is None else pulses.astype(np.float64)
    if name == "kind":
        return None if truth.kind is None else _kind_numbers(truth.kind)
    raise IcerecoError(
        f"errors cannot be drawn by {name!r}{did_you_mean(name, list(QUANTITIES))}; there are {', '.join(QUANTITIES)}"
    )


def _kind_numbers(kind: ndarray) -> Float[ndarray, "event"]:
    numbers = np.full(len(kind), np.nan)
    for number, name in enumerate(EVENT_KINDS):
        numbers[kind == name] = number
    return numbers


def edges_of(quantity: Quantity, values: Float[ndarray, "event"]) -> Float[ndarray, "edge"]:
    """Return edges of bins that hold all known values."""
    if quantity.name == "kind":
        return np.arange(len(EVENT_KINDS) + 1) - 0.5
    if quantity.name == "zenith":
        return np.linspace(-1.0, 1.0, 11)
    known = values[np.isfinite(values) & (values > 0)]
    if not len(known):
        return np.array([1.0, 10.0])
    first, last = (np.log10(edge) * _BINS_PER_DECADE for edge in (known.min(), known.max()))
    steps = np.arange(np.floor(first), np.floor(last) + 2)
    return np.asarray(10.0 ** (steps / _BINS_PER_DECADE))


def curve(
    method: str,
    error_rad: Float[ndarray, "event"],
    values: Float[ndarray, "event"],
    edges: Float[ndarray, "edge"],
    weight: Float[ndarray, "event"] | None = None,
) -> Curve:
    """Return the quantiles of the errors in bins of a quantity; the last bin includes its upper edge."""
    events, quantile_deg = quantiles_in_bins(np.degrees(error_rad), values, edges, weight)
    return Curve(method, edges[:-1], edges[1:], events, quantile_deg)


def quantiles_in_bins(
    errors: Float[ndarray, "event"],
    values: Float[ndarray, "event"],
    edges: Float[ndarray, "edge"],
    weight: Float[ndarray, "event"] | None = None,
) -> tuple[Int[ndarray, "bin"], Float[ndarray, "bin 5"]]:
    """Return the events with a known error and value in each bin of the values, and quantiles as in `Curve`."""
    place = np.searchsorted(edges, values, side="right") - 1
    place[values == edges[-1]] = len(edges) - 2
    place[~np.isfinite(errors) | ~np.isfinite(values)] = -1
    bins = len(edges) - 1
    events = np.array([(place == one).sum() for one in range(bins)])
    found = np.full((bins, len(_QUANTILES)), np.nan)
    for one in np.flatnonzero(events >= LEAST_EVENTS):
        inside = weights_of(weight, place == one)
        if effective_events(inside, int(events[one])) >= LEAST_EVENTS:
            found[one] = quantiles(errors[place == one], _QUANTILES, inside)
    return events, found


def table_of_curves(curves: list[Curve]) -> pa.Table:
    """Return curves as rows: method, edges of the bin, events, and quantiles in degrees."""
    names = [f"error_{quantile:.0%}_deg".replace("%", "") for quantile in _QUANTILES]
    tables = []
    for one in curves:
        columns = {
            "method": [one.method] * len(one.events),
            "low": one.low,
            "high": one.high,
            "events": one.events,
        }
        columns |= {
            name: pa.array(one.quantile_deg[:, place], from_pandas=True) for place, name in enumerate(names)
        }
        tables.append(pa.table(columns))
    return pa.concat_tables(tables)
