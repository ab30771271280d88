"""Weights of events, such as those of a flux: how much each counts in figures."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from icereco.errors import IcerecoError, did_you_mean
from icereco.events.batch import EventBatch

__all__ = ["Weights", "event_weights", "require_weights"]


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """How much each of `E` events counts; only ratios mean something.

    Attributes:
        name: of the column they are from.
        values: `[E]` float64, 0 or more, not all 0.
    """

    name: str
    values: Float[ndarray, "event"]


def require_weights(values: ndarray, name: str, where: str, event_id: Int[ndarray, "event"]) -> Weights:
    """Return numbers as weights.

    Args:
        values: `[E]`, numbers.
        name: of the column.
        where: the file they are from, for the message.
        event_id: of the same events.

    Raises:
        IcerecoError: a weight is not a number, infinite or negative, or all are 0.
    """
    values = np.asarray(values, np.float64)
    bad = np.flatnonzero(~(np.isfinite(values) & (values >= 0)))
    if len(bad):
        row = int(bad[0])
        raise IcerecoError(
            f"{where}: the weight {name} of event_id {event_id[row]} (row {row}) is {values[row]:g}; a weight must be a number, 0 or more "
            f"({len(bad):,} of {len(values):,} are not)"
        )
    if not values.any():
        raise IcerecoError(
            f"{where}: the weight {name} is 0 for all {len(values):,} events, so no event counts; take another column, or none"
        )
    return Weights(name, values)


def event_weights(
    given: str | Float[ndarray, "event"] | None, batch: EventBatch | None, events: int
) -> Float[ndarray, "event"] | None:
    """Return the weights of events in memory; None for None.

    Args:
        given: a column of the events, or numbers.
        batch: the events, where they are at hand.
        events: how many there are.

    Raises:
        IcerecoError: there is no such column, not one number for each event, or one that is no weight.
    """
    if given is None:
        return None
    event_id = np.arange(events) if batch is None else batch.event_id
    if not isinstance(given, str):
        if np.shape(given) != (events,):
            raise IcerecoError(
                f"there are weights of shape {np.shape(given)} for {events:,} events; one for each is needed"
            )
        return require_weights(given, "given", "these events", event_id).values
    columns = {} if batch is None else batch.event_extras
    if given not in columns:
        raise IcerecoError(
            f"these events have no column {given!r} with a number for each{did_you_mean(given, columns)} (those that they have: "
            f"{', '.join(columns) or 'none'})"
        )
    return require_weights(columns[given], given, "these events", event_id).values
