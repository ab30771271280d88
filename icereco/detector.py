"""Detector cards: a detector is data (a table of sensors, a medium, conventions), not code."""

import csv
import hashlib
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from icereco.errors import IcerecoError, did_you_mean
from icereco.resources import data_dir

__all__ = ["Detector", "Medium", "detector_names", "load_detector"]

_CARD = "detector.toml"
_SENSOR_COLUMNS = ("string", "om", "x_m", "y_m", "z_m", "quantum_efficiency", "alive")
_LAYER_COLUMNS = ("z_m", "scattering_length_m", "absorption_length_m")


@dataclass(frozen=True, slots=True)
class Medium:
    """The ice or water: refractive indices and optical properties against z.

    Attributes:
        refractive_index_phase: n at about 400 nm, for the Cherenkov angle.
        refractive_index_group: n for the speed of light pulses.
        z_m: float64 `[L]`, ascending, z of each layer in detector coordinates.
        scattering_length_m: float64 `[L]`, effective scattering length at 400 nm.
        absorption_length_m: float64 `[L]`, absorption length at 400 nm.
    """

    refractive_index_phase: float
    refractive_index_group: float
    z_m: Float[ndarray, "layer"]
    scattering_length_m: Float[ndarray, "layer"]
    absorption_length_m: Float[ndarray, "layer"]


@dataclass(frozen=True, slots=True)
class Detector:
    """A detector card; `sensor_id` is the row in the sensor table.

    Attributes:
        name: such as "icecube86".
        string: int32 `[S]`; om: int32 `[S]`, number on the string, from 1 at the top.
        position_m: float32 `[S, 3]`, origin at the detector's centre, z up.
        quantum_efficiency: float32 `[S]`, relative to a standard module (1.35 = high quantum efficiency).
        alive: bool `[S]`.
        noise_rate_hz: float32 `[S]`, dark noise rate.
        fingerprint: sha256 hex of the card's files; travels in checkpoints.
    """

    name: str
    string: Int[ndarray, "sensor"]
    om: Int[ndarray, "sensor"]
    position_m: Float[ndarray, "sensor 3"]
    quantum_efficiency: Float[ndarray, "sensor"]
    alive: Bool[ndarray, "sensor"]
    noise_rate_hz: Float[ndarray, "sensor"]
    medium: Medium
    fingerprint: str


def load_detector(name: str | Path) -> Detector:
    """The card called `name` (a folder in geometry/), or the card in a folder of your own.

    Raises:
        IcerecoError: unknown name (with the nearest), or a broken card (with the file and line).
    """
    folder = _folder_of(name)
    card = _Card(folder)
    sensors = _table(folder / card.text("sensors"), _SENSOR_COLUMNS)
    efficiency = sensors["quantum_efficiency"]
    threshold = card.number("noise.high_efficiency_above")
    rates = np.where(
        efficiency > threshold, card.number("noise.high_efficiency_rate_hz"), card.number("noise.rate_hz")
    )
    layers = folder / card.text("medium.layers")
    return Detector(
        name=card.text("name"),
        string=sensors["string"].astype(np.int32),
        om=sensors["om"].astype(np.int32),
        position_m=np.stack([sensors["x_m"], sensors["y_m"], sensors["z_m"]], axis=1).astype(np.float32),
        quantum_efficiency=efficiency.astype(np.float32),
        alive=sensors["alive"] > 0,
        noise_rate_hz=rates.astype(np.float32),
        medium=_medium(card, layers),
        fingerprint=_fingerprint([card.path, folder / card.text("sensors"), layers]),
    )


def detector_names() -> list[str]:
    """The cards that ship with icereco."""
    return sorted(path.parent.name for path in data_dir("geometry").glob(f"*/{_CARD}"))


def _folder_of(name: str | Path) -> Path:
    own = Path(name)
    if (own / _CARD).is_file():
        return own
    shipped = data_dir("geometry") / name
    if own.name == str(name) and (shipped / _CARD).is_file():
        return shipped
    if own.is_dir():
        raise IcerecoError(f"{own}: this folder holds no {_CARD}, so it is not a detector card")
    known = detector_names()
    raise IcerecoError(
        f"no detector called {str(name)!r}{did_you_mean(str(name), known)} "
        f"(known: {', '.join(known)}; or give the folder of a card of your own)"
    )


class _Card:
    """The TOML of a card, whose entries are asked for by their dotted path."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / _CARD
        try:
            self._entries = tomllib.loads(self.path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise IcerecoError(f"{self.path}: not valid TOML: {error}") from None

    def text(self, key: str) -> str:
        value = self._entry(key)
        if not isinstance(value, str):
            raise IcerecoError(f"{self.path}: {key} must be a text, not {value!r}")
        return value

    def number(self, key: str) -> float:
        value = self._entry(key)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise IcerecoError(f"{self.path}: {key} must be a number, not {value!r}")
        return float(value)

    def _entry(self, key: str) -> object:
        entry: object = self._entries
        for part in key.split("."):
            if not isinstance(entry, dict) or part not in entry:
                raise IcerecoError(f"{self.path}: {key} is missing")
            entry = entry[part]
        return entry


def _medium(card: _Card, path: Path) -> Medium:
    layers = _table(path, _LAYER_COLUMNS)
    z = layers["z_m"]
    falling = np.flatnonzero(np.diff(z) <= 0)
    if falling.size:
        raise IcerecoError(f"{path}:{falling[0] + 3}: z_m must ascend from row to row")
    for name in _LAYER_COLUMNS[1:]:
        _require(path, name, layers[name] > 0, "above 0")
    return Medium(
        refractive_index_phase=card.number("medium.refractive_index_phase"),
        refractive_index_group=card.number("medium.refractive_index_group"),
        z_m=z,
        scattering_length_m=layers["scattering_length_m"],
        absorption_length_m=layers["absorption_length_m"],
    )


def _table(path: Path, columns: Sequence[str]) -> dict[str, Float[ndarray, "row"]]:
    """The wanted columns of a CSV file of numbers, as float64."""
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            header, *rows = csv.reader(lines)
    except (OSError, ValueError) as error:
        raise IcerecoError(f"{path}: cannot read this table of the detector card: {error}") from None
    missing = [name for name in columns if name not in header]
    if missing or not rows:
        raise IcerecoError(
            f"{path}:1: needs rows and the columns {', '.join(columns)}; found {', '.join(header)}"
        )
    numbers = _numbers(path, header, rows)
    table = {name: numbers[:, header.index(name)] for name in columns}
    for name, column in table.items():
        _require(path, name, np.isfinite(column), "a finite number")
    return table


def _numbers(path: Path, header: list[str], rows: list[list[str]]) -> Float[ndarray, "row column"]:
    try:
        return np.array(rows, dtype=np.float64)
    except ValueError:
        raise IcerecoError(_first_fault(path, header, rows)) from None


def _first_fault(path: Path, header: list[str], rows: list[list[str]]) -> str:
    for line, row in enumerate(rows, start=2):
        if len(row) != len(header):
            return f"{path}:{line}: {len(row)} values where the header names {len(header)} columns"
        for name, value in zip(header, row, strict=True):
            try:
                float(value)
            except ValueError:
                return f"{path}:{line}: {name} must be a number, not {value!r}"
    return f"{path}: cannot be read as a table of numbers"


def _require(path: Path, name: str, good: Bool[ndarray, "row"], wanted: str) -> None:
    bad = np.flatnonzero(~good)
    if bad.size:
        raise IcerecoError(f"{path}:{bad[0] + 2}: {name} must be {wanted}")


def _fingerprint(paths: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(paths, key=lambda one: one.name):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
