"""The events of one file of reconstructions that have a known truth, with the error of each."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from jaxtyping import Float, Int
from numpy import ndarray

from icereco.errors import IcerecoError, did_you_mean
from icereco.evaluation.evaluate import require_truth
from icereco.evaluation.weighted import weights_of
from icereco.events.reconstruction import Reconstruction
from icereco.physics.sphere import opening_angle
from icereco.tables.saved_reconstructions import SavedReconstructions, read_reconstructions

__all__ = ["EvaluatedEvents"]


@dataclass(frozen=True, slots=True, eq=False)
class EvaluatedEvents:
    """Reconstructions by one method of events whose truth is known.

    Attributes:
        name: display name of the method.
        event_id: int64 `[E]`, unique.
        error_rad: opening angle between reconstruction and truth; NaN where the method gives no direction.
        truth: unit vectors `[E, 3]` to where the neutrinos came from.
        pulses: pulses of each event.
        kind: `[E]` str or None, or None where kinds are not known.
        weight: how much each event counts, or None where all count alike.
    """

    name: str
    event_id: Int[ndarray, "event"]
    error_rad: Float[ndarray, "event"]
    truth: Float[ndarray, "event 3"]
    pulses: Int[ndarray, "event"]
    kind: ndarray | None
    weight: Float[ndarray, "event"] | None = None

    @classmethod
    def read(
        cls,
        path: Path,
        name: str,
        comparison: str | None = None,
        truth_table: pa.Table | None = None,
        weights: str | None = None,
    ) -> "EvaluatedEvents":
        """Read a file that `icereco reconstruct`, or a training's validation, wrote.

        Args:
            path: the file.
            name: display name of the method.
            comparison: read this method of comparison instead of the file's own method.
            truth_table: the truth of the events, where it is not in the file (`icereco.reconstruction.given_truth`).
            weights: column with the weight of each event.

        Raises:
            IcerecoError: not such a file, one without truth or that method, or an event_id that occurs twice.
        """
        saved = read_reconstructions(path, truth_table, weights)
        truth = require_truth(saved)
        reconstruction = saved.reconstruction if comparison is None else _comparison(saved, comparison)
        error = opening_angle(reconstruction.direction, truth.direction)
        whole = cls(
            name, saved.event_id, error, truth.direction, saved.pulses_total, truth.kind, saved.weight
        )
        known = whole.take(np.flatnonzero(truth.known("direction")))
        ids, counts = np.unique(known.event_id, return_counts=True)
        if (counts > 1).any():
            raise IcerecoError(
                f"{path}: event_id {ids[np.argmax(counts > 1)]} occurs more than once, so it does not identify an event"
            )
        return known

    def take(self, rows: Int[ndarray, "row"]) -> "EvaluatedEvents":
        """Return the events of the given rows, in their order."""
        kind = None if self.kind is None else self.kind[rows]
        return EvaluatedEvents(
            self.name,
            self.event_id[rows],
            self.error_rad[rows],
            self.truth[rows],
            self.pulses[rows],
            kind,
            weights_of(self.weight, rows),
        )


def _comparison(saved: SavedReconstructions, name: str) -> Reconstruction:
    if name not in saved.comparisons:
        known = list(saved.comparisons)
        available = f"besides its own method it has {', '.join(known) or 'none'}"
        raise IcerecoError(f"{saved.path} has no method {name!r}{did_you_mean(name, known)}; {available}")
    return saved.comparisons[name]
