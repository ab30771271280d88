"""Detectors: a table of sensors, a medium, conventions. A detector is described by data (a detector card), not code."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from icereco.detector.cards import Card, detector_names, find_card, is_card_folder, read_table, require
from icereco.detector.geometry_file import Geometry, is_geometry_file, read_geometry
from icereco.detector.site import Site, read_site
from icereco.errors import IcerecoError

__all__ = [
    "LIGHT_M_PER_NS",
    "Detector",
    "Medium",
    "detector_names",
    "given_detector",
    "load_detector",
    "of_geometry",
]

LIGHT_M_PER_NS = 0.299792458
"""Speed of light in vacuum; a pulse in a medium travels at this speed divided by `Medium.refractive_index_group`."""

_SURFACE_M = 1948.07
"""Height of the ice's surface in the coordinates of IceCube, in which the cards give layers; PPC and Prometheus count z from there."""

_OUTLINE_SIDES = 360
"""Number of directions whose tangents approximate a convex outline: 4 cm too wide at a corner 1 km away."""

MEDIA = ("ice", "water")
_ENTRIES = ("name", "summary", "sensors", "origin", "file_origins_m", "medium", "noise", "source")
_MEDIUM_ENTRIES = ("kind", "wavelength_nm", "refractive_index_phase", "refractive_index_group")
_NOISE_ENTRIES = ("rate_hz", "high_efficiency_rate_hz", "high_efficiency_above")
_SENSOR_COLUMNS = ("string", "om", "x_m", "y_m", "z_m")
_LAYER_COLUMNS = ("z_m", "scattering_length_m", "absorption_length_m")


@dataclass(frozen=True, slots=True)
class Medium:
    """The ice or water: refractive indices and optical properties against z.

    Attributes:
        refractive_index_phase: n, for the Cherenkov angle, where the medium is clearest (about 400 nm in ice,
            450 nm in water).
        refractive_index_group: n for the speed of light pulses.
        z_m: float64 `[L]`, ascending, z of each layer in detector coordinates; a single layer for a uniform medium.
        scattering_length_m: float64 `[L]`, effective scattering length; None if the card does not give it.
        absorption_length_m: float64 `[L]`, absorption length; None if the card does not give it.
        kind: "ice" or "water".
    """

    refractive_index_phase: float
    refractive_index_group: float
    z_m: Float[ndarray, "layer"]
    scattering_length_m: Float[ndarray, "layer"] | None
    absorption_length_m: Float[ndarray, "layer"] | None
    kind: str = "ice"

    def lengths_m(self) -> tuple[Float[ndarray, "layer"], Float[ndarray, "layer"]]:
        """Return effective scattering and absorption length.

        Raises:
            IcerecoError: the card does not give one of them.
        """
        scattering, absorption = self.scattering_length_m, self.absorption_length_m
        if scattering is None or absorption is None:
            missing = "scattering_length_m" if scattering is None else "absorption_length_m"
            raise IcerecoError(
                f"the detector's card gives no {missing} in [medium]; add it to a card of your own "
                '(a profile can do without: -o normalizer.dom_features=["quantum_efficiency"])'
            )
        return scattering, absorption


