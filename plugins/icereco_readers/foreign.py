"""Events as a foreign format has them, with their pulses at places instead of sensors."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from icereco.detector.sensor_finder import SensorFinder
from icereco.tables.from_columns import own_batch

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["FINDER_EVENTS", "ForeignEvents"]

FINDER_EVENTS = 200
"""Events of a file by whose sensors its detector is told."""


@dataclass(frozen=True, slots=True, eq=False)
class ForeignEvents:
    """Events with their pulses at places instead of sensors.

    Attributes:
        event_id: int64 `[E]`.
        offsets: int64 `[E+1]`; pulses of event `i` are `offsets[i]:offsets[i+1]`.
        place_m: float64 `[P, 3]`, in the coordinates of the file.
        pulses: `[P]` each: time (ns), and where the format has them charge (p.e.), auxiliary and further columns.
        truth: `[E]` each, in the names of the own layout, and further columns; the vertex in the coordinates of the file.
    """

    event_id: Int[ndarray, "event"]
    offsets: Int[ndarray, "event_plus_1"]
    place_m: Float[ndarray, "pulse 3"]
    pulses: Mapping[str, ndarray]
    truth: Mapping[str, ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.event_id)

    def own(self, finder: SensorFinder, file: Path) -> "pa.RecordBatch":
        """In the own layout, in the coordinates of the finder's detector."""
        pulses = {"sensor_id": finder(self.place_m), **self.pulses}
        origin = {f"vertex_{axis}": place for axis, place in zip("xyz", finder.origin_m, strict=True)}
        truth = {name: column - np.float64(origin.get(name, 0.0)) for name, column in self.truth.items()}
        return own_batch(self.event_id, self.offsets, pulses, truth, file)
