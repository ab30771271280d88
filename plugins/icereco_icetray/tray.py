"""A module of IceTray that reconstructs each frame P, for trays; `Reconstruct` can be had inside IceTray alone.

from icereco_icetray.tray import Reconstruct

tray.Add(Reconstruct, Pulses="SplitInIcePulses", Model="complete")
"""

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from icereco.data.catalog import DEFAULT_DETECTOR
from icereco.errors import IcerecoError
from icereco.online.computing import Computing
from icereco.reconstruction.wanted import Wanted
from icereco.system.log import get_logger
from icereco.tables.from_columns import own_batch
from icereco.tables.validation import EventChecker
from icereco_icetray.geometry import Geometry, Sensors, card_geometry, in_ice
from icereco_icetray.pulses import om_key, parts_of_key
from icereco_icetray.results import figures, fit_status, number, particle_key

__all__ = ["FrameReconstruction"]

logger = get_logger(__name__)

_TRAY = Path("tray")
_KEY = "I3Geometry"
_NO_PLACE = "the GCD file of this production, read first, has their positions"
_ADVICE = "leave the pulses of its modules out of the map before this module, as I3OMSelection does"
_PARAMETERS = {
    "Pulses": ("key of an I3RecoPulseSeriesMap, or of a mask or union of some", "SplitInIcePulses"),
    "Model": ("name of a trained model, or a checkpoint file", ""),
    "Run": ("name of a training run in ./runs, or its folder", ""),
    "Method": ("a method without training, such as linefit or likelihood", ""),
    "Detector": ("whose sensors the modules are; a trained model knows its own", ""),
    "Device": ("where to compute, as for icereco reconstruct --device", ""),
    "Output": ("key of the particle; icereco_METHOD if it is empty", ""),
}


def __getattr__(name: str) -> Any:
    """Give `Reconstruct`, which has a base class of IceTray.

    Raises:
        ImportError: IceTray is not here.
    """
    if name == "Reconstruct":
        return _reconstruct()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@cache
def _reconstruct() -> type:
    try:
        icetray = import_module("icecube.icetray")
    except ImportError as error:
        raise ImportError(
            "icereco_icetray.tray.Reconstruct is for trays, inside the environment of IceTray (`from icecube import icetray` fails "
            "here). Without IceTray, icereco reads and writes the files: icereco reconstruct FILE.i3.zst --format i3 -o OUT.i3.zst"
        ) from error

    class Reconstruct(FrameReconstruction, icetray.I3ConditionalModule):  # type: ignore[misc]  # without types
        __doc__ = FrameReconstruction.__doc__

    return Reconstruct


