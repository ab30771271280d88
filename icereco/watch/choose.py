"""A table of events: joined with reconstructions, filtered, and sorted."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from icereco.physics.sphere import direction_from_angles, opening_angle
from icereco.physics.vmf import angular_sigma
from icereco.tables import conditions
from icereco.watch.reconstructions import TRUTH, Reconstructions

__all__ = ["Order", "filtered", "ordered", "with_reconstructions"]


_OF_METHODS = ("error", "sigma", "pull", "content", "reco_zenith", "reco_azimuth")
_NEEDED = ": it needs a file of reconstructions (O adds one); error, pull and content also need the truth"


@dataclass(frozen=True, slots=True)
class Order:
    """The column to sort by, and whether the highest comes first."""

    column: str = "row"
    descending: bool = False


def with_reconstructions(summary: pl.DataFrame, reconstructions: Sequence[Reconstructions]) -> pl.DataFrame:
    """The summary with columns from reconstructions.

    The truth is the summary's own, or the reconstruction named `TRUTH`. The first other reconstruction gives the
    columns error (degrees from the truth), sigma (degrees), pull (error over sigma), content (of the smallest region of its
    posterior that includes the truth, 0 to 1), reco_zenith and reco_azimuth (degrees); each further one gives its error as error_NAME. Columns without any number are left out.
    """
    if not len(summary) or not reconstructions:
        return summary
    event_id = summary["event_id"].to_numpy()
    truth = _truth(summary, event_id, reconstructions)
    columns: dict[str, np.ndarray] = {}
    methods = [method for method in reconstructions if method.name != TRUTH]
    for number, method in enumerate(methods):
        direction, kappa = method.aligned(event_id)
        error = np.degrees(opening_angle(direction, truth)) if truth is not None else None
        if number == 0:
            content = None if truth is None else method.content(event_id, truth)
            columns |= _first(direction, kappa, error, content)
        elif error is not None:
            columns[f"error_{_word(method.name)}"] = error
    known = [
        pl.Series(name, values, nan_to_null=True)
        for name, values in columns.items()
        if np.isfinite(values).any()
    ]
    return summary.with_columns(known)


def _first(
    direction: np.ndarray, kappa: np.ndarray, error: np.ndarray | None, content: np.ndarray | None
) -> dict[str, np.ndarray]:
    with np.errstate(divide="ignore", invalid="ignore"):
        sigma = np.degrees(angular_sigma(np.maximum(kappa, 1e-9)))
        columns = {"sigma": np.where(np.isfinite(kappa), sigma, np.nan)}
        if error is not None:
            columns = {"error": error, **columns, "pull": error / columns["sigma"]}
        if content is not None:
            columns["content"] = content
    return columns | {
        "reco_zenith": np.degrees(np.arccos(np.clip(direction[:, 2], -1, 1))),
        "reco_azimuth": np.degrees(np.arctan2(direction[:, 1], direction[:, 0])) % 360,
    }


def _truth(
    summary: pl.DataFrame, event_id: np.ndarray, reconstructions: Sequence[Reconstructions]
) -> np.ndarray | None:
    if {"zenith", "azimuth"} <= set(summary.columns):
        azimuth, zenith = (
            np.radians(summary[name].fill_null(np.nan).to_numpy()) for name in ("azimuth", "zenith")
        )
        return direction_from_angles(azimuth, zenith)
    return next((truth.aligned(event_id)[0] for truth in reconstructions if truth.name == TRUTH), None)


def _word(name: str) -> str:
    """A method's name as part of a column's name, without characters that SQL would need quotes for."""
    return re.sub(r"\W+", "_", name).strip("_").lower() or "unnamed"


def filtered(frame: pl.DataFrame, expression: str) -> pl.DataFrame:
    """The events for which an SQL expression is true; see `icereco.tables.conditions.filtered`.

    Raises:
        IcerecoError: the expression is not valid SQL, names an unknown column, or is not a condition.
    """
    return conditions.filtered(frame, expression, _hint)


def _hint(column: str) -> str | None:
    of_method = column.lower() in _OF_METHODS or column.lower().startswith("error_")
    return _NEEDED if of_method else None


def ordered(frame: pl.DataFrame, order: Order) -> pl.DataFrame:
    """The events sorted by a column, those without a value last; equal ones stay in the order of the file."""
    if order.column not in frame.columns:
        return frame
    return frame.sort(order.column, descending=order.descending, nulls_last=True, maintain_order=True)
