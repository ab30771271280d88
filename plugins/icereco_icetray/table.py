"""Sub-events as batches of the own layout."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy import ndarray

from icereco.detector.detector import Detector
from icereco.events.kinds import event_kinds
from icereco.tables.from_columns import own_batch
from icereco_icetray.events import SubEvent
from icereco_icetray.geometry import Sensors, in_ice
from icereco_icetray.identity import event_id
from icereco_icetray.pulses import parts_of_key
from icereco_icetray.truth import Simulated

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Columns"]

_NAN = float("nan")
_NOTHING = Simulated(_NAN, _NAN, _NAN, 0, (_NAN, _NAN, _NAN), _NAN, _NAN)


@dataclass(slots=True)
class Columns:
    """Makes batches of the sub-events of one file, all with the same columns.

    Attributes:
        file: that they are of.
        detector: its sensors.
        sensors: finds the sensors of modules.
        fits: names of the official fits, of the first events.
        with_truth: whether there is truth, in the first events.
        icetop: pulses of IceTop that were left out so far.
    """

    file: Path
    detector: Detector
    sensors: Sensors
    fits: tuple[str, ...]
    with_truth: bool
    icetop: int = 0

    def batch(self, events: Sequence[SubEvent]) -> "pa.RecordBatch":
        """One batch of all these events.

        Raises:
            IcerecoError: a module is not in the geometry or not in the detector.
        """
        key, event = self._modules(events)
        deep = in_ice(key)
        self.icetop += int(np.count_nonzero(~deep))
        event = event[deep]
        counts = np.bincount(event, minlength=len(events))
        time = np.concatenate([one.pulses.time_ns for one in events])[deep]
        first = np.full(len(events), np.nan)
        np.fmin.at(first, event, time)
        key = key[deep]
        pulses = {
            "sensor_id": self.sensors(key),
            "time": time - first[event],
            "charge": np.concatenate([one.pulses.charge_pe for one in events])[deep],
            "auxiliary": ~np.concatenate([one.pulses.coincident for one in events])[deep],
        }
        ids = np.array([event_id(one.header, self.file, one.frame) for one in events], np.int64)
        columns = {**self._truth(events), **_identity(events), "first_pulse_ns": first, **self._fits(events)}
        offsets = np.concatenate([[0], np.cumsum(counts)])
        return own_batch(ids, offsets, pulses, columns, self.file, lambda pulse: _module(key[pulse]))

    @staticmethod
    def _modules(events: Sequence[SubEvent]) -> tuple[ndarray, ndarray]:
        """The module and the event of each pulse."""
        key = np.concatenate([one.pulses.key_of_pulse for one in events])
        return key, np.repeat(np.arange(len(events)), [len(one.pulses) for one in events])

    def _truth(self, events: Sequence[SubEvent]) -> dict[str, ndarray]:
        if not self.with_truth:
            return {}
        truth = [one.truth or _NOTHING for one in events]
        names = ("azimuth", "zenith", "energy_gev", "inelasticity", "charged_current", "pdg")
        columns = {name: np.array([getattr(one, name) for one in truth], np.float64) for name in names}
        columns["energy"] = columns.pop("energy_gev")
        columns["pdg"][columns["pdg"] == 0] = np.nan
        vertex = np.array([one.vertex_m for one in truth])
        kinds = event_kinds(columns["pdg"], columns["charged_current"], vertex, self.detector)
        return {**columns, "kind": kinds, **{f"vertex_{axis}": vertex[:, i] for i, axis in enumerate("xyz")}}

    def _fits(self, events: Sequence[SubEvent]) -> dict[str, ndarray]:
        nowhere = (_NAN, _NAN)
        angles = {name: np.array([one.fits.get(name, nowhere) for one in events]) for name in self.fits}
        return {
            f"fit_{name}_{angle}": columns[:, i]
            for name, columns in angles.items()
            for i, angle in enumerate(("azimuth", "zenith"))
        }


def _module(key: int) -> str:
    string, om, _ = (int(part[0]) for part in parts_of_key(np.array([key], np.int64)))
    return f"string {string}, om {om}"


def _identity(events: Sequence[SubEvent]) -> dict[str, ndarray]:
    headers = [one.header for one in events]
    whole = {
        name: np.array([getattr(one, name) for one in headers], np.int64)
        for name in ("run", "subrun", "event", "subevent")
    }
    stream = np.array([one.stream for one in headers], object)
    return {**whole, "subevent_stream": stream, "start_mjd": np.array([one.start_mjd for one in headers])}
