"""KM3NeT's detector files (`.detx`, versions 1 to 5): the number, string, floor and place of each module.

The format is that of https://wiki.km3net.de/Dataformats#Detector_Description_.28.detx_.26_.datx.29: a line for each module, which
ends with the number of its photomultipliers, and a line for each of these. Since version 4 the line of the module has its place.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from icereco.errors import IcerecoError

__all__ = ["Modules", "read_detx"]

_WITH_PLACE = 12
"""Values in the line of a module since version 4, at least."""

Line = tuple[int, list[str]]


@dataclass(frozen=True, slots=True, eq=False)
class Modules:
    """The optical modules of a detector; those without photomultipliers, at the foot of a string, are left out.

    Attributes:
        dom_id: int64 `[S]`.
        string: int32 `[S]`.
        floor: int32 `[S]`, from 1 at the foot.
        position_m: float64 `[S, 3]`, in the coordinates of the file: of the module, or the mean of its photomultipliers.
    """

    dom_id: Int[ndarray, "sensor"]
    string: Int[ndarray, "sensor"]
    floor: Int[ndarray, "sensor"]
    position_m: Float[ndarray, "sensor 3"]


def read_detx(path: Path) -> Modules:
    """Read a detector file.

    Raises:
        IcerecoError: a line is not what it should be; names it.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise IcerecoError(f"{path}: cannot be read as a detector file of KM3NeT: {error}") from None
    lines = [
        (number, line.split())
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    modules = list(_modules(_body(lines), path))
    if not modules:
        raise IcerecoError(f"{path}: holds no module with photomultipliers; is it a detector file of KM3NeT?")
    numbers, places = zip(*modules, strict=True)
    dom_id, string, floor = np.array(numbers, np.int64).T
    return Modules(dom_id, string.astype(np.int32), floor.astype(np.int32), np.array(places))


def _body(lines: list[Line]) -> list[Line]:
    """The lines of modules: in version 1 after one line, else after those of version, validity, place and number of modules."""
    versioned = bool(lines) and len(lines[0][1]) > 1 and lines[0][1][1].lower().startswith("v")
    return lines[4 if versioned else 1 :]


def _modules(lines: list[Line], path: Path) -> Iterator[tuple[list[int], Float[ndarray, "3"]]]:
    at = 0
    while at < len(lines):
        number, values = lines[at]
        try:
            identity, tubes = [int(value) for value in values[:3]], int(values[-1])
            of_tubes = [line[1:4] for _, line in lines[at + 1 : at + 1 + tubes]]
            place = values[3:6] if len(values) >= _WITH_PLACE else None
            places = np.array(of_tubes if place is None else [place], np.float64).reshape(-1, 3)
        except ValueError as error:
            raise IcerecoError(f"{path}:{number}: is not the line of a module: {error}") from None
        if len(of_tubes) < tubes:
            raise IcerecoError(
                f"{path}:{number}: {tubes} photomultipliers follow, but the file ends before; copy it again"
            )
        if tubes:
            yield identity, places.mean(axis=0)
        at += 1 + tubes
