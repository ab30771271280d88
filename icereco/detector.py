"""Detector cards: a detector is data (a table of sensors, a medium, conventions), not code."""

from dataclasses import dataclass
from pathlib import Path

from jaxtyping import Bool, Float, Int
from numpy import ndarray

__all__ = ["Detector", "Medium", "load_detector", "detector_names"]


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
    raise NotImplementedError


def detector_names() -> list[str]:
    """The cards that ship with icereco."""
    raise NotImplementedError
