"""What is in a data set: pulses per event and per DOM, charge, time, truth, and a few events, from a sample of it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Int, Real
from numpy import ndarray

from icereco.data.sources.source import Source
from icereco.detector.detector import Detector
from icereco.events.segments import segment_of
from icereco.tables.columns import event_columns, pulse_columns, ragged
from icereco.tables.schema import PULSE_COLUMNS, TRUTH_COLUMNS

__all__ = ["PERCENTILES", "Histogram", "Summary", "histogram", "percentiles", "sample"]

PERCENTILES = (1, 10, 50, 90, 99, 99.9)

_PLACES = 8
_SHOWN_EVENTS = 5


def sample(source: Source, detector: Detector, events: int) -> Iterator[pa.RecordBatch]:
    """About `events` events: as many from the beginning of each of up to eight files, spread over all of them."""
    parts = source.parts()
    chosen = [parts[place] for place in np.unique(np.linspace(0, len(parts) - 1, _PLACES).astype(int))]
    share = -(-events // len(chosen))
    for part in chosen:
        left = share
        for batch in part.shaped(detector, min(share, 4096)):
            yield batch.slice(0, left)
            left -= batch.num_rows
            if left <= 0:
                break


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts between edges: bin `i` holds `edges[i]` to `edges[i + 1]` - 1."""

    edges: Int[ndarray, "bin_plus_1"]
    counts: Int[ndarray, "bin"]


def histogram(values: Int[ndarray, "n"]) -> Histogram:
    """Whole numbers from 0 on, in bins that double: 0, 1, 2-3, 4-7 and so on."""
    largest = int(values.max(initial=1))
    edges = np.concatenate([[0], 2 ** np.arange(largest.bit_length() + 1)])
    counts = np.histogram(values, edges)[0]
    first = int(np.argmax(counts > 0))
    return Histogram(edges[first:], counts[first:])


def percentiles(values: Real[ndarray, "n"]) -> dict[str, float]:
    """The percentiles of `PERCENTILES` and the largest value; empty without values."""
    if not len(values):
        return {}
    computed = np.percentile(values, PERCENTILES)
    named = {f"{p:g}": float(value) for p, value in zip(PERCENTILES, computed, strict=True)}
    return named | {"max": float(values.max())}


