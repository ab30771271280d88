"""The events of one file of reconstructions that have a known truth, with the error of each."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from icereco.errors import IcerecoError
from icereco.evaluation.evaluate import read_columns
from icereco.physics.sphere import direction_from_angles, opening_angle

__all__ = ["Reconstructed"]


@dataclass(frozen=True, slots=True, eq=False)
class Reconstructed:
    """What one method says of events whose truth is known.

    Attributes:
        name: of the method, for people.
        event_id: int64 `[E]`, each once.
        error_rad: opening angle between reconstruction and truth; NaN where the method gives no direction.
        truth: unit vectors `[E, 3]` to where the neutrinos came from.
        pulses: pulses of each event.
        kind: `[E]` str or None, or None where kinds are not known.
    """

    name: str
    event_id: Int[ndarray, "event"]
    error_rad: Float[ndarray, "event"]
    truth: Float[ndarray, "event 3"]
    pulses: Int[ndarray, "event"]
    kind: ndarray | None

    @classmethod
    def read(cls, path: Path, name: str, *, linefit: bool = False) -> Self:
        """From a file that `icereco reconstruct`, or a training's validation, wrote.

        Args:
            path: the file.
            name: what to call the method.
            linefit: take the line fit, which stands beside the method's own directions.

        Raises:
            IcerecoError: not such a file, one without truth or line fit, or an event_id that occurs twice.
        """
        columns = read_columns(path, ("event_id",))
        prefix = "linefit_" if linefit else ""
        if linefit and "linefit_azimuth" not in columns:
            raise IcerecoError(f"{path} has no line fit beside its directions")
        truth = direction_from_angles(columns["true_azimuth"], columns["true_zenith"])
        found = direction_from_angles(columns[f"{prefix}azimuth"], columns[f"{prefix}zenith"])
        whole = cls(
            name,
            columns["event_id"],
            opening_angle(found, truth),
            truth,
            columns["pulses_total"],
            columns.get("kind"),
        )
        known = whole.take(np.flatnonzero(~np.isnan(truth[:, 0])))
        ids, counts = np.unique(known.event_id, return_counts=True)
        if (counts > 1).any():
            raise IcerecoError(
                f"{path}: event_id {ids[np.argmax(counts > 1)]} occurs more than once, so events cannot be told by it"
            )
        return known

    def take(self, rows: Int[ndarray, "row"]) -> Self:
        """Some of the events, in another order."""
        kind = None if self.kind is None else self.kind[rows]
        return type(self)(
            self.name, self.event_id[rows], self.error_rad[rows], self.truth[rows], self.pulses[rows], kind
        )
