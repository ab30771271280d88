"""Events as other formats store them, with pulses at positions instead of sensors."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from icereco.detector.detector import Detector
from icereco.detector.sensor_finder import SensorFinder
from icereco.events.kinds import event_kinds
from icereco.tables.from_columns import own_batch

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["FINDER_EVENTS", "ForeignEvents", "Interactions"]

FINDER_EVENTS = 200
"""Number of first events of a file whose sensors identify its detector."""

_VERTEX = ("vertex_x", "vertex_y", "vertex_z")


@dataclass(frozen=True, slots=True, eq=False)
class Interactions:
    """The primary particle of events and its interaction.

    Attributes:
        pdg: float64 `[E]`, number of the primary particle in the scheme of the Particle Data Group; NaN for unknown.
        charged_current: float64 `[E]`, 1 for a charged current, 0 for a neutral one, NaN for unknown and others.
    """

    pdg: Float[ndarray, "event"]
    charged_current: Float[ndarray, "event"]


@dataclass(frozen=True, slots=True, eq=False)
class ForeignEvents:
    """Events with their pulses at positions instead of sensors.

    Attributes:
        event_id: int64 `[E]`.
        offsets: int64 `[E+1]`; pulses of event `i` are `offsets[i]:offsets[i+1]`.
        place_m: float64 `[P, 3]`, in the coordinates of the file.
        pulses: `[P]` each: time (ns), and where the format has them charge (p.e.), auxiliary and further columns.
        truth: float64 `[E]` each, in the names of the own layout, and further columns; the vertex in the coordinates of the
            file.
        interactions: from which the kinds of the events are derived; None if the file lacks them.
    """

    event_id: Int[ndarray, "event"]
    offsets: Int[ndarray, "event_plus_1"]
    place_m: Float[ndarray, "pulse 3"]
    pulses: Mapping[str, ndarray]
    truth: Mapping[str, ndarray] = field(default_factory=dict)
    interactions: Interactions | None = None

    def __len__(self) -> int:
        return len(self.event_id)

    def own(self, finder: SensorFinder, file: Path) -> "pa.RecordBatch":
        """Convert to the own layout, in the coordinates of the finder's detector."""
        pulses = {"sensor_id": finder(self.place_m), **self.pulses}
        origin = dict(zip(_VERTEX, finder.origin_m, strict=True))
        truth = {name: column - origin.get(name, 0.0) for name, column in self.truth.items()}
        if self.interactions is not None:
            truth["kind"] = self._kinds(truth, finder.detector)
        return own_batch(self.event_id, self.offsets, pulses, truth, file, self._place_of)

    def _place_of(self, pulse: int) -> str:
        return f"at ({', '.join(f'{value:.2f}' for value in self.place_m[pulse])}) m"

    def _kinds(self, truth: Mapping[str, ndarray], detector: Detector) -> ndarray:
        assert self.interactions is not None, "called only for events with interactions"
        unknown = np.full(len(self), np.nan)
        vertex = np.stack([truth.get(name, unknown) for name in _VERTEX], axis=1)
        return event_kinds(self.interactions.pdg, self.interactions.charged_current, vertex, detector)
