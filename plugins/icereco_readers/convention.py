"""Whether the true directions of a file are where the particles came from or where they went: inferred from the light."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco.events.segments import segment_of
from icereco.physics.linefit import line_moments
from icereco.physics.sphere import direction_from_angles
from icereco.system.log import get_logger
from icereco_readers.foreign import ForeignEvents

__all__ = ["SAMPLE_EVENTS", "Convention", "Conventions", "Evidence", "gather_evidence"]

logger = get_logger(__name__)

Convention = Literal["auto", "origin", "travel"]

SAMPLE_EVENTS = 2000
"""Events that are analysed."""

_PHOTONS = 4
_ENOUGH = 2.0
_BEYOND_DOUBT = 3.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """The alignment of the light of events with their true directions.

    Attributes:
        cosines: of the angle between the direction and the motion of the light, for each event that is bright enough;
            mostly positive for directions of travel.
        way: how the motion of the light was determined, in words.
    """

    cosines: Float[ndarray, "event"]
    way: str

    @property
    def score(self) -> float:
        """Σ cos / √(Σ cos²): of unit variance if light and directions were independent."""
        total = float(np.sqrt((self.cosines**2).sum()))
        return float(self.cosines.sum()) / total if total else 0.0

    def __str__(self) -> str:
        return f"{self.way} of {len(self.cosines)} events with {_PHOTONS} photons or more, score {self.score:+.1f}"


class Conventions:
    """Decides for each file whether its angles are of origin or of travel; dim files are analysed with their neighbours.

    Args:
        wanted: "origin" or "travel", or "auto": inferred from the light.
        sample: returns the first events of a file with the angles as stored; None if it has no events.
    """

    def __init__(self, wanted: Convention, sample: Callable[[Path], ForeignEvents | None]) -> None:
        self._wanted = wanted
        self._sample = sample
        self._signs: dict[Path, int] = {}

    def sign(self, file: Path, beside: Sequence[Path]) -> int:
        """Return 1 if the angles of a file are of the origin, -1 if they are of travel, 0 if the light is not conclusive.

        What it finds is logged.

        Args:
            file: the file.
            beside: all files that were made together, including this one, always in the same order.
        """
        if self._wanted != "auto":
            return 1 if self._wanted == "origin" else -1
        if file not in self._signs:
            self._signs[file] = self._decide(file, beside)
        return self._signs[file]

    def _decide(self, file: Path, beside: Sequence[Path]) -> int:
        """Decide from the file's own light where that is conclusive, else from that of all files."""
        own = self._evidence([file])
        if own is None:
            return 1
        evidence = own if abs(own.score) >= _BEYOND_DOUBT else self._evidence(beside) or own
        if abs(evidence.score) < _ENOUGH or (own.score * evidence.score < 0 and abs(own.score) >= _ENOUGH):
            in_all_files = f"; {evidence} in all files" if evidence is not own else ""
            logger.warning(
                "%s: cannot determine whether its true directions are where the particles came from or where they went "
                "(%s%s; %g is needed), so that they are left out; set the reader's option direction=origin or "
                "direction=travel",
                file,
                own,
                in_all_files,
                _ENOUGH,
            )
            return 0
        travel = evidence.score > 0
        level = (
            logging.DEBUG if self._signs else logging.INFO
        )  # of hundreds of files only the first is reported
        logger.log(
            level, "%s: takes true directions as of %s: %s", file, "travel" if travel else "origin", evidence
        )
        return -1 if travel else 1

    def _evidence(self, files: Sequence[Path]) -> Evidence | None:
        """Collect evidence from the first events of files; None if they have no true directions."""
        parts: list[Evidence] = []
        for file in files:
            sample = self._of(file, required=len(files) == 1)
            if sample is not None and {"azimuth", "zenith"} <= sample.truth.keys():
                parts.append(gather_evidence(sample))
            if sum(len(one.cosines) for one in parts) >= SAMPLE_EVENTS:
                break
        return Evidence(np.concatenate([one.cosines for one in parts]), parts[0].way) if parts else None

    def _of(self, file: Path, *, required: bool) -> ForeignEvents | None:
        try:
            return self._sample(file)
        except Exception:  # damage of another file is reported when that is read
            if required:
                raise
            return None


def gather_evidence(events: ForeignEvents) -> Evidence:
    """Compare light with the true directions: as seen from the vertex where that is known, else by a line fit."""
    angles = [np.asarray(events.truth[name], np.float64) for name in ("azimuth", "zenith")]
    direction = direction_from_angles(*angles)
    names = [f"vertex_{axis}" for axis in "xyz"]
    known = set(names) <= events.truth.keys()
    way = _from_vertex(events, names) if known else _swept(events)
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine = (way * direction).sum(axis=1) / np.linalg.norm(way, axis=1)
    bright = np.isfinite(cosine) & (np.diff(events.offsets) >= _PHOTONS)
    return Evidence(cosine[bright], "light seen from the vertex" if known else "velocity of a line fit")


def _from_vertex(events: ForeignEvents, names: list[str]) -> Float[ndarray, "event 3"]:
    """Return vectors from the vertex to the mean position of the photons."""
    vertex = np.stack([np.asarray(events.truth[name], np.float64) for name in names], axis=1)
    return _mean(events, events.place_m) - vertex


def _swept(events: ForeignEvents) -> Float[ndarray, "event 3"]:
    """Return velocities of straight lines through positions and times."""
    event = segment_of(events.offsets)
    time = events.pulses["time"][:, None]
    return line_moments(events.place_m, time, event, partial(_mean, events)).covariance


def _mean(events: ForeignEvents, values: ndarray) -> ndarray:
    """Return the mean over the pulses of each event; NaN where there are none."""
    if values.ndim > 1:
        return np.stack([_mean(events, column) for column in values.T], axis=1)
    counts = np.diff(events.offsets)
    event = segment_of(events.offsets)
    with np.errstate(invalid="ignore"):
        mean: ndarray = np.bincount(event, values, minlength=len(counts)) / counts
    return mean
