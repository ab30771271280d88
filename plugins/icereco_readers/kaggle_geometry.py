"""The sensor table that comes with a Kaggle folder, checked against the detector card, so that ids mean the same sensors."""

from pathlib import Path

import numpy as np

from icereco.detector.detector import Detector
from icereco.errors import IcerecoError

__all__ = ["geometry_of", "require_same_sensors"]

_TOLERANCE_M = 1.0


def geometry_of(batch_file: Path) -> Path | None:
    """Return `sensor_geometry.csv` next to a batch file or its folder."""
    folder = batch_file.resolve().parent
    places = (place / "sensor_geometry.csv" for place in (folder, folder.parent))
    return next((place for place in places if place.is_file()), None)


def require_same_sensors(geometry: Path, detector: Detector) -> None:
    """Check that each sensor_id of the table has the detector's position of that sensor.

    Raises:
        IcerecoError: a position differs, or the table cannot be read.
    """
    try:
        with geometry.open(encoding="utf-8") as table_file:
            names = table_file.readline().strip().split(",")
        columns = [names.index(name) for name in ("sensor_id", "x", "y", "z")]
        table = np.loadtxt(geometry, delimiter=",", skiprows=1, usecols=columns, ndmin=2)
    except ValueError as error:
        raise IcerecoError(f"{geometry}: not a table of numbers sensor_id,x,y,z: {error}") from None
    known = len(detector.position_m)
    sensor = table[:, 0].astype(np.int64)
    outside = (sensor < 0) | (sensor >= known)
    distance = np.linalg.norm(table[:, 1:] - detector.position_m[np.where(outside, 0, sensor)], axis=1)
    bad = outside | ~(distance <= _TOLERANCE_M)
    if bad.any():
        row = int(np.argmax(bad))
        place = ", ".join(f"{value:.2f}" for value in table[row, 1:])
        raise IcerecoError(
            f"{geometry}:{row + 2}: sensor_id {sensor[row]} is at ({place}) m, which is not its position in {detector.name} "
            f"({int(bad.sum())} of {len(bad)} sensors differ); these events are of another detector: choose it with --detector"
        )
