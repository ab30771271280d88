"""Sensors of a detector found by position: for files without sensor ids, or with ids of another scheme."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from icereco.detector.detector import Detector, detector_names, load_detector
from icereco.errors import IcerecoError

__all__ = ["UNKNOWN", "OtherDetectorError", "SensorFinder", "finder_for", "sensors_of_modules"]

UNKNOWN = -1
"""The sensor id of a place where the detector has no sensor; the validation of events refuses it."""

TOLERANCE_M = 1.0
_CELL_M = 0.01
_HALF_RANGE = 1 << 20
_PLACES_TO_TRY = 50


class OtherDetectorError(IcerecoError):
    """The events of a file are not of the detector that it was read with.

    Attributes:
        fitting: detectors that have all their sensors, the smallest first; maybe none.
    """

    def __init__(self, message: str, fitting: Sequence[str]) -> None:
        super().__init__(message)
        self.fitting = tuple(fitting)


class SensorFinder:
    """Finds the sensor at a place; results are cached by place.

    Args:
        detector: whose sensors.
        origin_m: the detector's origin in the coordinates of the file.
        tolerance_m: how far from a sensor a place may be.
    """

    def __init__(
        self,
        detector: Detector,
        origin_m: tuple[float, float, float] = (0.0, 0.0, 0.0),
        tolerance_m: float = TOLERANCE_M,
    ) -> None:
        self.detector = detector
        self.origin_m = np.array(origin_m)
        self._tolerance_m = tolerance_m
        self._known: dict[int, int] = {}

    def __call__(self, place_m: Float[ndarray, "pulse 3"]) -> Int[ndarray, "pulse"]:
        """Return the sensor of each place, int32 `[P]`; `UNKNOWN` where none is near, also for NaN."""
        cell, inside = _cells(place_m)
        keys, first, inverse = np.unique(cell, return_index=True, return_inverse=True)
        new = [
            place for key, place in zip(keys.tolist(), first.tolist(), strict=True) if key not in self._known
        ]
        self._known |= zip(cell[new].tolist(), self._nearest(place_m[new]).tolist(), strict=True)
        sensor = np.array([self._known[key] for key in keys.tolist()], np.int32)[inverse]
        return np.where(inside, sensor, np.int32(UNKNOWN))

    def _nearest(self, place_m: Float[ndarray, "place 3"]) -> Int[ndarray, "place"]:
        """Find the nearest sensor among those at about the same x, which belong to one or two strings."""
        place = place_m - self.origin_m
        order = np.argsort(self.detector.position_m[:, 0])
        position = self.detector.position_m[order].astype(np.float64)
        low = np.searchsorted(position[:, 0], place[:, 0] - self._tolerance_m)
        high = np.searchsorted(position[:, 0], place[:, 0] + self._tolerance_m, side="right")
        count = high - low
        of_place = np.repeat(np.arange(len(place)), count)
        candidate = np.arange(count.sum()) + np.repeat(
            low - np.concatenate([[0], np.cumsum(count)[:-1]]), count
        )
        distance = np.linalg.norm(place[of_place] - position[candidate], axis=1)
        near = distance <= self._tolerance_m
        sensor = np.full(len(place), UNKNOWN, np.int32)
        best = np.argsort(-distance[near], kind="stable")  # the nearest is written last
        sensor[of_place[near][best]] = order[candidate[near][best]]
        return sensor


def _cells(place_m: Float[ndarray, "pulse 3"]) -> tuple[Int[ndarray, "pulse"], Bool[ndarray, "pulse"]]:
    """Return an integer for each cubic centimetre, so that equal places compare quickly, and whether it is in range."""
    cell = np.rint(place_m / _CELL_M)
    inside = np.abs(cell).max(axis=1, initial=0) < _HALF_RANGE  # False for NaN
    cell = np.where(inside[:, None], cell, 0).astype(np.int64) + _HALF_RANGE
    return (cell[:, 0] << 42) | (cell[:, 1] << 21) | cell[:, 2], inside


def finder_for(
    place_m: Float[ndarray, "pulse 3"],
    detector: Detector,
    source: Path,
    kind: str | None = None,
    tolerance_m: float = TOLERANCE_M,
) -> SensorFinder:
    """Build a finder for a file, some of whose places are known.

    Args:
        place_m: of pulses, in the coordinates of the file.
        detector: whose sensors.
        source: the file, for the message.
        kind: of file; its origin may be that of the card, or what the card says of this kind (`file_origins_m`).
        tolerance_m: how far from a sensor a place may be.

    Raises:
        IcerecoError: most places do not belong to this detector; suggests the detector to which they belong.
    """
    cell, inside = _cells(place_m)
    places = place_m[inside][np.unique(cell[inside], return_index=True)[1]]
    if not len(places):
        return SensorFinder(detector, tolerance_m=tolerance_m)
    finder, missing = _best(places, detector, kind, tolerance_m)
    if 2 * missing.sum() > len(places):
        where = ", ".join(f"{value:.2f}" for value in places[np.argmax(missing)])
        fitting = _fitting(places, kind, tolerance_m)
        raise OtherDetectorError(
            f"{source}: {missing.sum()} of the {len(places)} sensors that its first events hit are not in the "
            f"detector {detector.name}, such as the one at ({where}) m; {_advice(fitting)}",
            fitting,
        )
    return finder


def sensors_of_modules(
    dom_id: Int[ndarray, "pulse"], detector: Detector, source: Path, *, complain: bool = True
) -> Int[ndarray, "pulse"]:
    """Return the sensor of each module number (`Detector.dom_id`), int32 `[P]`; `UNKNOWN` for unknown numbers.

    Args:
        dom_id: numbers of modules.
        detector: whose sensors.
        source: the file, for the message.
        complain: whether to raise if most modules are unknown.

    Raises:
        IcerecoError: the card has no such numbers, or most modules are not in it; suggests the detector to which they belong.
    """
    sensor = _numbered(dom_id, detector)
    modules, first = np.unique(dom_id, return_index=True)
    missing = sensor[first] == UNKNOWN
    if complain and 2 * int(missing.sum()) > len(modules):
        names = [
            name for name in detector_names() if (_numbered(modules, load_detector(name)) != UNKNOWN).all()
        ]
        fitting = ", ".join(names)
        advice = (
            f"they are all in {fitting}: say so with --detector NAME, or train with -o detector.use=NAME"
            if fitting
            else "they need a card of their own, with the column dom_id"
        )
        raise OtherDetectorError(
            f"{source}: {missing.sum()} of the {len(modules)} modules that its first events hit are not in the "
            f"detector {detector.name}, such as dom_id {modules[np.argmax(missing)]}; {advice}",
            names,
        )
    return sensor


def _numbered(dom_id: Int[ndarray, "pulse"], detector: Detector) -> Int[ndarray, "pulse"]:
    known = detector.dom_id
    if known is None or not len(known):
        return np.full(len(dom_id), UNKNOWN, np.int32)
    order = np.argsort(known)
    at = order[np.searchsorted(known, dom_id, sorter=order).clip(max=len(known) - 1)]
    return np.where(known[at] == dom_id, at, UNKNOWN).astype(np.int32)


def _best(
    places: Float[ndarray, "place 3"], detector: Detector, kind: str | None, tolerance_m: float
) -> tuple[SensorFinder, Bool[ndarray, "place"]]:
    """Return the finder that misses fewest places, and a mask of those it misses."""
    best: tuple[SensorFinder, Bool[ndarray, place]] | None = None
    for origin in _origins(detector, kind):
        finder = SensorFinder(detector, origin, tolerance_m)
        missing = finder(places) == UNKNOWN
        if best is None or missing.sum() < best[1].sum():
            best = finder, missing
        if not missing.any():
            break
    assert best is not None, "there is an origin"
    return best


def _origins(detector: Detector, kind: str | None) -> Iterable[tuple[float, float, float]]:
    known = detector.file_origins_m.get(kind) if kind else None
    return [(0.0, 0.0, 0.0), *([known] if known else [])]


def _fitting(places: Float[ndarray, "place 3"], kind: str | None, tolerance_m: float) -> list[str]:
    """The detectors that have sensors at all places, the smallest first."""
    sizes: dict[str, int] = {}
    places = places[:: max(len(places) // _PLACES_TO_TRY, 1)]
    for name in detector_names():
        with suppress(IcerecoError):  # a broken card of another detector is not the problem here
            other = load_detector(name)
            _, missing = _best(places, other, kind, tolerance_m)
            if not missing.any():
                sizes[name] = len(other.position_m)
    return sorted(sizes, key=lambda name: sizes[name])


def _advice(fitting: Sequence[str]) -> str:
    if not fitting:
        return (
            "no detector of icereco has them all: these events need a card of their own (icereco detectors)"
        )
    first, *more = fitting
    also = f" (and in {', '.join(more)})" if more else ""
    return (
        f"they are all in {first}{also}: say --detector {first} (data add, show, convert, prepare; doctor; reconstruct "
        f"--method), train with -o detector.use={first}, or reconstruct with a model of it"
    )
