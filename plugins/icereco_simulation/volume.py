"""The volume in which particles are simulated, in proportion to the detector."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco.detector.detector import Detector
from icereco_simulation.options import IceTelescopeOptions

__all__ = ["Volume"]

_TRACK_MARGIN_M = 50.0
_VERTEX_MARGIN_M = 40.0
_WORLD_MARGIN_M = 30.0


@dataclass(frozen=True, slots=True)
class Volume:
    """A cylinder of vertices, a disc of tracks and a sphere that holds both, around one centre.

    Attributes:
        centre_m: float64 `[3]`.
        track_radius_m: largest distance of a muon's line from the centre.
        vertex_radius_m: of the cylinder of vertices; vertex_half_height_m: half its height.
        world_radius_m: muons are followed inside this sphere.
    """

    centre_m: Float[ndarray, "3"]
    track_radius_m: float
    vertex_radius_m: float
    vertex_half_height_m: float
    world_radius_m: float

    @classmethod
    def around(cls, detector: Detector, options: IceTelescopeOptions) -> "Volume":
        """Return the detector's volume with a margin, unless the options set other sizes.

        Lengths are rounded to 10 m and the centre to 50 m, which for IceCube is its origin.
        """
        used = detector.position_m[detector.alive].astype(np.float64)
        centre = np.round(detector.centre_m / 50.0) * 50.0 + 0.0
        away = np.abs(used - centre)
        radius = max(_round(np.hypot(away[:, 0], away[:, 1]).max()), 10.0)
        half_height = _round(away[:, 2].max())
        vertex_radius = options.vertex_radius_m or radius
        vertex_half_height = options.vertex_half_height_m or half_height + _VERTEX_MARGIN_M
        track_radius = options.track_radius_m or radius + _TRACK_MARGIN_M
        reach = max(np.hypot(vertex_radius, vertex_half_height), track_radius)
        return cls(centre, track_radius, vertex_radius, vertex_half_height, _round(reach + _WORLD_MARGIN_M))


def _round(length_m: float) -> float:
    return round(float(length_m) / 10.0) * 10.0