@dataclass(frozen=True, slots=True)
class Detector:
    """A detector as its card describes it; `sensor_id` is the row in the sensor table.

    Attributes:
        name: such as "icecube86".
        string: int32 `[S]`; om: int32 `[S]`, number on the string, as the source of the table counts.
        position_m: float32 `[S, 3]`, z up.
        quantum_efficiency: float32 `[S]`, relative to a standard module (1.35 = high quantum efficiency).
        alive: bool `[S]`.
        noise_rate_hz: float32 `[S]`, dark noise rate; None if the card does not give it.
        fingerprint: sha256 hex of the card's files; stored in checkpoints.
        dom_id: int64 `[S]`, number of each module in the detector's own files; None if the card has no such numbers.
        file_origins_m: by kind of file, our origin in its coordinates, which is subtracted from its positions.
        site: where it stands on Earth; None if the card does not say.
        place: the user's folder or geometry file that it was loaded from; None for a card that is found by its name.
    """

    name: str
    string: Int[ndarray, "sensor"]
    om: Int[ndarray, "sensor"]
    position_m: Float[ndarray, "sensor 3"]
    quantum_efficiency: Float[ndarray, "sensor"]
    alive: Bool[ndarray, "sensor"]
    noise_rate_hz: Float[ndarray, "sensor"] | None
    medium: Medium
    fingerprint: str
    dom_id: Int[ndarray, "sensor"] | None = None
    file_origins_m: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)
    site: Site | None = None
    place: Path | None = None

    @property
    def centre_m(self) -> Float[ndarray, "3"]:
        """Centre of the box around the modules in use, float64; may be far from the origin for a part of a detector."""
        low, high = self._box_m
        middle: ndarray = 0.5 * (low + high)
        return middle

    def encloses(self, place_m: Float[ndarray, "place 3"]) -> Bool[ndarray, "place"]:
        """Return whether places are in the instrumented volume: within the outline of the strings, from the lowest module to the highest."""
        used = self.position_m[self.alive].astype(np.float64)
        azimuth = np.linspace(0, 2 * np.pi, _OUTLINE_SIDES, endpoint=False)
        side = np.stack([np.cos(azimuth), np.sin(azimuth)])
        reach = (used[:, :2] @ side).max(axis=0)
        within = (place_m[:, :2] @ side <= reach).all(axis=1)
        low, high = used[:, 2].min(), used[:, 2].max()
        inside: ndarray = within & (place_m[:, 2] >= low) & (place_m[:, 2] <= high)
        return inside

    @property
    def extent_m(self) -> Float[ndarray, "3"]:
        """Half the lengths of the box around the modules in use, float64: |position − centre| goes up to this.

        0 along an axis on which all modules have the same coordinate, such as x of a single string.
        """
        low, high = self._box_m
        half: ndarray = 0.5 * (high - low)
        return half

    def has(self, sensor_id: Int[ndarray, "dom"], position_m: Float[ndarray, "dom 3"]) -> bool:
        """Return whether the sensors with these ids are at these positions, as expected for events of this detector."""
        known = ((sensor_id >= 0) & (sensor_id < len(self.position_m))).all()
        return bool(known) and np.array_equal(self.position_m[sensor_id], position_m)

    @property
    def _box_m(self) -> tuple[Float[ndarray, "3"], Float[ndarray, "3"]]:
        used = self.position_m[self.alive].astype(np.float64)
        return used.min(axis=0), used.max(axis=0)


def load_detector(name: str | Path) -> Detector:
    """Load the detector `name` (a card that ships, or a plugin's), that of a card in a folder of your own, or of a geometry file.

    Geometry files are KM3NeT's `.detx` and `.datx`, Prometheus' `.geo` and tables of modules; `FILE:like=CARD` says whose medium
    and site theirs are (`icereco.detector.geometry_file`).

    >>> load_detector("icecube86").position_m.shape
    (5160, 3)

    Raises:
        IcerecoError: unknown name (with the nearest), or a broken card or file (with the line).
    """
    if is_geometry_file(name):
        geometry = read_geometry(name)
        geometry.report()
        return replace(of_geometry(geometry), place=Path(name).absolute())
    card = find_card(name)
    card.require_known(_ENTRIES)
    path = card.file("sensors")
    sensors = read_table(path, _SENSOR_COLUMNS, ("quantum_efficiency", "alive", "dom_id"))
    count = len(sensors["string"])
    efficiency = sensors.get("quantum_efficiency", np.ones(count))
    alive = sensors.get("alive", np.ones(count)) > 0
    if not alive.any():
        raise IcerecoError(f"{path}: no module is alive")
    medium, files = _medium(card)
    return Detector(
        name=card.text("name"),
        string=sensors["string"].astype(np.int32),
        om=sensors["om"].astype(np.int32),
        position_m=np.stack([sensors["x_m"], sensors["y_m"], sensors["z_m"]], axis=1).astype(np.float32),
        quantum_efficiency=efficiency.astype(np.float32),
        alive=alive,
        noise_rate_hz=_noise_rate(card, efficiency),
        medium=medium,
        fingerprint=_fingerprint([card.path, path, *files]),
        dom_id=_dom_id(path, sensors["dom_id"]) if "dom_id" in sensors else None,
        file_origins_m={kind: card.place(f"file_origins_m.{kind}") for kind in card.keys("file_origins_m")},
        site=read_site(card.folder),
        place=Path(name).absolute() if is_card_folder(Path(name)) else None,
    )


