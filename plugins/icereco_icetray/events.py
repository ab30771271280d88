"""The sub-events of a file: which frames P are events, and what is in each of them."""

import struct
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from icereco.errors import IcerecoError, did_you_mean
from icereco_icetray.archive import BlobError
from icereco_icetray.frames import Frame
from icereco_icetray.mixing import PULSE_CLASSES, Mixed, Mixer
from icereco_icetray.objects import EventHeader, read_header
from icereco_icetray.pulses import PulseMap
from icereco_icetray.truth import Simulated, official_fits, simulated

__all__ = ["SubEvent", "SubEvents", "read_sub_event"]

_DEFAULTS = (
    "SplitInIcePulses",
    "SplitInIceDSTPulses",
    "SplitUncleanedInIcePulses",
    "HVInIcePulses",
    "InIcePulses",
    "InIceDSTPulses",
)
"""Whole readouts of a sub-event with their noise, as of Kaggle's events; later ones where there is no split."""
_STREAMS_LEFT_OUT = ("NullSplit", "IceTopSplit")
_HEADER = "I3EventHeader"
_FRAMES_LISTED = 20
_DAMAGE = (BlobError, ValueError, IndexError, OverflowError, MemoryError, struct.error)
"""What a damaged blob raises."""


@dataclass(frozen=True, slots=True, eq=False)
class SubEvent:
    """What is read of a sub-event.

    Attributes:
        frame: number of its frame in the file.
        header: what identifies it.
        pulses: of all its modules, also of IceTop.
        truth: None for real events.
        fits: azimuth and zenith of the official fits by key, rad.
    """

    frame: int
    header: EventHeader
    pulses: PulseMap
    truth: Simulated | None
    fits: dict[str, tuple[float, float]]


@dataclass(slots=True)
class SubEvents:
    """Finds the sub-events of one file, and counts the others.

    Attributes:
        file: for messages.
        key: of the pulses; None until the first of the default ones is seen.
        left_out: frames P of streams that hold no event of the deep ice, by stream.
        without_pulses: frames P that lack the key of the pulses.
        events: frames P that are events.
        geometry: the frame with the geometry before the first event, if the file has one.
    """

    file: Path
    key: str | None
    left_out: Counter[str] = field(default_factory=Counter)
    without_pulses: int = 0
    events: int = 0
    geometry: Frame | None = None
    _frames_of: Counter[str] = field(default_factory=Counter)
    _pulses_of: Counter[str] = field(default_factory=Counter)

    def find(self, frames: Iterable[Frame]) -> Iterator[tuple[Mixed, EventHeader]]:
        """Yield the frames P that are events, each with its parents, and their headers; no pulse is read.

        Raises:
            IcerecoError: the file is damaged, or none of its sub-events has the pulses; lists what there is instead.
        """
        for frame in Mixer().mix(frames):
            if frame.own.stream == "G" and not self.events:
                self.geometry = frame.own
            header = self.header(frame)
            if header is not None:
                yield frame, header
        if self.without_pulses and not self.events:
            raise self._nothing_to_read()

    def header(self, frame: Mixed) -> EventHeader | None:
        """The header of a frame that is an event with pulses; None for any other."""
        if frame.own.stream != "P":
            return None
        if _HEADER not in frame.own.slots:
            self.left_out[f"without {_HEADER}"] += 1
            return None
        with _explaining(self.file, frame, _HEADER):
            header = read_header(frame.own.blob(_HEADER))
        if header.stream in _STREAMS_LEFT_OUT:
            self.left_out[header.stream] += 1
            return None
        if self.key is None:
            self.key = next((key for key in _DEFAULTS if frame.owner(key) is not None), None)
        if self.key is None or frame.owner(self.key) is None:
            self._count_missing(frame)
            return None
        self.events += 1
        return header

    def _count_missing(self, frame: Mixed) -> None:
        self.without_pulses += 1
        if self.without_pulses <= _FRAMES_LISTED:
            for key in frame.keys_of(PULSE_CLASSES):
                with suppress(*_DAMAGE):
                    self._pulses_of[key] += len(frame.pulses(key))
                    self._frames_of[key] += 1

    def _nothing_to_read(self) -> IcerecoError:
        wanted = repr(self.key) if self.key else f"any of {', '.join(_DEFAULTS)}"
        listed = ", ".join(
            f"{key} ({pulses} pulses in {self._frames_of[key]} sub-events)"
            for key, pulses in sorted(self._pulses_of.items())
        )
        hint = did_you_mean(self.key, list(self._pulses_of)) if self.key else ""
        advice = (
            f"choose others with --reader icetray:pulses=NAME; it has: {listed}"
            if listed
            else "nor any others"
        )
        return IcerecoError(
            f"{self.file}: none of its {self.without_pulses} sub-events has the pulses {wanted}; {advice}{hint}"
        )


def read_sub_event(frame: Mixed, header: EventHeader, key: str, fits: str, file: Path) -> SubEvent:
    """Read what is needed of a sub-event.

    Args:
        frame: the sub-event.
        header: what identifies it.
        key: of the pulses.
        fits: which official fits (`icereco_icetray.truth.official_fits`).
        file: for messages.

    Raises:
        IcerecoError: an object in it is damaged or not supported; names file, frame and key.
    """
    with _explaining(file, frame, key):
        pulses = frame.pulses(key)
    with _explaining(file, frame, "the truth"):
        truth = simulated(frame)
    return SubEvent(frame.own.number, header, pulses, truth, official_fits(frame, fits))


class _explaining:  # noqa: N801 -- reads as the context manager that it is; a generator costs more for each event
    """Turns what a damaged blob raises into one message."""

    def __init__(self, file: Path, frame: Mixed, what: str) -> None:
        self._place = file, frame.own.number, what

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, _DAMAGE):
            file, number, what = self._place
            raise IcerecoError(f"{file}: frame {number}, {what}: cannot be read: {error}") from None
