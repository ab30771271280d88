"""Weights of events in the loss, from a column of the data."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from icereco.data.stream.shuffle import Portion
from icereco.errors import IcerecoError, did_you_mean
from icereco.events.batch import EventBatch
from icereco.tables.columns import event_columns

__all__ = ["EventWeights"]


@dataclass(frozen=True, slots=True)
class EventWeights:
    """How much each event counts in the loss: its value in a column, over the mean of those that are trained on.

    Attributes:
        column: of the events.
        mean: of the column over an epoch.
    """

    column: str
    mean: float

    @classmethod
    def measured(cls, column: str, train: Sequence[Portion], validate: Sequence[Portion]) -> Self:
        """Look at the weights of all events to train and to validate on.

        Raises:
            IcerecoError: a data set has no such column, or a weight is not a number, negative, or all are zero.
        """
        total = events = 0.0
        for portion in train:
            values = _values(portion, column)
            total += portion.weight * float(values.sum())
            events += portion.weight * len(values)
        validated = sum(float(_values(portion, column).sum()) for portion in validate)
        if not (total > 0 and validated > 0):
            which = "train" if total <= 0 else "validate"
            raise IcerecoError(f"train.event_weights: {column!r} is zero for all events to {which} on")
        return cls(column, total / events)

    def of(self, batch: EventBatch, device: torch.device) -> Float[Tensor, "event"]:
        """Return the weights of a batch, float32, one in the mean of all batches of an epoch."""
        return torch.from_numpy((batch.event_extras[self.column] / self.mean).astype(np.float32)).to(device)


def _values(portion: Portion, column: str) -> Float[ndarray, "event"]:
    """The weights of the events of a portion, checked."""
    store = portion.store
    known = event_columns(store.blocks([0])[0].schema)
    if column not in known:
        raise IcerecoError(
            f"train.event_weights: {store.manifest.source} has no column {column!r} with a number for each event"
            f"{did_you_mean(column, known)} (those that it has: {', '.join(known) or 'none'})"
        )
    rows = portion.row_numbers()
    values: ndarray = store.column(column)[rows]
    bad = np.flatnonzero(~(np.isfinite(values) & (values >= 0)))
    if len(bad):
        row = int(rows[bad[0]])
        raise IcerecoError(
            f"{store.manifest.source}: {column} of event {store.column('event_id')[row]} (row {row}) is {values[bad[0]]:g}; "
            f"a weight in the loss must be a number, 0 or more ({len(bad)} of {len(values)} are not). "
            f'Leave such events out: --where "{column} >= 0"'
        )
    return values
