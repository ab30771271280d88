"""Column names of GraphNeT's tables. Units are ours throughout: ns, p.e., m, rad, GeV."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy import ndarray

from icereco.errors import IcerecoError
from icereco.physics.sphere import angles_from_direction, direction_from_angles
from icereco_readers.foreign import Interactions

__all__ = ["EVENT", "KAGGLE", "Dialect", "dialect_of", "require_one", "turned"]

EVENT = "event_no"


@dataclass(frozen=True, slots=True)
class Dialect:
    """The columns of one detector's tables.

    Attributes:
        places: x, y, z of the sensor.
        time: of the pulse.
        truth: own name to the table's, of the direction of the primary particle, its energy, vertex and inelasticity.
        further: columns of the truth table that are carried as they are; first the number of the primary particle (PDG)
            and that of the interaction, in which 1 is a charged and 2 a neutral current.
        always_origin: whether the tables always give the direction of origin; otherwise it depends on the producer.
        origin: the kind of file, whose origin of coordinates a detector card may give.
        padded: whether the truth is as GraphNeT extracts it from IceCube's frames; see `_without_padding`.
        final_state: columns of lists, azimuth, zenith and energy of the outgoing particles; empty where there are none.
        lepton_energy: column of the energy of the outgoing lepton, from which the inelasticity follows if bjorken_y is wrong.
        event: number of the event, in every table.
    """

    places: tuple[str, str, str]
    time: str
    truth: Mapping[str, str]
    further: tuple[str, ...]
    always_origin: bool
    origin: str
    padded: bool = False
    lepton_energy: str = ""
    event: str = EVENT
    final_state: tuple[str, ...] = ()

    @property
    def needed(self) -> tuple[str, ...]:
        """Columns that every pulse table has."""
        return (*self.places, self.time)

    def pulse_names(self, columns: Collection[str]) -> tuple[str, ...]:
        """The columns of a pulse table that are read."""
        return (
            *self.needed,
            *(name for name in (_CHARGE, _COINCIDENCE, _AUXILIARY) if name in columns),
            *_pmt_names(columns),
        )

    def truth_names(self, columns: Collection[str]) -> tuple[str, ...]:
        """The columns of a truth table that are read."""
        names = (*self.truth.values(), *self.further, self.lepton_energy)
        return tuple(name for name in names if name in columns)

    def place_m(self, columns: Mapping[str, ndarray]) -> ndarray:
        """Return positions `[P, 3]`, float64."""
        return np.stack([np.asarray(columns[name], np.float64) for name in self.places], axis=1)

    def pulses(self, columns: Mapping[str, ndarray]) -> dict[str, ndarray]:
        """Convert the columns of pulses to the own layout.

        IceCube's `hlc` says that a neighbouring module saw light too (hard local coincidence), which is the opposite of
        `auxiliary`; where it is unknown (-1) or absent, nothing is auxiliary.
        """
        own = {"time": np.asarray(columns[self.time], np.float64)}
        if _CHARGE in columns:
            own["charge"] = np.asarray(columns[_CHARGE], np.float64)
        if _COINCIDENCE in columns:
            own["auxiliary"] = np.asarray(columns[_COINCIDENCE]) == 0
        elif _AUXILIARY in columns:
            own["auxiliary"] = np.asarray(columns[_AUXILIARY]) == 1
        return own | {name.replace("_dir_", "_"): columns[name] for name in _pmt_names(columns)}

    def own_truth(self, columns: Mapping[str, ndarray], sign: int) -> dict[str, ndarray]:
        """Convert the columns of truth, except the kind, to the own layout; `sign` is -1 where the angles are of travel, 0 if unknown."""
        own = {name: columns[column] for name, column in self.truth.items() if column in columns}
        if self.padded:
            own = _without_padding(own, self.interactions(columns))
        if {self.lepton_energy, self.truth.get("energy")} <= columns.keys():
            own["inelasticity"] = 1 - columns[self.lepton_energy] / own["energy"]
        if {"azimuth", "zenith"} <= own.keys():
            own["azimuth"], own["zenith"] = turned(own["azimuth"], own["zenith"], sign)
        return own | {name: columns[name] for name in self.further if name in columns}

    def interactions(self, columns: Mapping[str, ndarray]) -> Interactions | None:
        """Return particle and current, the first columns of `further`; None if the table lacks them."""
        particle, interaction = self.further[:2] or ("", "")
        if particle not in columns:
            return None
        pdg = columns[particle]
        code = columns.get(interaction, np.full(len(pdg), np.nan))
        return Interactions(pdg, np.select([code == _CHARGED, code == _NEUTRAL], [1.0, 0.0], np.nan))


def turned(azimuth: ndarray, zenith: ndarray, sign: int) -> tuple[ndarray, ndarray]:
    """Angles of origin from those of a file, of travel if `sign` is -1; NaN where one is, and everywhere if it is 0."""
    direction = direction_from_angles(azimuth, zenith)
    known = np.isfinite(direction).all(axis=1) & (sign != 0)
    own_azimuth, own_zenith = angles_from_direction(sign * direction if sign else direction)
    return np.where(known, own_azimuth, np.nan), np.where(known, own_zenith, np.nan)


_CHARGE, _COINCIDENCE, _AUXILIARY = "charge", "hlc", "auxiliary"
_CHARGED, _NEUTRAL = (
    1,
    2,
)  # of IceCube's event weights as of Prometheus; 0 is neither, or the Glashow resonance
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
        "inelasticity": "inelasticity",
    },
    further=("pid", "interaction_type", "RunID", "SubrunID", "EventID", "SubEventID"),
    always_origin=True,
    origin="graphnet",
    padded=True,
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
        "inelasticity": "injection_bjorkeny",
    },
    further=("injection_type", "injection_interaction_type"),
    always_origin=False,
    origin="prometheus",
    lepton_energy="primary_lepton_1_energy",  # in GraphNeT's own example bjorkeny repeats bjorkenx
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
        "inelasticity": "bjorken_y",
    },
    further=("initial_state_type", "interaction"),
    always_origin=False,
    origin="prometheus",
    final_state=("final_state_azimuth", "final_state_zenith", "final_state_energy"),
)

KAGGLE = Dialect(
    places=("x", "y", "z"),
    time="time",
    truth={"azimuth": "azimuth", "zenith": "zenith"},
    further=(),
    always_origin=True,
    origin="graphnet",
    event="event_id",
)
"""Databases that GraphNeT's notebooks make of the competition's data; their pulses have event_id and sensor_id, too."""


def dialect_of(pulses: Collection[str], truth: Collection[str] = ()) -> Dialect | None:
    """Return the dialect of a pulse table and its truth table; None if it is unknown."""
    fitting = [one for one in (_ICECUBE, _PROMETHEUS, _RAW_PROMETHEUS) if set(one.needed) <= set(pulses)]
    return max(fitting, key=lambda one: len(one.truth_names(truth)), default=None)


def require_one(what: str, option: str, tables: Collection[str], source: Path, others: str = "") -> str:
    """Return the only table of a kind; `others` ends the message with what else the option takes.

    Raises:
        IcerecoError: there are none or several.
    """
    if len(tables) == 1:
        return next(iter(tables))
    if not tables:
        raise IcerecoError(f"{source}: no {what}")
    names = ", ".join(sorted(tables))
    raise IcerecoError(
        f"{source}: several tables may be the {what}: {names}; choose one with the reader's option {option}=NAME{others}"
    )


def _without_padding(own: Mapping[str, ndarray], interactions: Interactions | None) -> dict[str, ndarray]:
    """Return truth as GraphNeT's `I3TruthExtractor` writes it, with NaN for what is unknown or means something else.

    Unknown values are -1. The position of a muon is where it ends, not where it comes from. Its inelasticity is the
    share of energy that no track carries, which for an electron or tau neutrino in a charged current has nothing to do with
    the hadrons.
    """
    unknown = {name: column == _PADDING for name, column in own.items() if name in _PADDED}
    places = [own[name] for name in _VERTEX if name in own]
    nowhere = np.all([place == _PADDING for place in places], axis=0) if places else False
    other_interactions = False
    if interactions is not None:
        particle = np.abs(interactions.pdg)
        nowhere = nowhere | (particle == _MUON)
        other_interactions = (particle != _NU_MU) & (interactions.charged_current != 0)
    unknown |= dict.fromkeys(_VERTEX, nowhere)
    unknown["inelasticity"] = unknown.get("inelasticity", False) | other_interactions
    return {name: np.where(unknown.get(name, False), np.nan, column) for name, column in own.items()}


_PADDING, _MUON, _NU_MU = -1, 13, 14
_PADDED = ("azimuth", "zenith", "energy", "inelasticity")
_VERTEX = ("vertex_x", "vertex_y", "vertex_z")


def _pmt_names(columns: Collection[str]) -> tuple[str, ...]:
    return _PMT if set(_PMT) <= set(columns) else ()
