"""Detector files of KM3NeT (.detx, versions 1 to 5) as detector cards.

A file lists modules, each with its number, string and floor, and the photomultipliers in it. A module lies at the mean of its
photomultipliers, as in the cards that ship with icereco; one without any, at the foot of a string, is left out.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from icereco.detector.cards import CARD, find_card
from icereco.errors import IcerecoError
from icereco.system.documents import parse_toml
from icereco.system.files import write_text

__all__ = ["Modules", "read_detx", "write_card"]

_BEFORE_COUNT = 3
"""Lines of version 2 and later before the number of modules: identity, validity, origin."""


class Modules(NamedTuple):
    """Modules of a detector file, by string and height.

    Attributes:
        dom_id: number of each module in KM3NeT's files.
        string: its string.
        om: its number on the string, from 1 at the bottom.
        position_m: in the coordinates of the file.
    """

    dom_id: Int[ndarray, "sensor"]
    string: Int[ndarray, "sensor"]
    om: Int[ndarray, "sensor"]
    position_m: Float[ndarray, "sensor 3"]


def read_detx(path: Path) -> Modules:
    """Read a detector file.

    Raises:
        IcerecoError: it cannot be read, is not of this format, or ends before its last module.
    """
    lines = _lines(path)
    line = 1
    try:
        modules = []
        for number, words, places in _modules(lines):
            line = number
            if places:
                modules.append((int(words[0]), int(words[1]), np.mean(places, axis=0)))
    except (ValueError, IndexError) as error:
        raise IcerecoError(
            f"{path}: is not a detector file of KM3NeT, or ends too early: line {line} and those after it do not list a "
            f"module and its photomultipliers ({error})"
        ) from error
    if not modules:
        raise IcerecoError(f"{path}: has no module with photomultipliers")
    return _sorted(*zip(*modules, strict=True))


def write_card(modules: Modules, name: str, like: str, file: Path, folder: Path) -> None:
    """Write a card whose origin is the mean of the modules.

    Args:
        modules: of the detector.
        name: of the card.
        like: a card whose medium is taken.
        file: that the modules were read from.
        folder: that the card is written to.

    Raises:
        IcerecoError: there is no card `like`, or the folder cannot be written to.
    """
    medium = _medium(like)
    origin = modules.position_m.mean(axis=0).round(3)
    rows = zip(modules.string, modules.om, modules.position_m - origin, modules.dom_id, strict=True)
    table = "".join(
        f"{string},{om},{place[0]:.3f},{place[1]:.3f},{place[2]:.3f},{dom_id}\n"
        for string, om, place, dom_id in rows
    )
    write_text(folder / "sensors.csv", "string,om,x_m,y_m,z_m,dom_id\n" + table)
    write_text(folder / CARD, _toml(name, origin.tolist(), medium, like, file))


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
        yield number, words, [[float(word) for word in line[1:4]] for _, line in photomultipliers]
        at += 1 + len(photomultipliers)


def _sorted(dom_id: tuple[int, ...], string: tuple[int, ...], place: tuple[Any, ...]) -> Modules:
    position = np.stack(place)
    order = np.lexsort((position[:, 2], np.array(string)))
    strings = np.array(string)[order]
    starts = np.searchsorted(strings, strings)  # where the string of each module begins
    return Modules(np.array(dom_id)[order], strings, np.arange(len(order)) - starts + 1, position[order])


def _medium(like: str) -> dict[str, Any]:
    """The medium of a card, without tables of layers, which are files of its own folder."""
    card = find_card(like)
    medium: dict[str, Any] = parse_toml(card.path.read_text(encoding="utf-8")).get("medium", {})
    if not medium or any(isinstance(value, str) and value.endswith(".csv") for value in medium.values()):
        raise IcerecoError(
            f"the medium of {like} has layers that belong to its place; give a detector in water, such as km3net-orca6"
        )
    return medium


def _toml(name: str, origin: list[float], medium: dict[str, Any], like: str, file: Path) -> str:
    entries = "\n".join(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in medium.items())
    return f"""name = {json.dumps(name)}
summary = {json.dumps(f"KM3NeT modules of {file.name}, in the medium of {like}", ensure_ascii=False)}
sensors = "sensors.csv"
origin = "mean of the modules; z up"

[file_origins_m]
km3net = {json.dumps(origin)}

[medium]
{entries}

[source]
sensors = {json.dumps(f"means of the photomultipliers of each module in {file.name}", ensure_ascii=False)}
medium = {json.dumps(f"that of the card {like}")}
"""
