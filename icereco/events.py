"""Events in memory: three ragged levels, event ⊃ DOM ⊃ pulse, in CSR form (values and offsets)."""

from dataclasses import dataclass

from jaxtyping import Bool, Float, Int
from numpy import ndarray

__all__ = ["EventBatch", "Truth"]


@dataclass(frozen=True, slots=True)
class Truth:
    """What a simulation knows of `E` events.

    Attributes:
        direction: unit vectors `[E, 3]`, float64, to where the neutrino came from.
        energy_gev: `[E]` float64, or None.
        kind: `[E]` object array of str ("through_track", "starting_track", "cascade", …), or None.
    """

    direction: Float[ndarray, "event 3"]
    energy_gev: Float[ndarray, "event"] | None = None
    kind: ndarray | None = None


@dataclass(frozen=True, slots=True)
class EventBatch:
    """`E` events with `D` hit DOMs and `P` pulses, sorted by (event, sensor_id, time).

    Pulses of DOM `d` are `pulse_offsets[d]:pulse_offsets[d+1]`; DOMs of event `e` are
    `dom_offsets[e]:dom_offsets[e+1]`.

    Attributes:
        event_id: int64 `[E]`.
        dom_offsets: int64 `[E+1]`.
        sensor_id: int32 `[D]`.
        position_m: float32 `[D, 3]`.
        pulse_offsets: int64 `[D+1]`.
        time_ns: float64 `[P]`.
        charge_pe: float32 `[P]`.
        auxiliary: bool `[P]`, True = not in local coincidence.
        truth: or None.
    """

    event_id: Int[ndarray, "event"]
    dom_offsets: Int[ndarray, "event+1"]
    sensor_id: Int[ndarray, "dom"]
    position_m: Float[ndarray, "dom 3"]
    pulse_offsets: Int[ndarray, "dom+1"]
    time_ns: Float[ndarray, "pulse"]
    charge_pe: Float[ndarray, "pulse"]
    auxiliary: Bool[ndarray, "pulse"]
    truth: Truth | None = None
