"""Events in memory: three ragged levels, event ⊃ DOM ⊃ pulse, in CSR form (values and offsets).

Everything below an `EventBatch` is a view: `batch[3].doms[0].pulses` copies nothing.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, overload

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from icereco.events.listing import Listing
from icereco.events.segments import segment_of
from icereco.events.truth import EventTruth, Truth
from icereco.physics.sphere import direction_from_angles

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["EventBatch", "Event", "Dom", "Doms", "Pulses", "hit_events"]

_SHOWN_ROWS = 12
_FIT_AZIMUTH = re.compile(r"fit_(.+)_azimuth")


class _Shown:
    """Base of objects that are displayed as a table in a terminal and in a notebook."""

    __slots__ = ()

    def listing(self) -> Listing:
        """Return the table to display."""
        raise NotImplementedError

    def __rich__(self) -> "RenderableType":
        return self.listing().rich()

    def _repr_html_(self) -> str:
        return self.listing().html()

    def __repr__(self) -> str:
        return f"<{self.listing().title}>"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Pulses(_Shown):
    """`P` pulses.

    Attributes:
        sensor_id: int32 `[P]`.
        time_ns: float64 `[P]`.
        charge_pe: float32 `[P]`.
        auxiliary: bool `[P]`, True = not in local coincidence.
        extras: further columns by name, float32 `[P]` each, such as `time_over_threshold` (ns).
    """

    sensor_id: Int[ndarray, "pulse"]
    time_ns: Float[ndarray, "pulse"]
    charge_pe: Float[ndarray, "pulse"]
    auxiliary: Bool[ndarray, "pulse"]
    extras: Mapping[str, Float[ndarray, "pulse"]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.time_ns)

    def listing(self) -> Listing:
        """Tabulate time, charge, flag and further values of the first pulses."""
        columns = (self.sensor_id, self.time_ns, self.charge_pe, self.auxiliary, *self.extras.values())
        rows = [
            (
                f"{sensor}",
                f"{time:,.1f}",
                f"{charge:.3f}",
                "aux" if auxiliary else "",
                *map("{:.3g}".format, more),
            )
            for sensor, time, charge, auxiliary, *more in zip(
                *(c[:_SHOWN_ROWS] for c in columns), strict=True
            )
        ]
        title = f"{len(self):,} pulses, {float(self.charge_pe.sum()):,.1f} p.e."
        headers = ("sensor", "time ns", "charge p.e.", "", *self.extras)
        return Listing(title, headers, rows, len(self) - len(rows))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Dom(_Shown):
    """One hit optical module of one event.

    Attributes:
        sensor_id: row in the detector's sensor table.
        position_m: float32 `[3]`.
        pulses: its pulses, by time.
    """

    sensor_id: int
    position_m: Float[ndarray, "3"]
    pulses: Pulses

    def listing(self) -> Listing:
        """Tabulate the pulses, with the position of the DOM in the title."""
        inner = self.pulses.listing()
        x, y, z = self.position_m
        title = f"DOM {self.sensor_id} at ({x:.1f}, {y:.1f}, {z:.1f}) m: {inner.title}"
        return Listing(title, inner.headers[1:], [row[1:] for row in inner.rows], inner.more)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Doms(_Shown):
    """The hit DOMs of one event, like a list; in order of sensor_id."""

    batch: "EventBatch"

    def __len__(self) -> int:
        return len(self.batch.sensor_id)

    def __getitem__(self, index: int) -> Dom:
        index = _position(index, len(self), "DOM")
        batch = self.batch
        span = slice(*batch.pulse_offsets[index : index + 2].tolist())
        sensor_id = np.broadcast_to(batch.sensor_id[index], span.stop - span.start)
        pulses = Pulses(
            sensor_id,
            batch.time_ns[span],
            batch.charge_pe[span],
            batch.auxiliary[span],
            _cut(batch.pulse_extras, span),
        )
        return Dom(int(batch.sensor_id[index]), batch.position_m[index], pulses)

    def __iter__(self) -> Iterator[Dom]:
        return (self[index] for index in range(len(self)))

    def listing(self) -> Listing:
        """Tabulate the first DOMs with the time of their first pulse and their charge."""
        rows = [self._row(dom) for dom, _ in zip(self, range(_SHOWN_ROWS), strict=False)]
        headers = ("sensor", "x m", "y m", "z m", "pulses", "first ns", "charge p.e.")
        return Listing(f"{len(self):,} DOMs", headers, rows, len(self) - len(rows))

    @staticmethod
    def _row(dom: Dom) -> tuple[str, ...]:
        place = (f"{value:.1f}" for value in dom.position_m)
        pulses = dom.pulses
        return (
            f"{dom.sensor_id}",
            *place,
            f"{len(pulses)}",
            f"{pulses.time_ns[0]:,.1f}",
            f"{pulses.charge_pe.sum():.2f}",
        )


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Event(_Shown):
    """One event: a view of a batch.

    Attributes:
        batch: a batch of this event alone.
    """

    batch: "EventBatch"

    @property
    def event_id(self) -> int:
        """The number that identifies the event in its file."""
        return int(self.batch.event_id[0])

    @property
    def doms(self) -> Doms:
        """Its hit DOMs, like a list."""
        return Doms(self.batch)

    @property
    def pulses(self) -> Pulses:
        """All of its pulses, by (sensor_id, time)."""
        return self.batch.pulses

    @property
    def truth(self) -> EventTruth | None:
        """The true values from the simulation, or None."""
        return None if self.batch.truth is None else self.batch.truth[0]

    @property
    def extras(self) -> dict[str, float]:
        """Further columns of the file, such as an official reconstruction; NaN where there is none."""
        return {name: float(column[0]) for name, column in self.batch.event_extras.items()}

    @property
    def fits(self) -> dict[str, Float[ndarray, "3"]]:
        """Directions of the reconstructions that came with the event: unit vectors to the origin, by name."""
        extras = self.extras
        names = [match[1] for match in map(_FIT_AZIMUTH.fullmatch, extras) if match]
        angles = {
            name: (extras[f"fit_{name}_azimuth"], extras.get(f"fit_{name}_zenith", np.nan)) for name in names
        }
        return {
            name: direction_from_angles(*np.array(pair)[:, None])[0]
            for name, pair in angles.items()
            if np.isfinite(pair).all()
        }

    def listing(self) -> Listing:
        """Tabulate the DOMs, with the event's totals in the title."""
        inner = self.doms.listing()
        truth = f"; {self.truth}" if self.truth else ""
        title = f"event {self.event_id}: {inner.title}, {self.pulses.listing().title}{truth}"
        return Listing(title, inner.headers, inner.rows, inner.more)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class EventBatch(_Shown):
    """`E` events with `D` hit DOMs and `P` pulses, sorted by (event, sensor_id, time).

    Pulses of DOM `d` are `pulse_offsets[d]:pulse_offsets[d+1]`; DOMs of event `e` are
    `dom_offsets[e]:dom_offsets[e+1]`. `batch[i]` is an `Event`, `batch[a:b]` a batch; both share the memory.

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
        pulse_extras: further columns of pulses by name, float32 `[P]` each, such as the direction `pmt_x`, `pmt_y`,
            `pmt_z` of the photomultiplier.
        event_extras: further columns of events by name, float64 `[E]` each, such as `fit_jmuon_azimuth`.
    """

    event_id: Int[ndarray, "event"]
    dom_offsets: Int[ndarray, "event_plus_1"]
    sensor_id: Int[ndarray, "dom"]
    position_m: Float[ndarray, "dom 3"]
    pulse_offsets: Int[ndarray, "dom_plus_1"]
    time_ns: Float[ndarray, "pulse"]
    charge_pe: Float[ndarray, "pulse"]
    auxiliary: Bool[ndarray, "pulse"]
    truth: Truth | None = None
    pulse_extras: Mapping[str, Float[ndarray, "pulse"]] = field(default_factory=dict)
    event_extras: Mapping[str, Float[ndarray, "event"]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.event_id)

    @overload
    def __getitem__(self, index: int) -> Event: ...
    @overload
    def __getitem__(self, index: slice) -> "EventBatch": ...
    def __getitem__(self, index: int | slice) -> "Event | EventBatch":
        if not isinstance(index, slice):
            start = _position(index, len(self), "event")
            return Event(self._range(start, start + 1))
        start, stop, step = index.indices(len(self))
        if step != 1:
            raise ValueError(f"a batch can only be sliced into consecutive events, not with a step of {step}")
        return self._range(start, max(start, stop))

    def __iter__(self) -> Iterator[Event]:
        return (self[index] for index in range(len(self)))

    @property
    def dom_count(self) -> Int[ndarray, "event"]:
        """Hit DOMs of each event, int64 `[E]`."""
        return np.diff(self.dom_offsets)

    @property
    def pulse_count(self) -> Int[ndarray, "event"]:
        """Pulses of each event, int64 `[E]`."""
        return np.diff(self.pulse_offsets[self.dom_offsets])

    @property
    def dom_of_pulse(self) -> Int[ndarray, "pulse"]:
        """The row of each pulse's DOM, int64 `[P]`; computed at each access."""
        return segment_of(self.pulse_offsets)

    @property
    def event_of_dom(self) -> Int[ndarray, "dom"]:
        """The row of each DOM's event, int64 `[D]`; computed at each access."""
        return segment_of(self.dom_offsets)

    @property
    def event_of_pulse(self) -> Int[ndarray, "pulse"]:
        """The row of each pulse's event, int64 `[P]`; computed at each access."""
        return segment_of(self.pulse_offsets[self.dom_offsets])

    @property
    def pulses(self) -> Pulses:
        """All pulses of the batch, with the sensor_id of each (computed at each access)."""
        sensor_id = np.repeat(self.sensor_id, np.diff(self.pulse_offsets))
        return Pulses(sensor_id, self.time_ns, self.charge_pe, self.auxiliary, self.pulse_extras)

    def _range(self, start: int, stop: int) -> "EventBatch":
        doms = slice(int(self.dom_offsets[start]), int(self.dom_offsets[stop]))
        pulses = slice(int(self.pulse_offsets[doms.start]), int(self.pulse_offsets[doms.stop]))
        return EventBatch(
            event_id=self.event_id[start:stop],
            dom_offsets=self.dom_offsets[start : stop + 1] - doms.start,
            sensor_id=self.sensor_id[doms],
            position_m=self.position_m[doms],
            pulse_offsets=self.pulse_offsets[doms.start : doms.stop + 1] - pulses.start,
            time_ns=self.time_ns[pulses],
            charge_pe=self.charge_pe[pulses],
            auxiliary=self.auxiliary[pulses],
            truth=None if self.truth is None else self.truth[start:stop],
            pulse_extras=_cut(self.pulse_extras, pulses),
            event_extras=_cut(self.event_extras, slice(start, stop)),
        )

    def listing(self) -> Listing:
        """Tabulate the first events with their totals."""
        rows = [self._row(event) for event, _ in zip(self, range(_SHOWN_ROWS), strict=False)]
        title = f"{len(self):,} events, {len(self.sensor_id):,} DOMs, {len(self.time_ns):,} pulses"
        headers = ("event", "DOMs", "pulses", "charge p.e.", "truth")
        return Listing(title, headers, rows, len(self) - len(rows))

    @staticmethod
    def _row(event: Event) -> tuple[str, ...]:
        charge = float(event.batch.charge_pe.sum())
        counts = f"{len(event.doms):,}", f"{len(event.batch.time_ns):,}", f"{charge:,.1f}"
        return (str(event.event_id), *counts, str(event.truth or ""))


def hit_events(batch: EventBatch) -> EventBatch:
    """Select the events that have pulses, without truth. The others have no DOMs, so the lower levels are unchanged."""
    hit = batch.dom_count > 0
    offsets = np.concatenate([[0], batch.dom_offsets[1:][hit]])
    extras = {name: column[hit] for name, column in batch.event_extras.items()}
    return replace(batch, event_id=batch.event_id[hit], dom_offsets=offsets, truth=None, event_extras=extras)


def _cut(columns: Mapping[str, ndarray], span: slice) -> dict[str, ndarray]:
    return {name: column[span] for name, column in columns.items()}


def _position(index: int, length: int, noun: str) -> int:
    """Convert an index that may count from the end to one from the start."""
    if not -length <= index < length:
        raise IndexError(f"{noun} {index} of {length}")
    return index % length
