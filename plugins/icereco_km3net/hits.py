"""Hits of photomultipliers as flat columns."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from icereco.events.segments import segment_of
from icereco_km3net.charge import charge_of

__all__ = ["Hits", "read_hits"]


@dataclass(frozen=True, slots=True, eq=False)
class Hits:
    """Hits of some events, in the order of the file.

    Attributes:
        offsets: int64 `[E+1]`; hits of event `i` are `offsets[i]:offsets[i+1]`.
        dom_id: int64 `[P]`, number of the module.
        time_ns: float64 `[P]`, as in the file.
        time_over_threshold_ns: float64 `[P]`.
        triggered: bool `[P]`, whether it took part in a trigger.
        place_m: float64 `[P, 3]` of the photomultiplier, in the coordinates of the file; zeros if not calibrated.
        direction: float64 `[P, 3]` along which the photomultiplier looks; zeros if not calibrated.
    """

    offsets: Int[ndarray, "event_plus_1"]
    dom_id: Int[ndarray, "hit"]
    time_ns: Float[ndarray, "hit"]
    time_over_threshold_ns: Float[ndarray, "hit"]
    triggered: ndarray
    place_m: Float[ndarray, "hit 3"]
    direction: Float[ndarray, "hit 3"]

    @property
    def calibrated(self) -> bool:
        """Whether photomultipliers have directions."""
        return bool(self.direction.any())

    def columns(self, sensor_id: Int[ndarray, "hit"]) -> dict[str, ndarray]:
        """Pulses of the own layout, with times from the first hit of each event."""
        first = np.full(len(self.offsets) - 1, np.inf)
        event = segment_of(self.offsets)
        np.minimum.at(first, event, self.time_ns)
        return {
            "sensor_id": sensor_id,
            "time": self.time_ns - first[event],
            "charge": charge_of(self.time_over_threshold_ns),
            "auxiliary": ~self.triggered,
            "time_over_threshold": self.time_over_threshold_ns,
            **{f"pmt_{axis}": self.direction[:, i] for i, axis in enumerate("xyz")},
        }


def read_hits(events: Any, *, triggered_only: bool) -> Hits:
    """The hits of events of a `km3io.OfflineReader`."""
    import awkward as ak

    hits = events.hits
    counts = np.asarray(ak.num(hits.dom_id), np.int64)

    def flat(name: str, kind: type = np.float64) -> ndarray:
        return np.asarray(ak.to_numpy(ak.flatten(getattr(hits, name))), kind)

    triggered = flat("trig", np.int64) != 0
    kept = triggered if triggered_only else np.ones(len(triggered), bool)
    event = np.repeat(np.arange(len(counts)), counts)[kept]
    return Hits(
        offsets=np.concatenate([[0], np.cumsum(np.bincount(event, minlength=len(counts)))]),
        dom_id=flat("dom_id", np.int64)[kept],
        time_ns=flat("t")[kept],
        time_over_threshold_ns=flat("tot")[kept],
        triggered=triggered[kept],
        place_m=np.stack([flat(f"pos_{axis}")[kept] for axis in "xyz"], axis=1),
        direction=np.stack([flat(f"dir_{axis}")[kept] for axis in "xyz"], axis=1),
    )
