"""What a frame sees: its own keys, and those of the last frame of every other stream; and its pulses, however they are stored."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from icereco_icetray.archive import Archive, BlobError, class_of
from icereco_icetray.frames import Frame
from icereco_icetray.masks import read_mask
from icereco_icetray.pulses import PulseMap, read_pulse_map, union
from icereco_icetray.superdst import read_superdst

__all__ = ["PULSE_CLASSES", "Mixed", "Mixer"]

_NEVER_PARENTS = "PI"
_READERS = {"I3RecoPulseSeriesMap": read_pulse_map, "I3SuperDST": read_superdst}
_MASK, _UNION = "I3RecoPulseSeriesMapMask", "I3RecoPulseSeriesMapUnion"
PULSE_CLASSES = (*_READERS, _MASK, _UNION)
"""The classes whose objects are pulses."""
_DEEPEST = 32


@dataclass(frozen=True, slots=True, eq=False)
class Mixed:
    """A frame with its parents.

    Attributes:
        own: the frame itself.
        parents: the last frame of every other stream, in the order in which the streams began.
    """

    own: Frame
    parents: tuple[Frame, ...]

    def owner(self, key: str) -> Frame | None:
        """The frame that has a key: this one before its parents."""
        return next((frame for frame in (self.own, *self.parents) if key in frame.slots), None)

    def get(self, key: str) -> bytes | None:
        """The blob of a key; None if no frame has it."""
        frame = self.owner(key)
        return None if frame is None else frame.blob(key)

    def keys_of(self, classes: Iterable[str]) -> list[str]:
        """The visible keys of objects of some classes, in order."""
        keys = (key for frame in (self.own, *self.parents) for key in frame.slots)
        return sorted({key for key in keys if class_of(self.get(key) or b"") in classes})

    def pulses(self, key: str) -> PulseMap:
        """The pulses of a key, through masks and unions. Those of a parent are kept for its other children.

        Raises:
            BlobError: it, or what it refers to, is missing, damaged or not supported.
        """
        return self._pulses(key, _DEEPEST)

    def _pulses(self, key: str, depth: int) -> PulseMap:
        frame = self.owner(key)
        if frame is None:
            raise BlobError(f"there is no {key!r}")
        if not depth:
            raise BlobError(f"{key!r} refers to itself")
        kept = frame.cache.get(key)
        if not isinstance(kept, PulseMap):
            kept = self._read(key, frame.blob(key), depth)
            frame.cache[key] = kept
        return kept

    def _read(self, key: str, blob: bytes, depth: int) -> PulseMap:
        name = class_of(blob)
        try:
            if name == _MASK:
                mask = read_mask(blob)
                return mask.apply(self._pulses(mask.source, depth - 1))
            if name == _UNION:
                return union([self._pulses(source, depth - 1) for source in _sources(blob)])
            if name in _READERS:
                return _READERS[name](blob)
        except BlobError as error:
            raise BlobError(f"{key}: {error}") from None
        raise BlobError(
            f"{key} is an {name or 'unknown object'}, which is not supported; {', '.join(PULSE_CLASSES)} are"
        )


def _sources(blob: bytes) -> list[str]:
    archive = Archive(blob)
    archive.base()
    archive.info("vector")
    sources = [archive.text() for _ in range(archive.count())]
    if not sources:
        raise BlobError("it is a union of nothing")
    return sources


@dataclass(slots=True)
class Mixer:
    """Gives each frame its parents."""

    _last: dict[str, Frame] = field(default_factory=dict)

    def mix(self, frames: Iterable[Frame]) -> Iterator[Mixed]:
        """Yield each frame with its parents."""
        for frame in frames:
            yield Mixed(frame, tuple(one for stream, one in self._last.items() if stream != frame.stream))
            if frame.stream not in _NEVER_PARENTS:
                self._last[frame.stream] = frame
