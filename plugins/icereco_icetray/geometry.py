"""Where modules are: from a GCD file, or for IceCube-86 from its card; and which sensors of a detector they are."""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from icereco.detector.detector import Detector, load_detector
from icereco.detector.modules import Modules
from icereco.detector.sensor_finder import SensorFinder, finder_for
from icereco.errors import IcerecoError
from icereco_icetray.archive import Archive, BlobError
from icereco_icetray.frames import Frame, read_frames
from icereco_icetray.pulses import om_key, parts_of_key

__all__ = [
    "Geometry",
    "Sensors",
    "card_geometry",
    "geometry_of_file",
    "geometry_of_frame",
    "in_ice",
    "modules_of",
    "read_geometry",
]

_DEEPEST_OM = 60
"""Modules of IceCube's strings with higher numbers are in the tanks of IceTop; those of other strings are not."""
_ICECUBE_STRINGS = 86
_CARD = "icecube86"
_KEY = "I3Geometry"


@dataclass(frozen=True, slots=True, eq=False)
class Geometry:
    """Positions of modules.

    Attributes:
        key: int64 `[M]`, ascending, of `om_key`.
        place_m: float64 `[M, 3]`.
        source: where it is from, in words.
    """

    key: Int[ndarray, "module"]
    place_m: Float[ndarray, "module 3"]
    source: str


def in_ice(key: Int[ndarray, "pulse"]) -> Bool[ndarray, "pulse"]:
    """Which modules are in the ice, and not in the tanks of IceTop or other stations on the surface."""
    string, om, _ = parts_of_key(key)
    deep: ndarray = (string > 0) & ((om <= _DEEPEST_OM) | (string > _ICECUBE_STRINGS))
    return deep


def modules_of(geometry: Geometry) -> Modules:
    """The modules in the ice, each at the mean of its photomultipliers."""
    deep = in_ice(geometry.key)
    string, om, _ = parts_of_key(geometry.key[deep])
    place = geometry.place_m[deep]
    modules, of_module = np.unique(np.stack([string, om], axis=1), axis=0, return_inverse=True)
    count = np.bincount(of_module.reshape(-1), minlength=len(modules))
    sums = [np.bincount(of_module.reshape(-1), place[:, axis], len(modules)) for axis in range(3)]
    return Modules(modules[:, 0], modules[:, 1], np.stack(sums, axis=1) / count[:, None])


@cache
def card_geometry() -> Geometry:
    """That of IceCube-86, from its card."""
    card = load_detector(_CARD)
    key = om_key(card.string, card.om, np.zeros(len(card.om), np.int64))
    order = np.argsort(key)
    return Geometry(key[order], card.position_m[order].astype(np.float64), "the card of IceCube-86")


def geometry_of_file(path: Path) -> Geometry:
    """That of a GCD file; only its first frames are read.

    Raises:
        IcerecoError: the file has none, is damaged, or of a version that is not supported.
    """
    if not path.is_file():
        raise IcerecoError(f"{path}: no such file, from which to take the geometry")
    for frame in read_frames(path):
        geometry = geometry_of_frame(frame, path)
        if geometry is not None:
            return geometry
    raise IcerecoError(f"{path}: has no frame G with an {_KEY}, so it is not a GCD file")


def geometry_of_frame(frame: Frame, path: Path) -> Geometry | None:
    """That of a frame G of a file; None if it has none, as those of alerts.

    Raises:
        IcerecoError: it is damaged, or of a version that is not supported.
    """
    if frame.stream != "G" or _KEY not in frame.slots:
        return None
    try:
        return read_geometry(frame.blob(_KEY), str(path))
    except BlobError as error:
        raise IcerecoError(f"{path}: frame {frame.number}: {_KEY}: {error}") from None


def read_geometry(blob: bytes, source: str) -> Geometry:
    """Read the modules of an I3Geometry; what follows them, such as stations, is left unread.

    Raises:
        BlobError: it is damaged.
    """
    archive = Archive(blob)
    archive.base()
    if archive.version:
        archive.begin("I3OMGeoMap")
        archive.base()
    archive.info("map")
    keys, places = list[tuple[int, int, int]](), list[tuple[float, ...]]()
    for number in range(archive.count()):
        if not number:
            archive.info("pair")
        archive.begin("OMKey")
        string, om, pmt = archive.numbers("iIB")
        keys.append((int(string), int(om), int(pmt)))
        places.append(_module(archive))
    key = om_key(*np.array(keys, np.int64).reshape(-1, 3).T)
    order = np.argsort(key)
    return Geometry(key[order], np.array(places, np.float64).reshape(-1, 3)[order], source)


def _module(archive: Archive) -> tuple[float, ...]:
    """The position of an I3OMGeo."""
    version = archive.begin("I3OMGeo")
    if version > 2:
        raise BlobError(f"version {version} of I3OMGeo is not supported; 0 to 2 are")
    archive.begin("I3Position")
    archive.base()
    place = archive.numbers("ddd")
    if version:
        archive.begin("I3Orientation")
        archive.base()
        archive.begin("I3Quaternion")
        archive.base()
        archive.numbers("dddd")
    else:
        archive.number("i")
    archive.numbers("id" if version else "idd")
    if version > 1:
        archive.number("i")
    return place


@dataclass(slots=True)
class Sensors:
    """The sensors of modules, each looked up once.

    Attributes:
        geometry: where the modules are.
        detector: whose sensors are wanted.
        file: that the modules are of, for messages.
        advice: what to do about modules that the geometry lacks.
    """

    geometry: Geometry
    detector: Detector
    file: Path
    advice: str = (
        "the GCD file of this production has their positions: --reader icetray:gcd=PATH, and becomes a card for training with: "
        "icereco detectors import PATH -o FOLDER"
    )
    _finder: SensorFinder | None = None
    _known: dict[int, int] = field(default_factory=dict)

    def __call__(self, key: Int[ndarray, "pulse"]) -> Int[ndarray, "pulse"]:
        """The sensor of each pulse, int32 `[P]`.

        Raises:
            IcerecoError: a module is not in the geometry, or most modules are not in the detector.
        """
        unique, inverse = np.unique(key, return_inverse=True)
        new = np.array([one for one in unique.tolist() if one not in self._known], np.int64)
        if len(new):
            place = self._places(new)
            if self._finder is None:
                self._finder = finder_for(place, self.detector, self.file)
            self._known |= zip(new.tolist(), self._finder(place).tolist(), strict=True)
        return np.array([self._known[one] for one in unique.tolist()], np.int32)[inverse]

    def _places(self, key: Int[ndarray, "module"]) -> Float[ndarray, "module 3"]:
        known = self.geometry.key
        at = (
            np.searchsorted(known, key).clip(max=len(known) - 1)
            if len(known)
            else np.zeros(len(key), np.int64)
        )
        missing = known[at] != key if len(known) else np.ones(len(key), bool)
        if missing.any():
            string, om, pmt = (int(part[np.argmax(missing)]) for part in parts_of_key(key))
            raise IcerecoError(
                f"{self.file}: {np.count_nonzero(missing)} of its modules, such as string {string}, om {om}, pmt {pmt}, are "
                f"not in {self.geometry.source}; {self.advice}"
            )
        place: ndarray = self.geometry.place_m[at]
        return place
