"""Flat tables of Prometheus' photons: one row per photon, and one row per event in `events.parquet` in the same folder."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from jaxtyping import Int
from numpy import ndarray

from icereco.errors import IcerecoError
from icereco.tables.columns import require_columns
from icereco.tables.from_columns import float_column, int_column, time_column, times_ns
from icereco_readers.bounds import bounded_parquet
from icereco_readers.dialects import turned
from icereco_readers.foreign import ForeignEvents, Interactions

__all__ = ["FlatFile", "is_flat"]

_PHOTONS = ("event", "x", "y", "z", "t")
_ANGLES = ("mc_azimuth", "mc_zenith")
_TRUTH = {"azimuth": "mc_azimuth", "zenith": "mc_zenith", "energy": "energy", "pdg": "pdg"}


def is_flat(file: Path) -> bool:
    """Whether it is a table with one row per photon."""
    try:
        schema = pq.read_schema(file)
    except (pa.ArrowException, OSError):
        return False
    names = set(schema.names)
    return set(_PHOTONS) <= names and "charge" not in names and not pa.types.is_nested(schema.field("t").type)


@dataclass(frozen=True)
class FlatFile:
    """One table of photons, held in memory, with the table of events in the same folder.

    Attributes:
        path: the table of photons.
        source: which of the simulations in it, by its column `source`; None for the only one.
    """

    path: Path
    source: str | None

    @cached_property
    def truth(self) -> Path | None:
        """The table of events, if there is one."""
        beside = self.path.with_name("events.parquet")
        return beside if beside.is_file() and beside != self.path else None

    @property
    def files(self) -> list[Path]:
        """The table of photons and the table of events."""
        return [self.path, *([self.truth] if self.truth else [])]

    def count(self) -> int:
        """The number of events."""
        return len(self._ids)

    def sample(self, count: int) -> ForeignEvents | None:
        """The first events, up to `count`, with angles as stored in the file; None if there are no events."""
        return next(self.events(count, 1), None)

    def events(self, rows: int, sign: int) -> Iterator[ForeignEvents]:
        """Yield all events in the order of the table of events; `sign` is -1 where the file's angles are of travel."""
        table, ids = self._photons, self._ids
        event = int_column(table["event"], "event", self.path)
        columns = {name: float_column(table[name], name, self.path) for name in "xyz"}
        time = time_column(table["t"], "t", self.path)
        truth = self._own_truth(sign)
        order = np.argsort(event, kind="stable")
        sorted_event = event[order]
        for start in range(0, len(ids), rows):
            part = slice(start, start + rows)
            first, end = (np.searchsorted(sorted_event, ids[part], side) for side in ("left", "right"))
            rows_of = [order[low:high] for low, high in zip(first, end, strict=True)]
            chosen, offsets = np.concatenate(rows_of), np.concatenate([[0], np.cumsum(end - first)])
            yield ForeignEvents(
                event_id=ids[part],
                offsets=offsets,
                place_m=np.stack([columns[axis][chosen] for axis in "xyz"], axis=1),
                pulses={"time": times_ns(time[chosen], offsets)},
                truth={name: column[part] for name, column in truth.items()},
                interactions=self._interactions(truth, part),
            )

    @cached_property
    def _photons(self) -> pa.Table:
        return self._of_source(self.path, _PHOTONS)

    @cached_property
    def _events_table(self) -> pa.Table | None:
        return None if self.truth is None else self._of_source(self.truth, ("event",))

    @cached_property
    def _ids(self) -> Int[ndarray, "event"]:
        """Ids of the table of events, then of events that only have photons."""
        photons = np.unique(int_column(self._photons["event"], "event", self.path))
        if self._events_table is None or self.truth is None:
            return photons
        listed = int_column(self._events_table["event"], "event", self.truth)
        return np.concatenate([listed, np.setdiff1d(photons, listed)])

    def _own_truth(self, sign: int) -> dict[str, ndarray]:
        table = self._events_table
        if table is None or self.truth is None:
            return {}
        blank = np.full(len(self._ids) - table.num_rows, np.nan)
        own = {
            name: np.concatenate([float_column(table[column], column, self.truth), blank])
            for name, column in _TRUTH.items()
            if column in table.column_names
        }
        if {"azimuth", "zenith"} <= own.keys():
            own["azimuth"], own["zenith"] = turned(own["azimuth"], own["zenith"], sign)
        return own

    @staticmethod
    def _interactions(truth: dict[str, ndarray], part: slice) -> Interactions | None:
        """Return the particles with unknown current: a muon neutrino's event may be of any kind."""
        if "pdg" not in truth:
            return None
        pdg = truth["pdg"][part]
        return Interactions(pdg, np.full(len(pdg), np.nan))

    def _of_source(self, file: Path, needed: tuple[str, ...]) -> pa.Table:
        with bounded_parquet(file) as opened:
            table = opened.read()
        require_columns(table.column_names, file, needed)
        if "source" not in table.column_names:
            return table
        sources = [name for name in pc.unique(table["source"]).to_pylist() if name is not None]
        wanted = self.source or (sources[0] if len(sources) == 1 else None)
        if wanted not in sources and sources:
            said = (
                "holds several simulations" if self.source is None else f"holds no simulation {self.source!r}"
            )
            raise IcerecoError(
                f"{file}: {said}: {', '.join(sources)}; they may be of different detectors: choose one with "
                f"--reader prometheus:source=NAME"
            )
        return table.filter(pc.equal(table["source"], wanted)) if sources else table