@dataclass(slots=True)
class Summary:
    """Facts about the events that were added, batch by batch.

    Attributes:
        events: how many.
        unknown_sensors: pulses at a sensor that the detector does not have.
        columns: further columns of pulses and of events, besides those that every file has.
        rows: the first few events, as people read them.
    """

    detector: Detector
    events: int = 0
    unknown_sensors: int = 0
    columns: tuple[str, ...] = ()
    rows: list[dict[str, Any]] = field(default_factory=list)
    _pulses: list[ndarray] = field(default_factory=list)
    _doms: list[ndarray] = field(default_factory=list)
    _pulses_per_dom: list[ndarray] = field(default_factory=list)
    _durations: list[ndarray] = field(default_factory=list)
    _charges: list[ndarray] = field(default_factory=list)
    _auxiliary: int = 0
    _truth: dict[str, list[ndarray]] = field(default_factory=dict)
    _kinds: Counter[str] = field(default_factory=Counter)

    def add(self, batch: pa.RecordBatch) -> None:
        """Count the events of a batch of the own layout."""
        lists = {name: ragged(batch.column(name)) for name in PULSE_COLUMNS}
        sensor, offsets = lists["sensor_id"].values.astype(np.int64), lists["sensor_id"].offsets
        pulses = np.diff(offsets)
        event = segment_of(offsets)
        hit, count = np.unique((event << 32) | (sensor + 1), return_counts=True)
        self.events += batch.num_rows
        self.unknown_sensors += int(((sensor < 0) | (sensor >= len(self.detector.alive))).sum())
        self._pulses.append(pulses)
        self._doms.append(np.bincount(hit >> 32, minlength=len(pulses)))
        self._pulses_per_dom.append(count)
        self._charges.append(_sums(lists["charge"].values, offsets))
        self._durations.append(_spans(lists["time"].values, offsets))
        self._auxiliary += int(lists["auxiliary"].values.sum())
        self.columns = (*pulse_columns(batch.schema)[len(PULSE_COLUMNS) :], *event_columns(batch.schema))
        self._add_truth(batch)
        self._add_rows(batch)

    def _add_truth(self, batch: pa.RecordBatch) -> None:
        for name in TRUTH_COLUMNS:
            if name not in batch.schema.names:
                continue
            if name == "kind":
                self._kinds.update(kind for kind in batch.column(name).to_pylist() if kind is not None)
            else:
                values = batch.column(name).to_numpy(zero_copy_only=False).astype(np.float64)
                self._truth.setdefault(name, []).append(values[np.isfinite(values)])

    def _add_rows(self, batch: pa.RecordBatch) -> None:
        truth = [name for name in ("azimuth", "zenith", "energy", "kind") if name in batch.schema.names]
        for row in islice(range(batch.num_rows), _SHOWN_EVENTS - len(self.rows)):
            self.rows.append(
                {
                    "event_id": batch.column("event_id")[row].as_py(),
                    "pulses": int(self._pulses[-1][row]),
                    "doms": int(self._doms[-1][row]),
                    "charge_pe": float(self._charges[-1][row]),
                    "duration_ns": float(self._durations[-1][row]),
                    **{name: batch.column(name)[row].as_py() for name in truth},
                }
            )

    @property
    def pulses(self) -> Int[ndarray, "event"]:
        """Pulses of each event."""
        return _joined(self._pulses)

    @property
    def doms(self) -> Int[ndarray, "event"]:
        """Hit DOMs of each event."""
        return _joined(self._doms)

    @property
    def pulses_per_dom(self) -> Int[ndarray, "dom"]:
        """Pulses of each hit DOM of each event."""
        return _joined(self._pulses_per_dom)

    def document(self) -> dict[str, Any]:
        """Return all facts, JSON-able."""
        pulses = self.pulses
        return {
            "events": self.events,
            "empty_events": int((pulses == 0).sum()),
            "pulses_per_event": percentiles(pulses),
            "doms_per_event": percentiles(self.doms),
            "pulses_per_dom": percentiles(self.pulses_per_dom),
            "charge_per_event_pe": percentiles(_joined(self._charges)),
            "duration_ns": percentiles(_joined(self._durations)),
            "auxiliary_share": self._auxiliary / max(int(pulses.sum()), 1),
            "unknown_sensors": self.unknown_sensors,
            "further_columns": list(self.columns),
            "truth": {name: _range(parts) for name, parts in self._truth.items()},
            "kinds": dict(self._kinds.most_common()),
            "sample": self.rows,
        }


def _sums(values: ndarray, offsets: Int[ndarray, "event_plus_1"]) -> ndarray:
    total = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    sums: ndarray = total[offsets[1:]] - total[offsets[:-1]]
    return sums


def _spans(values: ndarray, offsets: Int[ndarray, "event_plus_1"]) -> ndarray:
    """Last minus first value of each event; 0 for one without pulses."""
    spans = np.zeros(len(offsets) - 1)
    some = np.flatnonzero(np.diff(offsets))
    if len(some):
        starts = offsets[some]
        spans[some] = np.maximum.reduceat(values, starts) - np.minimum.reduceat(values, starts)
    return spans


def _joined(parts: Sequence[ndarray]) -> ndarray:
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)


def _range(parts: Sequence[ndarray]) -> dict[str, float] | None:
    values = _joined(parts)
    if not len(values):
        return None
    return {
        "known": len(values),
        "min": float(values.min()),
        "median": float(np.median(values)),
        "max": float(values.max()),
    }
