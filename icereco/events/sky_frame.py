"""Coordinates in which a sky is shown: those of the detector, or right ascension and declination."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco.detector.site import Site
from icereco.physics.equatorial import equatorial_rotation
from icereco.physics.sphere import angles_from_direction

__all__ = ["DETECTOR", "FrameName", "SkyFrame", "equatorial_frame"]

FrameName = Literal["equatorial", "detector"]


@dataclass(frozen=True, slots=True, eq=False)
class SkyFrame:
    """A frame at the time of an event.

    Attributes:
        name: "equatorial" (ICRS), or "detector".
        rotation: from the detector's frame to this one.
    """

    name: FrameName
    rotation: Float[ndarray, "3 3"]

    def from_detector(self, direction: Float[ndarray, "*n 3"]) -> Float[ndarray, "*n 3"]:
        """Return directions of the detector's frame in this one."""
        return np.asarray(direction @ self.rotation.T)

    def to_detector(self, direction: Float[ndarray, "*n 3"]) -> Float[ndarray, "*n 3"]:
        """Return directions of this frame in the detector's."""
        return np.asarray(direction @ self.rotation)

    @property
    def axes(self) -> tuple[str, str]:
        """What longitude and latitude are called."""
        return ("right ascension", "declination") if self.name == "equatorial" else ("azimuth", "zenith")

    def latitude_deg(self, latitude_deg: float) -> float:
        """Return the second coordinate at a latitude, the angle above the plane of x and y: itself, or the zenith angle."""
        return latitude_deg if self.name == "equatorial" else 90.0 - latitude_deg

    def angles_deg(self, direction: Float[ndarray, "*n 3"]) -> dict[str, Any]:
        """Return both coordinates of directions of this frame, JSON-able, by name."""
        longitude, polar = (np.degrees(angle) for angle in angles_from_direction(direction))
        if self.name == "equatorial":
            return {"ra_deg": longitude.tolist(), "dec_deg": (90.0 - polar).tolist()}
        return {"zenith_deg": polar.tolist(), "azimuth_deg": longitude.tolist()}


DETECTOR = SkyFrame("detector", np.eye(3))
"""Azimuth and zenith."""


def equatorial_frame(mjd: float, site: Site) -> SkyFrame:
    """Return the equatorial frame at a time, as a modified Julian day (UTC)."""
    return SkyFrame("equatorial", equatorial_rotation(mjd, site))
