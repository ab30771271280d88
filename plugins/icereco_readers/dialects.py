"""What GraphNeT's tables call things. Units are ours throughout: ns, p.e., m, rad, GeV."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy import ndarray

from icereco.errors import IcerecoError
from icereco.physics.sphere import angles_from_direction, direction_from_angles

__all__ = ["EVENT", "Dialect", "dialect_of", "require_one"]

EVENT = "event_no"


@dataclass(frozen=True, slots=True)
class Dialect:
    """The columns of one detector's tables.

    Attributes:
        places: x, y, z of the sensor.
        time: of the pulse.
        truth: own name to the table's, of the direction of the primary particle, its energy and vertex.
        further: columns of the truth table that are carried as they are.
        told: whether the tables always give the direction of origin; otherwise it depends on who made them.
        origin: the kind of file, whose origin of coordinates a detector card may give.
    """

    places: tuple[str, str, str]
    time: str
    truth: Mapping[str, str]
    further: tuple[str, ...]
    told: bool
    origin: str

    @property
    def needed(self) -> tuple[str, ...]:
        """Columns that every pulse table has."""
        return (*self.places, self.time)

    def pulse_names(self, found: Collection[str]) -> tuple[str, ...]:
        """The columns of a pulse table that are read."""
        return (
            *self.needed,
            *(name for name in (_CHARGE, _COINCIDENCE) if name in found),
            *_pmt_names(found),
        )

    def truth_names(self, found: Collection[str]) -> tuple[str, ...]:
        """The columns of a truth table that are read."""
        return tuple(name for name in (*self.truth.values(), *self.further) if name in found)

    def place_m(self, columns: Mapping[str, ndarray]) -> ndarray:
        """Places `[P, 3]`, float64."""
        return np.stack([np.asarray(columns[name], np.float64) for name in self.places], axis=1)

    def pulses(self, columns: Mapping[str, ndarray]) -> dict[str, ndarray]:
        """The own columns of pulses.

        IceCube's `hlc` says that a neighbouring module saw light too (hard local coincidence), which is the opposite of
        `auxiliary`; where it is unknown (-1) or absent, nothing is auxiliary.
        """
        own = {"time": np.asarray(columns[self.time], np.float64)}
        if _CHARGE in columns:
            own["charge"] = np.asarray(columns[_CHARGE], np.float64)
        if _COINCIDENCE in columns:
            own["auxiliary"] = np.asarray(columns[_COINCIDENCE]) == 0
        return own | {name.replace("_dir_", "_"): columns[name] for name in _pmt_names(columns)}

    def own_truth(self, columns: Mapping[str, ndarray], sign: int) -> dict[str, ndarray]:
        """The own columns of truth; `sign` is -1 where the angles are of travel."""
        own = {
            name: np.asarray(columns[theirs], np.float64)
            for name, theirs in self.truth.items()
            if theirs in columns
        }
        if {"azimuth", "zenith"} <= own.keys():
            direction = sign * direction_from_angles(own["azimuth"], own["zenith"])
            known = np.isfinite(direction).all(axis=1)
            angles = angles_from_direction(direction)
            own["azimuth"], own["zenith"] = (np.where(known, angle, np.nan) for angle in angles)
        return own | {name: np.asarray(columns[name], np.float64) for name in self.further if name in columns}


_CHARGE, _COINCIDENCE = "charge", "hlc"
_PMT = ("pmt_dir_x", "pmt_dir_y", "pmt_dir_z")

_ICECUBE = Dialect(
    places=("dom_x", "dom_y", "dom_z"),
    time="dom_time",
    truth={
        "azimuth": "azimuth",
        "zenith": "zenith",
        "energy": "energy",
        "vertex_x": "position_x",
        "vertex_y": "position_y",
        "vertex_z": "position_z",
    },
    further=("pid", "interaction_type", "inelasticity", "RunID", "SubrunID", "EventID", "SubEventID"),
    told=True,
    origin="graphnet",
)
_PROMETHEUS = Dialect(
    places=("sensor_pos_x", "sensor_pos_y", "sensor_pos_z"),
    time="t",
    truth={
        "azimuth": "injection_azimuth",
        "zenith": "injection_zenith",
        "energy": "injection_energy",
        "vertex_x": "injection_position_x",
        "vertex_y": "injection_position_y",
        "vertex_z": "injection_position_z",
    },
    further=("injection_type", "injection_interaction_type"),
    told=False,
    origin="prometheus",
)
_RAW_PROMETHEUS = Dialect(
    places=_PROMETHEUS.places,
    time="t",
    truth={
        "azimuth": "initial_state_azimuth",
        "zenith": "initial_state_zenith",
        "energy": "initial_state_energy",
        "vertex_x": "initial_state_x",
        "vertex_y": "initial_state_y",
        "vertex_z": "initial_state_z",
    },
    further=("initial_state_type", "interaction"),
    told=False,
    origin="prometheus",
)


def dialect_of(pulses: Collection[str], truth: Collection[str] = ()) -> Dialect | None:
    """The dialect that a pulse table, and the truth table beside it, are written in; None if it is none."""
    found = [one for one in (_ICECUBE, _PROMETHEUS, _RAW_PROMETHEUS) if set(one.needed) <= set(pulses)]
    return max(found, key=lambda one: len(one.truth_names(truth)), default=None)


def require_one(what: str, option: str, found: Collection[str], source: Path) -> str:
    """The only table of a kind.

    Raises:
        IcerecoError: there are none or several.
    """
    if len(found) == 1:
        return next(iter(found))
    if not found:
        raise IcerecoError(f"{source}: no {what}")
    names = ", ".join(sorted(found))
    raise IcerecoError(
        f"{source}: several tables may be the {what}: {names}; choose one with the reader's option {option}=NAME"
    )


def _pmt_names(found: Collection[str]) -> tuple[str, ...]:
    return _PMT if set(_PMT) <= set(found) else ()
