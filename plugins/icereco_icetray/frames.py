"""Frames of a file, one after the other: what is in them is found, and read only when it is asked for.

A file is nothing but frames. A frame has a stream, one letter, and slots, each with a key, the name of a type, and a
blob; see the serialisation of `icetray` (icecube/icetray-public, BSD-2-Clause).
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from icereco.errors import IcerecoError
from icereco_icetray.alerts import alert_chunks, is_alert
from icereco_icetray.compression import CutError, read_chunks

__all__ = ["Frame", "frames_of", "read_frames"]

_TAG = b"[i3]"
_VERSIONS = (5, 6)
_HEAD = 15
_LONG = 0xFFFFFFFF
_LONGEST_NAME = 1 << 16
_LARGEST_FRAME = 1 << 31
_u32 = struct.Struct("<I").unpack_from
_u64 = struct.Struct("<Q").unpack_from


@dataclass(slots=True, eq=False)
class Frame:
    """A frame whose blobs are not read yet.

    Attributes:
        number: of the frame in its file, from 0.
        stream: its letter, such as "P".
        version: of the layout, 5 or 6.
        data: bytes that hold the frame, from `start` to `stop`.
        slots: by key, where the blob begins and ends in `data`.
        cache: objects that were read from the blobs, by key.
    """

    number: int
    stream: str
    version: int
    data: bytes
    start: int
    stop: int
    slots: Mapping[str, tuple[int, int]]
    cache: dict[str, object] = field(default_factory=dict)

    def blob(self, key: str) -> bytes:
        """Return the blob of a key."""
        start, stop = self.slots[key]
        return self.data[start:stop]

    @property
    def raw(self) -> bytes:
        """The whole frame as it is in the file."""
        return self.data[self.start : self.stop]

    @property
    def checksum(self) -> int:
        """As it is stored, of the layout's own kind."""
        return int(_u32(self.data, self.stop - 4)[0])

    @property
    def covered(self) -> bytes:
        """What the checksum is of: from the letter of the stream to the last blob."""
        return self.data[self.start + 10 : self.stop - 4]


class _DamagedError(Exception):
    """These bytes are no frame."""


class _OtherFormatError(Exception):
    """The first bytes are not those of a frame that can be read."""


class _ShortError(Exception):
    """The bytes end within the frame, which goes on at least to `args[0]`."""


def read_frames(path: Path) -> Iterator[Frame]:
    """Yield the frames of a file, or of an alert, in order. Memory does not grow with their number.

    Raises:
        IcerecoError: the file is cut or damaged, after its last whole frame; or is older than frames of version 5.
    """
    return frames_of(alert_chunks(path) if is_alert(path) else read_chunks(path), path)


def frames_of(chunks: Iterator[bytes], path: Path) -> Iterator[Frame]:
    """Yield the frames of the bytes of a file, as `read_frames`."""
    data, place, number = b"", 0, 0
    while True:
        try:
            frame = _frame(data, place, number)
        except _ShortError as short:
            data, place, needed = data[place:], 0, short.args[0] - place
            more = _more(chunks, needed - len(data), path, number)
            if not more and not data:
                return
            if not more:
                raise IcerecoError(f"{path}: ends within frame {number}, {_whole(number)}") from None
            data += more
        except _DamagedError as error:
            raise IcerecoError(f"{path}: {error}, {_whole(number)}") from None
        except _OtherFormatError as error:
            raise IcerecoError(f"{path}: {error}") from None
        else:
            yield frame
            place, number = frame.stop, number + 1


def _whole(number: int) -> str:
    return f"after {number} whole frames: it was truncated or damaged; copy it again, or read what is whole with --skip-bad"


def _more(chunks: Iterator[bytes], needed: int, path: Path, number: int) -> bytes:
    """Read at least one chunk and `needed` bytes; fewer at the end of the file."""
    if needed > _LARGEST_FRAME:
        raise IcerecoError(
            f"{path}: frame {number} claims to be larger than {_LARGEST_FRAME >> 30} GiB, {_whole(number)}"
        )
    read: list[bytes] = []
    try:
        for chunk in chunks:
            read.append(chunk)
            needed -= len(chunk)
            if needed <= 0:
                break
    except CutError as error:
        raise IcerecoError(f"{path}: cannot be decompressed to its end ({error}), {_whole(number)}") from None
    return b"".join(read)


def _frame(data: bytes, start: int, number: int) -> Frame:
    if len(data) < start + _HEAD:
        if len(data) >= start + 8:
            _require_tag(data, start, number)
        raise _ShortError(start + _HEAD)
    version = _require_tag(data, start, number)
    slots, end = _slots(data, start + _HEAD, _u32(data, start + 11)[0], number)
    return Frame(number, chr(data[start + 10]), version, data, start, end + 4, slots)


def _require_tag(data: bytes, start: int, number: int) -> int:
    version: int = _u32(data, start + 4)[0]
    if data[start : start + 4] == _TAG and version in _VERSIONS:
        return version
    if number:
        raise _DamagedError(f"frame {number} does not begin like a frame")
    if data[start : start + 4] != _TAG:
        version = _u32(data, start)[0]
    if 0 < version < _VERSIONS[0]:
        raise _OtherFormatError(
            f"has frames of version {version}, from before 2009; versions 5 and 6 are read: write it again with IceTray"
        )
    raise _OtherFormatError("is not an .i3 file: it does not begin with a frame")


def _slots(data: bytes, place: int, count: int, number: int) -> tuple[dict[str, tuple[int, int]], int]:
    """Where each blob is, and where the last one ends. The loop is what reading a file costs most often."""
    slots = {}
    try:
        for _ in range(count):
            size = _u32(data, place)[0]
            start = place + 4
            place = start + size
            key = data[start:place]
            named = _u32(data, place)[0]
            place += 4 + named
            if size > _LONGEST_NAME or named > _LONGEST_NAME:
                raise _DamagedError(f"frame {number} has a key of {max(size, named)} letters")
            length = _u32(data, place)[0]
            place += 4
            if length == _LONG:
                length = _u64(data, place)[0]
                place += 8
            slots[key.decode("latin-1")] = place, place + length
            place += length
    except struct.error:
        raise _ShortError(place + 4) from None
    if place + 4 > len(data):
        raise _ShortError(place + 4)
    return slots, place
