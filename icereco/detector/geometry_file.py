"""Geometry files as detectors: recognised by what is in them, with the medium that they name or that of a card.

`FILE:like=CARD` names the card whose medium and site are taken; else the medium is what the file says, or follows from where the
modules are, and the site is unknown.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco.detector.cards import detector_names
from icereco.detector.detx import COMMENT, read_datx, read_detx
from icereco.detector.module_table import (
    GEOFILE_NAMES,
    TextTable,
    read_module_table,
    read_text,
    text_table,
)
from icereco.detector.modules import Modules
from icereco.errors import IcerecoError
from icereco.system.log import get_logger

logger = get_logger(__name__)

__all__ = ["Geometry", "geometry_path", "is_geometry_file", "read_geometry"]

_LIKE = ":like="
_CARDS = {"ice": "icecube86", "water": "km3net-arca115"}
"""The card whose medium is taken for each kind of medium."""
_ICE_M, _DEEP_ICE_M = (-840.0, 850.0), (-2790.0, -1098.0)
"""Heights of the ice that IceCube's card describes, in its coordinates and from the surface."""

_METADATA, _MODULES = "### Metadata ###", "### Modules ###"
"""Lines of Prometheus' geofiles (Harvard-Neutrino/prometheus, prometheus/utils/geo_utils.py)."""

_TANKS = range(61, 65)
_ABOVE_ICE_M = 1000.0
"""Numbers of the modules in IceTop's tanks, and how far they are above the middle of the array at the least."""


@dataclass(frozen=True, slots=True, eq=False)
class Geometry:
    """What a geometry file says of a detector.

    Attributes:
        path: the file.
        modules: in its coordinates.
        what: what kind of file it is.
        events: kind of the files of events that have its coordinates; None if any may have.
        medium: "ice" or "water", as the file says; None if it does not.
        like: the card whose medium and site are wanted; empty if none is named.
        without_tanks: how many modules of IceTop were left out.
    """

    path: Path
    modules: Modules
    what: str
    events: str | None
    medium: str | None
    like: str = ""
    without_tanks: int = 0

    @property
    def card(self) -> str:
        """The card whose medium is taken: that which is named, or one of the file's medium, or of what is usual at this depth."""
        return self.like or _CARDS[self.medium or self._usual_medium]

    @property
    def _usual_medium(self) -> str:
        """Ice where the middle module is as deep as the ice of the South Pole that is known; else, or by KM3NeT's numbers, water."""
        middle = float(np.median(self.modules.position_m[:, 2]))
        in_ice = any(low <= middle <= high for low, high in (_ICE_M, _DEEP_ICE_M))
        return "ice" if in_ice and self.modules.dom_id is None else "water"

    @property
    def origin_m(self) -> Float[ndarray, "3"]:
        """Where the detector's origin lies in the file: at the mean of the modules where events are of a known kind, else at its own."""
        mean: ndarray = self.modules.position_m.mean(axis=0)
        return mean.round(3) if self.events else np.zeros(3)

    @property
    def texts(self) -> dict[str, str]:
        """What a card says in words, by its entries: summary, origin, and the sources of sensors and medium."""
        return {
            "summary": f"the modules of {self.path.name}, {self.what}, in the medium of {self.card}",
            "origin": "mean of the modules; z up" if self.events else f"that of {self.path.name}; z up",
            "source.sensors": f"the modules of {self.path.name}",
            "source.medium": f"that of the card {self.card}",
            "source.site": f"that of the card {self.card}",
        }

    def report(self) -> None:
        """Say what was not in the file: the medium, unless it was named, and that modules were left out."""
        if not self.like:
            said = f"names {self.medium}" if self.medium else "names no medium"
            logger.info(
                "%s: %s; the medium is that of the card %s; for another: %s%sCARD",
                *(self.path, said, self.card, self.path, _LIKE),
            )
        if self.without_tanks:
            logger.info("%s: %d modules in the tanks of IceTop were left out", self.path, self.without_tanks)


def geometry_path(name: str | Path) -> Path:
    """The file of `FILE` or `FILE:like=CARD`."""
    return Path(str(name).rpartition(_LIKE)[0] or name)


def is_geometry_file(name: str | Path) -> bool:
    """Return whether a detector is named by a file; the names of cards go before files of the same name."""
    return geometry_path(name).is_file() and str(name) not in detector_names()


def read_geometry(name: str | Path) -> Geometry:
    """Read a geometry file.

    Raises:
        IcerecoError: it is none, or a part of it is wrong (with its line); says which files are known.
    """
    path = geometry_path(name)
    try:
        modules, what, events, medium = _read(path)
    except OSError as error:
        raise IcerecoError(f"{path}: cannot be read: {error.strerror}") from None
    like = str(name).rpartition(_LIKE)[2] if _LIKE in str(name) else ""
    tanks = _tanks(modules)
    return Geometry(
        path,
        _without(modules, tanks) if tanks.any() else modules,
        what,
        events,
        medium,
        like,
        int(tanks.sum()),
    )


def _read(path: Path) -> tuple[Modules, str, str | None, str | None]:
    """The modules, what the file is, the kind of its events, and its medium."""
    with path.open("rb") as opened:
        begin = opened.read(8)
    binary = begin.startswith(COMMENT) and b"\0" in begin
    if binary or path.suffix == ".datx":
        return read_datx(path), "KM3NeT's detector file", "km3net", "water"
    if path.suffix == ".detx":
        return read_detx(path), "KM3NeT's detector file", "km3net", "water"
    if begin.startswith(_MODULES[:8].encode()) or path.suffix == ".geo":
        modules, medium = _geofile(path)
        return modules, "Prometheus' geofile", "prometheus", medium
    return read_module_table(path), "a table of modules", None, None


def _geofile(path: Path) -> tuple[Modules, str | None]:
    """The modules and the medium of Prometheus' geofile."""
    lines = [line.strip() for line in read_text(path).splitlines()]
    if _MODULES not in lines:
        raise IcerecoError(
            f"{path}: is no geofile of Prometheus: it has no line {_MODULES!r}; a table of modules without it is read by "
            "another name, such as .csv or .txt"
        )
    first = lines.index(_MODULES) + 1
    facts = dict(line.partition(":")[::2] for line in lines[: first - 1])
    medium = facts.get("Medium", "").strip().lower() or None
    if medium not in (None, *_CARDS):
        raise IcerecoError(f"{path}: the medium must be one of {', '.join(_CARDS)}, not {medium!r}")
    rows = [(number, line.split()) for number, line in enumerate(lines[first:], start=first + 1) if line]
    names = GEOFILE_NAMES[: max(len(rows[0][1]), 3)] if rows else GEOFILE_NAMES
    table = TextTable(names, [words for _, words in rows], [number for number, _ in rows])
    return text_table(table, path), medium


def _tanks(modules: Modules) -> "ndarray":
    height = modules.position_m[:, 2]
    tanks: ndarray = np.isin(modules.om, _TANKS) & (height > np.median(height) + _ABOVE_ICE_M)
    return tanks


def _without(modules: Modules, left_out: "ndarray") -> Modules:
    kept = {name: column[~left_out] for name, column in modules._asdict().items() if column is not None}
    return Modules(**kept)
