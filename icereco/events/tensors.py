"""Event batches as tensors on a device."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jaxtyping import Bool, Float, Int
from numpy import ndarray

from icereco.events.batch import EventBatch
from icereco.events.truth import EVENT_KINDS, TARGETS, Target, Truth

if TYPE_CHECKING:
    import torch
    from torch import SymInt, Tensor
else:  # torch is slow to import and most commands never need it
    Tensor = SymInt = Any

__all__ = ["TensorBatch", "TruthTensors", "to_tensors", "truth_tensors"]


@dataclass(frozen=True, slots=True)
class TensorBatch:
    """An `EventBatch` as tensors on one device; the same names, shapes and units."""

    dom_offsets: Int[Tensor, "event_plus_1"]
    sensor_id: Int[Tensor, "dom"]
    position_m: Float[Tensor, "dom 3"]
    pulse_offsets: Int[Tensor, "dom_plus_1"]
    time_ns: Float[Tensor, "pulse"]
    charge_pe: Float[Tensor, "pulse"]
    auxiliary: Bool[Tensor, "pulse"]
    pulse_extras: Mapping[str, Float[Tensor, "pulse"]] = field(default_factory=dict)
    event_extras: Mapping[str, Float[Tensor, "event"]] = field(default_factory=dict)

    @property
    def event_offsets(self) -> Int[Tensor, "event_plus_1"]:
        """Pulses of event `e` are `event_offsets[e]:event_offsets[e+1]`."""
        return self.pulse_offsets[self.dom_offsets]

    @property
    def dom_of_pulse(self) -> Int[Tensor, "pulse"]:
        """The row of each pulse's DOM, int64 `[P]`; computed at each access."""
        return _row_of(self.pulse_offsets, self.time_ns.shape[0])

    @property
    def event_of_pulse(self) -> Int[Tensor, "pulse"]:
        """The row of each pulse's event, int64 `[P]`; computed at each access."""
        return _row_of(self.event_offsets, self.time_ns.shape[0])

    def with_doms(self, chosen: Bool[Tensor, "dom"]) -> "TensorBatch":
        """Return the same events with the chosen DOMs and their pulses alone; an event may be left without any."""
        of_chosen = chosen[self.dom_of_pulse]
        return TensorBatch(
            dom_offsets=_running(chosen.long())[self.dom_offsets],
            sensor_id=self.sensor_id[chosen],
            position_m=self.position_m[chosen],
            pulse_offsets=_running(self.pulse_offsets.diff()[chosen]),
            time_ns=self.time_ns[of_chosen],
            charge_pe=self.charge_pe[of_chosen],
            auxiliary=self.auxiliary[of_chosen],
            pulse_extras={name: column[of_chosen] for name, column in self.pulse_extras.items()},
            event_extras=self.event_extras,
        )


def _running(counts: Int[Tensor, "row"]) -> Int[Tensor, "row_plus_1"]:
    import torch

    return torch.nn.functional.pad(counts.cumsum(0), (1, 0))


def _row_of(offsets: Int[Tensor, "row_plus_1"], count: int | SymInt) -> Int[Tensor, "value"]:
    """As `icereco.nn.segments.segment_of`, which is a floor above; the known count avoids a synchronisation with the GPU."""
    import torch

    if torch.compiler.is_exporting():  # the size has to come from a shape
        starts = offsets.new_zeros(count + 1).index_add(0, offsets[1:], torch.ones_like(offsets[1:]))
        return starts.cumsum(0)[:-1]
    rows = torch.arange(len(offsets) - 1, device=offsets.device)
    return torch.repeat_interleave(rows, offsets.diff(), output_size=count)


@dataclass(frozen=True, slots=True)
class TruthTensors:
    """A `Truth` as tensors on one device: the same names, shapes and units, float32; None for missing targets.

    Attributes:
        kind: position in `EVENT_KINDS`, −1 for unknown and other kinds.
    """

    direction: Float[Tensor, "event 3"]
    energy_gev: Float[Tensor, "event"] | None = None
    kind: Int[Tensor, "event"] | None = None
    vertex_m: Float[Tensor, "event 3"] | None = None
    inelasticity: Float[Tensor, "event"] | None = None

    def known(self, target: Target) -> Bool[Tensor, "event"]:
        """Return which events have a known value of a target.

        Raises:
            KeyError: the target is missing for all events.
        """
        values = getattr(self, target)
        if values is None:
            raise KeyError(target)
        known: Tensor = (
            values >= 0 if target == "kind" else values.isfinite().reshape(len(values), -1).all(-1)
        )
        return known

    def take(self, events: Bool[Tensor, "event"]) -> "TruthTensors":
        """Select the truth of some of the events."""
        columns = {target: values for target in TARGETS if (values := getattr(self, target)) is not None}
        chosen: dict[str, Any] = {target: values[events] for target, values in columns.items()}
        return TruthTensors(**chosen)


_EXTRAS = ("pulse_extras", "event_extras")
_COLUMNS = tuple(field.name for field in dataclasses.fields(TensorBatch) if field.name not in _EXTRAS)


def to_tensors(batch: EventBatch, device: "torch.device") -> TensorBatch:
    """Convert to tensors; on the CPU without a copy where the array is writable."""
    columns = {name: _tensor(getattr(batch, name), device) for name in _COLUMNS}
    pulses, events = (
        {name: _tensor(column, device) for name, column in getattr(batch, extras).items()}
        for extras in _EXTRAS
    )
    return TensorBatch(**columns, pulse_extras=pulses, event_extras=events)


def truth_tensors(truth: Truth, device: "torch.device") -> TruthTensors:
    """Convert the targets to tensors on a device."""
    import torch

    def numbers(values: ndarray) -> Tensor:
        return _tensor(values, device).to(torch.float32)

    def maybe(values: ndarray | None) -> Tensor | None:
        return None if values is None else numbers(values)

    kinds = {kind: number for number, kind in enumerate(EVENT_KINDS)}
    kind = None if truth.kind is None else [kinds.get(name, -1) for name in truth.kind]
    return TruthTensors(
        direction=numbers(truth.direction),
        energy_gev=maybe(truth.energy_gev),
        kind=None if kind is None else torch.tensor(kind, device=device),
        vertex_m=maybe(truth.vertex_m),
        inelasticity=maybe(truth.inelasticity),
    )


def _tensor(column: ndarray, device: "torch.device") -> Tensor:
    import torch

    # Memory-mapped arrays are read-only, and torch warns when it shares such memory.
    writeable = column if column.flags.writeable else column.copy()
    return torch.from_numpy(writeable).to(device, non_blocking=True)