class FrameReconstruction:
    """Adds to each frame P an I3Particle, and an I3Double for each further figure, under KEY_sigma, KEY_r50 and so on.

    What reconstructs is chosen as by `icereco reconstruct`: without Model, Run and Method the newest run of the folder,
    or else the model that comes with icereco. The modules' places are those of the last frame G, or of IceCube-86
    if there was none. Frames P without the pulses pass as they are, and are counted at the end.
    """

    AddParameter: Any  # these are IceTray's
    AddOutBox: Any
    GetParameter: Any
    PushFrame: Any

    def __init__(self, context: Any) -> None:
        super().__init__(context)  # type: ignore[call-arg]  # of IceTray's module
        self._dataclasses = import_module("icecube.dataclasses")
        for name, (meaning, default) in _PARAMETERS.items():
            self.AddParameter(name, meaning, default)
        self.AddOutBox("OutBox")

    def Configure(self) -> None:  # noqa: N802 -- IceTray's name, as those below
        """Load the method."""
        given = {name: self.GetParameter(name) for name in _PARAMETERS}
        choice = Wanted(
            runs=[given["Run"]] if given["Run"] else [],
            models=[given["Model"]] if given["Model"] else [],
            method=given["Method"] or None,
            detector=given["Detector"] or (None if given["Run"] or given["Model"] else DEFAULT_DETECTOR),
            device=given["Device"] or None,
        ).choice()
        logger.info("reconstructing with %s", choice.words)
        self._pulses = str(given["Pulses"])
        self._key = given["Output"] or particle_key(choice.method.name)
        self._compute = Computing(choice.method)
        self._detector = choice.method.detector
        self._sensors = Sensors(card_geometry(), self._detector, _TRAY, _NO_PLACE)
        self._passed = 0

    def Geometry(self, frame: Any) -> None:  # noqa: N802
        """Take the places of the modules."""
        self._sensors = Sensors(_geometry(frame[_KEY]), self._detector, _TRAY, _NO_PLACE)
        self.PushFrame(frame)

    def Physics(self, frame: Any) -> None:  # noqa: N802
        """Reconstruct the pulses of the frame.

        Raises:
            IcerecoError: a module is not in the geometry or not in the detector, or the method fails.
        """
        if frame.Has(self._pulses):
            row = self._row(self._dataclasses.I3RecoPulseSeriesMap.from_frame(frame, self._pulses))
            frame[self._key] = _particle(row, self._dataclasses)
            for name, value in figures(row).items():
                frame[f"{self._key}_{name}"] = self._dataclasses.I3Double(value)
        else:
            self._passed += 1
        self.PushFrame(frame)

    def Finish(self) -> None:  # noqa: N802
        """Say how many frames had no pulses."""
        if self._passed:
            logger.warning("%d frames P have no %s, and no reconstruction", self._passed, self._pulses)

    def _row(self, pulses: Any) -> dict[str, Any]:
        """The row of the reconstruction, as in a table."""
        found = [
            (
                (module.string, module.om, module.pmt),
                pulse.time,
                pulse.charge,
                pulse.flags & pulse.PulseFlags.LC,
            )
            for module, series in pulses.items()
            for pulse in series
        ]
        key = om_key(*np.array([module for module, *_ in found], np.int64).reshape(-1, 3).T)
        time, charge, coincident = (
            np.array([one[place] for one in found], np.float64) for place in (1, 2, 3)
        )
        deep = in_ice(key)
        columns = {
            "sensor_id": self._sensors(key[deep]),
            "time": time[deep] - time[deep].min(initial=np.inf),
            "charge": charge[deep],
            "auxiliary": coincident[deep] == 0,
        }
        offsets = np.array([0, int(deep.sum())])
        rows = own_batch(
            np.zeros(1, np.int64), offsets, columns, {}, _TRAY, lambda one: _named(key[deep][one])
        )
        EventChecker(self._detector, _TRAY, quiet=True, sensor_advice=_ADVICE).check(rows)
        (answer,) = self._compute([rows])
        if isinstance(answer, IcerecoError):
            raise answer
        made: dict[str, Any] = answer.to_pylist()[0]
        return made


def _geometry(geometry: Any) -> Geometry:
    modules = [
        ((module.string, module.om, module.pmt), (at.position.x, at.position.y, at.position.z))
        for module, at in geometry.omgeo.items()
    ]
    key = om_key(*np.array([module for module, _ in modules], np.int64).reshape(-1, 3).T)
    order = np.argsort(key)
    place = np.array([place for _, place in modules], np.float64).reshape(-1, 3)
    return Geometry(key[order], place[order], "the frame G of the tray")


def _named(key: int) -> str:
    string, om, _ = (int(part[0]) for part in parts_of_key(np.array([key], np.int64)))
    return f"string {string}, om {om}"


def _particle(row: dict[str, Any], dataclasses: Any) -> Any:
    """An infinite track from where the neutrino came, as in the copies that icereco writes of files."""
    particle = dataclasses.I3Particle()
    particle.shape = dataclasses.I3Particle.ParticleShape.InfiniteTrack
    particle.fit_status = dataclasses.I3Particle.FitStatus.values[fit_status(row)]
    particle.dir = dataclasses.I3Direction(number(row["zenith"]), number(row["azimuth"]))
    particle.pos = dataclasses.I3Position(*(number(row.get(f"vertex_{axis}")) for axis in "xyz"))
    particle.energy = number(row.get("energy"))
    return particle
