"""Check of module positions: equal numbers may mean other modules, as simulations count from 1 in each layout."""

from pathlib import Path

import numpy as np
from jaxtyping import Int
from numpy import ndarray

from icereco.detector.detector import Detector, detector_names, load_detector
from icereco.detector.sensor_finder import UNKNOWN, sensors_of_modules
from icereco.errors import IcerecoError
from icereco_km3net.hits import Hits

__all__ = ["require_places"]

# Strings lean with the current, at the top by tens of metres.
_FAR_M = 50.0
_LARGE_M = 3.0


def require_places(hits: Hits, detector: Detector, file: Path) -> None:
    """Check that the modules of a file are those of the detector, by number and, if the file holds positions, by position.

    Raises:
        IcerecoError: most are not, or another card fits far better; says which.
    """
    sensor = sensors_of_modules(hits.dom_id, detector, file)
    distance = _distance_m(hits, detector, sensor)
    if not distance > _LARGE_M:
        return
    better = {}
    for name in detector_names():
        other = load_detector(name)
        if other.dom_id is not None:
            other_sensor = sensors_of_modules(hits.dom_id, other, file, complain=False)
            better[name] = (
                _distance_m(hits, other, other_sensor) if (other_sensor != UNKNOWN).all() else np.inf
            )
    best = min(better, key=lambda name: better[name], default=detector.name)
    if better.get(best, np.inf) < distance / 2 or distance > _FAR_M:
        advice = (
            f"they fit {best}" if better.get(best, np.inf) < distance / 2 else "they need a card of their own"
        )
        raise IcerecoError(
            f"{file}: its modules have the numbers of {detector.name}, but lie {distance:.0f} m from where they are in it "
            f"(median); {advice}"
        )


def _distance_m(hits: Hits, detector: Detector, sensor: Int[ndarray, "hit"]) -> float:
    """Median distance of the photomultipliers from the centres of their modules; NaN if the file holds no positions."""
    placed = (sensor != UNKNOWN) & hits.place_m.any(axis=1)
    if not placed.any():
        return float("nan")
    origin = np.array(detector.file_origins_m.get("km3net", (0.0, 0.0, 0.0)))
    offset = hits.place_m[placed] - origin - detector.position_m[sensor[placed]]
    return float(np.median(np.linalg.norm(offset, axis=1)))
