"""Detector files of KM3NeT: text (.detx, versions 1 to 5) and binary (.datx).

A file lists modules, each with its number, string and floor, and the photomultipliers in it. A module lies at the mean of its
photomultipliers, as in the cards that ship with icereco; one without any, at the foot of a string, is left out.
"""

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from icereco.detector.modules import Modules, by_string_and_height
from icereco.errors import IcerecoError

__all__ = ["COMMENT", "read_datx", "read_detx"]

COMMENT = b"####"
"""Begins each comment of a .datx file, and so the file, as comments say which program made it."""

_BEFORE_COUNT = 3
"""Lines of version 2 and later before the number of modules: identity, validity, origin."""

_FARTHEST_M = 100_000.0
_WORDS_OF_PLACE = 4
"""Number and place of a photomultiplier, which its direction and times follow."""

_VERSION = b"V5"
"""Of .datx; in others a module has other numbers."""

_Module = tuple[int, int, list[list[float]]]
"""Number of a module, its string, and the places of its photomultipliers."""


def read_detx(path: Path) -> Modules:
    """Read a detector file of text.

    Raises:
        IcerecoError: it cannot be read, is not of this format, or ends before its last module.
    """
    lines = _lines(path)
    line = 1
    modules: list[_Module] = []
    try:
        for number, words, places in _modules(lines):
            line = number
            modules.append((int(words[0]), int(words[1]), places))
    except (ValueError, IndexError) as error:
        raise IcerecoError(
            f"{path}: is not a detector file of KM3NeT, or ends too early: line {line} and those after it do not list a "
            f"module and its photomultipliers ({error})"
        ) from error
    return _placed(modules, path)


def read_datx(path: Path) -> Modules:
    """Read a binary detector file, version 5: little-endian, with the length of each text before it.

    Raises:
        IcerecoError: it cannot be read, is of a version that is not supported, or ends before its last module.
    """
    content = _Bytes(path.read_bytes())
    try:
        while content.begins_with(COMMENT):
            content.text()
        (_identity,), version = content.numbers("i"), content.text()
        if version != _VERSION:
            raise IcerecoError(
                f"{path}: version {version.decode(errors='replace')[:20]!r} of KM3NeT's .datx is not supported, only V5 is; "
                "write it as .detx with KM3NeT's JConvertDetectorFormat"
            )
        content.numbers("dd")  # validity
        for _ in range(3):
            content.text()  # of the geodetic system: UTM, WGS84, zone
        _easting, _northing, _height, count = content.numbers("dddi")
        modules = list(_binary_modules(content, int(count)))
    except struct.error:
        raise IcerecoError(
            f"{path}: is not a binary detector file of KM3NeT, or ends too early, at byte {content.at:,}; copy it again"
        ) from None
    return _placed(modules, path)


def _placed(modules: Iterable[_Module], path: Path) -> Modules:
    """The modules at the means of their photomultipliers."""
    rows = [(number, string, np.mean(places, axis=0)) for number, string, places in modules if places]
    if not rows:
        raise IcerecoError(f"{path}: has no module with photomultipliers")
    for number, _, place in rows:
        if not (np.abs(place) < _FARTHEST_M).all():
            raise IcerecoError(
                f"{path}: module {number} is at {', '.join(f'{part:g}' for part in place)}; places must be in m, from an origin near "
                "the detector"
            )
    return by_string_and_height(*zip(*rows, strict=True))


def _lines(path: Path) -> list[tuple[int, list[str]]]:
    """Number and words of each line that is no comment."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise IcerecoError(
            f"{path}: is not text; write the detector as .detx with KM3NeT's JConvertDetectorFormat"
        ) from error
    lines = enumerate(text.splitlines(), start=1)
    return [(number, line.split()) for number, line in lines if line.strip() and not line.startswith("#")]


def _modules(lines: list[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str], list[list[float]]]]:
    """Yield line number, words and places of photomultipliers of each module; ValueError or IndexError where lines are missing."""
    later = lines[0][1][1].lower().startswith("v")
    first = _BEFORE_COUNT if later else 0
    count, at = int(lines[first][1][-1]), first + 1
    for _ in range(count):
        number, words = lines[at]
        photomultipliers = lines[at + 1 : at + 1 + int(words[-1])]
        if len(photomultipliers) < int(words[-1]):
            raise IndexError("the last photomultipliers are missing")
        if any(len(line) < _WORDS_OF_PLACE for _, line in photomultipliers):
            raise IndexError("a photomultiplier lacks its place")
        yield number, words, [[float(word) for word in line[1:4]] for _, line in photomultipliers]
        at += 1 + len(photomultipliers)


class _Bytes:
    """Bytes that are read from the beginning; struct.error where they end too early."""

    def __init__(self, content: bytes) -> None:
        self._content, self.at = content, 0

    def begins_with(self, marker: bytes) -> bool:
        """Whether the marker comes next, which is then left behind."""
        there = self._content.startswith(marker, self.at)
        self.at += len(marker) * there
        return there

    def numbers(self, form: str) -> tuple[float, ...]:
        values = struct.unpack_from(f"<{form}", self._content, self.at)
        self.at += struct.calcsize(f"<{form}")
        return values

    def text(self) -> bytes:
        (length,) = self.numbers("i")
        (text,) = struct.unpack_from(f"<{max(int(length), 0)}s", self._content, self.at)
        self.at += len(text)
        return bytes(text)


def _binary_modules(content: _Bytes, count: int) -> Iterator[_Module]:
    for _ in range(count):
        number, string, _floor = content.numbers("iii")
        *_, photomultipliers = content.numbers("3d4ddii")  # position, rotation, time, status
        # a photomultiplier's number, place, direction, time, status
        places = [list(content.numbers("i3d3ddi")[1:4]) for _ in range(int(photomultipliers))]
        yield int(number), int(string), places
