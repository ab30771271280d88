"""The bytes of a blob as IceTray serialises objects: class information once, numbers of objects, then plain values.

What is written before an object: the first time that its class occurs in the blob, a byte that says whether objects of
the class are numbered and a byte with the version of the class; then, if they are, the number of the object.
"""

import struct
from dataclasses import dataclass, field

import numpy as np
from numpy import ndarray

__all__ = ["Archive", "BlobError", "class_of"]

_LONG = 0xFFFFFFFF
_HEAD = b"\x00\x01\x02\x00"
_BASE = "I3FrameObject"


class BlobError(Exception):
    """A blob that is damaged, or holds what is not supported."""


@dataclass(slots=True)
class Archive:
    """Reads one blob from the front.

    Attributes:
        blob: its bytes.
        name: class of the object.
        version: of that class.
        place: of the next byte.
    """

    blob: bytes
    name: str = ""
    version: int = 0
    place: int = 0
    _classes: dict[str, tuple[bool, int]] = field(default_factory=dict)
    _objects: int = 0

    def __post_init__(self) -> None:
        """Read the head: a pointer to an object of a class that is named.

        Raises:
            BlobError: it is none, or a null pointer.
        """
        if self.blob[:4] != _HEAD:
            raise BlobError("it does not begin with an object")
        self.place = 4
        self.name = self.text()
        self.version = self.begin(self.name)
        self._classes[self.name] = (True, self.version)

    def begin(self, name: str) -> int:
        """Read what comes before an object of a class, and return the version of the class.

        Raises:
            BlobError: the object is a reference to an earlier one.
        """
        known = self._classes.get(name)
        if known is None:
            tracked, version = self.number("B"), self.number("B")
            known = bool(tracked), int(self.number("Q")) if version == 255 else int(version)
            self._classes[name] = known
        if known[0]:
            number = self.number("I")
            if number != self._objects:
                raise BlobError(
                    f"object {number} of {name} is a reference to an earlier one, which is not supported"
                )
            self._objects += 1
        return known[1]

    def base(self) -> None:
        """Read the empty base class that most classes have."""
        self.begin(_BASE)

    def info(self, name: str) -> tuple[bool, int]:
        """Read the information on a class whose objects follow, without the number of the first of them.

        Returns:
            Whether objects are numbered, and the version of the class.
        """
        if name not in self._classes:
            tracked, version = self.number("B"), self.number("B")
            self._classes[name] = bool(tracked), int(version)
        return self._classes[name]

    def skip_objects(self, count: int) -> None:
        """Count numbered objects that were read without `begin`."""
        self._objects += count

    @property
    def objects(self) -> int:
        """How many numbered objects were read."""
        return self._objects

    def number(self, code: str) -> float:
        """Read a number, with the letters of `struct`."""
        return self.numbers(code)[0]

    def numbers(self, codes: str) -> tuple[float, ...]:
        """Read several numbers.

        Raises:
            BlobError: the blob ends before.
        """
        try:
            values = struct.unpack_from("<" + codes, self.blob, self.place)
        except struct.error:
            raise BlobError("it ends early") from None
        self.place += struct.calcsize("<" + codes)
        return values

    def count(self) -> int:
        """Read a length."""
        value = int(self.number("I"))
        return int(self.number("Q")) if value == _LONG else value

    def text(self) -> str:
        """Read a string."""
        return self.raw(self.count()).decode("latin-1")

    def raw(self, size: int) -> bytes:
        """Read bytes.

        Raises:
            BlobError: there are fewer.
        """
        self.place += size
        if self.place > len(self.blob):
            raise BlobError("it ends early")
        return self.blob[self.place - size : self.place]

    def array(self, kind: "np.dtype | str", count: int) -> ndarray:
        """Read numbers, or records of them, without a copy.

        Raises:
            BlobError: there are fewer.
        """
        kind = np.dtype(kind)
        start = self.place
        self.place += count * kind.itemsize
        if self.place > len(self.blob):
            raise BlobError("it ends early")
        return np.frombuffer(self.blob, kind, count, start)

    def end(self) -> None:
        """Check that everything was read.

        Raises:
            BlobError: there is more.
        """
        if self.place != len(self.blob):
            raise BlobError(f"{len(self.blob) - self.place} bytes follow the object")


def class_of(blob: bytes) -> str:
    """The class of the object in a blob; empty for none."""
    if blob[:4] != _HEAD or len(blob) < 8:
        return ""
    size = int.from_bytes(blob[4:8], "little")
    return blob[8 : 8 + size].decode("latin-1")