def of_geometry(geometry: Geometry) -> Detector:
    """The detector of a geometry file, in the medium of a card.

    Raises:
        IcerecoError: there is no such card, its medium is of another kind than that of the file, or no module is alive.
    """
    modules, like = geometry.modules, load_detector(geometry.card)
    if geometry.medium not in (None, like.medium.kind):
        raise IcerecoError(
            f"{geometry.path}: is in {geometry.medium}, and the medium of {geometry.card} is {like.medium.kind}; name a detector in "
            f"{geometry.medium}"
        )
    origin_m, count = geometry.origin_m, len(modules.string)
    x, y, z = origin_m.tolist()
    efficiency = np.ones(count) if modules.quantum_efficiency is None else modules.quantum_efficiency
    alive = np.ones(count, bool) if modules.alive is None else modules.alive
    if not alive.any():
        raise IcerecoError(f"{geometry.path}: no module is alive")
    return Detector(
        name=geometry.path.name.partition(".")[0],
        string=modules.string.astype(np.int32),
        om=modules.om.astype(np.int32),
        position_m=(modules.position_m - origin_m).astype(np.float32),
        quantum_efficiency=efficiency.astype(np.float32),
        alive=alive,
        noise_rate_hz=None,
        medium=_around(like.medium, modules.position_m[:, 2], z),
        fingerprint=_fingerprint([geometry.path], like.fingerprint),
        dom_id=None if modules.dom_id is None else _dom_id(geometry.path, modules.dom_id.astype(np.float64)),
        file_origins_m={geometry.events: (x, y, z)} if geometry.events else {},
        site=like.site if geometry.like else None,
    )


def _around(medium: Medium, module_z_m: Float[ndarray, "sensor"], origin_z_m: float) -> Medium:
    """The medium around modules: layers are those of the South Pole, where z is from the surface if all are below the middle module."""
    if len(medium.z_m) == 1:
        return medium
    surface = _SURFACE_M if np.median(module_z_m) < medium.z_m[0] else 0.0
    return replace(medium, z_m=medium.z_m - surface - origin_z_m)


def given_detector(detector: Detector | str | Path) -> Detector:
    """Return a detector that is given as an object, or load it by name.

    Raises:
        IcerecoError: as `load_detector`.
    """
    return detector if isinstance(detector, Detector) else load_detector(detector)


def _dom_id(path: Path, numbers: Float[ndarray, "sensor"]) -> Int[ndarray, "sensor"]:
    first = np.zeros(len(numbers), bool)
    first[np.unique(numbers, return_index=True)[1]] = True
    require(path, "dom_id", first, "another in every row")
    return numbers.astype(np.int64)


def _noise_rate(card: Card, efficiency: Float[ndarray, "sensor"]) -> Float[ndarray, "sensor"] | None:
    if not card.has("noise"):
        return None
    card.require_known(_NOISE_ENTRIES, "noise")
    threshold = card.number("noise.high_efficiency_above")
    rates = card.number("noise.high_efficiency_rate_hz"), card.number("noise.rate_hz")
    return np.where(efficiency > threshold, *rates).astype(np.float32)


def _medium(card: Card) -> tuple[Medium, list[Path]]:
    """Read the medium, and return it with its files."""
    card.require_known((*_MEDIUM_ENTRIES, "layers", *_LAYER_COLUMNS[1:]), "medium")
    kind = card.text("medium.kind")
    if kind not in MEDIA:
        raise IcerecoError(f"{card.path}: medium.kind must be one of {', '.join(MEDIA)}, not {kind!r}")
    phase, group = (card.number(f"medium.refractive_index_{which}") for which in ("phase", "group"))
    if not card.has("medium.layers"):
        scattering, absorption = (_constant(card, f"medium.{name}") for name in _LAYER_COLUMNS[1:])
        return Medium(phase, group, np.zeros(1), scattering, absorption, kind), []
    path = card.file("medium.layers")
    layers = read_table(path, _LAYER_COLUMNS)
    require(path, "z_m", np.diff(layers["z_m"], prepend=-np.inf) > 0, "above that of the row before")
    for name in _LAYER_COLUMNS[1:]:
        require(path, name, layers[name] > 0, "above 0")
    z, scattering, absorption = (layers[name] for name in _LAYER_COLUMNS)
    return Medium(phase, group, z, scattering, absorption, kind), [path]


def _constant(card: Card, key: str) -> Float[ndarray, "layer"] | None:
    if not card.has(key):
        return None
    if (length := card.number(key)) <= 0:
        raise IcerecoError(f"{card.path}: {key} must be above 0, not {length:g}")
    return np.array([length])


def _fingerprint(paths: Sequence[Path], like: str = "") -> str:
    digest = hashlib.sha256(like.encode())
    for path in sorted(paths, key=lambda one: one.name):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
