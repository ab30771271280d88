"""Small objects of frames: headers of events, maps of numbers, particles."""

import math
import struct
from dataclasses import dataclass
from datetime import date

from icereco_icetray.archive import Archive, BlobError

__all__ = [
    "FIT_OK",
    "IN_ICE",
    "PARTICLE_BYTES",
    "EventHeader",
    "Particle",
    "modified_julian_day",
    "particle_fields",
    "read_header",
    "read_numbers",
    "read_particle",
]

FIT_OK = 0
IN_ICE = 20
_TICKS_PER_SECOND = 10_000_000_000
_DAY_S = 86_400
_EPOCH = date(1858, 11, 17)
_LEAP_DAYS = {
    date(1972, 6, 30), date(1972, 12, 31), date(1973, 12, 31), date(1974, 12, 31), date(1975, 12, 31), date(1976, 12, 31),
    date(1977, 12, 31), date(1978, 12, 31), date(1979, 12, 31), date(1981, 6, 30), date(1982, 6, 30), date(1983, 6, 30),
    date(1985, 6, 30), date(1987, 12, 31), date(1989, 12, 31), date(1990, 12, 31), date(1992, 6, 30), date(1993, 6, 30),
    date(1994, 6, 30), date(1995, 12, 31), date(1997, 6, 30), date(1998, 12, 31), date(2005, 12, 31), date(2008, 12, 31),
    date(2012, 6, 30), date(2015, 6, 30), date(2016, 12, 31),
}  # fmt: skip
"""Days that end with a leap second (IERS Bulletin C)."""


@dataclass(frozen=True, slots=True)
class EventHeader:
    """What identifies a sub-event, and when it was.

    Attributes:
        run: number of the run; of simulations often that of the data set.
        subrun: number of the file in the run; 4294967295 for unset.
        event: number of the event in the run.
        subevent: number of the sub-event of its stream in the event.
        stream: what split the event, such as "InIceSplit".
        start_mjd: when it begins, as a modified Julian day.
    """

    run: int
    subrun: int
    event: int
    subevent: int
    stream: str
    start_mjd: float


def read_header(blob: bytes) -> EventHeader:
    """Read an I3EventHeader.

    Raises:
        BlobError: it is none, or damaged.
    """
    archive = Archive(blob)
    if archive.name != "I3EventHeader" or archive.version > 3:
        raise BlobError(
            f"it is version {archive.version} of {archive.name}, not an I3EventHeader of version 0 to 3"
        )
    archive.base()
    run = int(archive.number("I"))
    subrun = int(archive.number("I")) if archive.version >= 1 else 0
    event = int(archive.number("I"))
    if archive.version >= 2:
        archive.number("i")
    subevent, stream = (int(archive.number("I")), archive.text()) if archive.version >= 3 else (0, "")
    start, _end = _time(archive), _time(archive)
    archive.end()
    return EventHeader(run, subrun, event, subevent, stream, modified_julian_day(*start))


def _time(archive: Archive) -> tuple[int, int]:
    archive.begin("I3Time")
    archive.base()
    year, ticks = archive.numbers("iq")
    return int(year), int(ticks)


def modified_julian_day(year: int, ticks: int) -> float:
    """The modified Julian day (UTC) of a time in units of 0.1 ns since the beginning of a year, leap seconds included.

    Raises:
        BlobError: there is no such year.
    """
    try:
        first = (date(year, 1, 1) - _EPOCH).days if year else -_EPOCH.toordinal()
    except ValueError:
        raise BlobError(f"it has a time in the year {year}") from None
    seconds, rest = divmod(ticks, _TICKS_PER_SECOND)
    for leap in sorted(day for day in _LEAP_DAYS if day.year == year):
        midnight = ((leap - date(year, 1, 1)).days + 1) * _DAY_S
        if seconds > midnight:
            seconds -= 1
        elif seconds == midnight:
            return float(first + midnight // _DAY_S)  # within the leap second
    days, second = divmod(seconds, _DAY_S)
    return first + days + (second + rest / _TICKS_PER_SECOND) / _DAY_S


@dataclass(frozen=True, slots=True)
class Particle:
    """A particle; numbers that are not set are NaN.

    Attributes:
        pdg: its number in the scheme of the Particle Data Group; 0 for unknown.
        shape: 10 for a primary particle, 30 for a cascade, 40 for an infinite track, ….
        fit_status: 0 for a successful fit, -1 for no fit.
        position_m: of its vertex.
        zenith: of where it came from, rad.
        azimuth: as zenith.
        energy_gev: kinetic energy.
        location: 20 for in the ice.
    """

    pdg: int
    shape: int
    fit_status: int
    position_m: tuple[float, float, float]
    zenith: float
    azimuth: float
    energy_gev: float
    location: int

    @property
    def neutrino(self) -> bool:
        """Whether it is a neutrino."""
        return abs(self.pdg) in (12, 14, 16)

    @property
    def known(self) -> bool:
        """Whether it has a finite energy and direction."""
        return all(math.isfinite(value) for value in (self.energy_gev, self.zenith, self.azimuth))


_PARTICLE_HEAD = b"\x00\x01\x02\x00\x0a\x00\x00\x00I3Particle\x01\x05\x00\x00\x00\x00"
_PARTICLE = struct.Struct("<24x6x4x8xiii2x8x3d2x8x2d8xd16xi")
PARTICLE_BYTES = 150


def particle_fields(blob: bytes) -> tuple[float, ...] | None:
    """Pdg, shape, status, x, y, z, zenith, azimuth, energy and location of an I3Particle of version 5; None for anything else."""
    if len(blob) != PARTICLE_BYTES or not blob.startswith(_PARTICLE_HEAD):
        return None
    return _PARTICLE.unpack(blob)


def read_particle(blob: bytes) -> Particle | None:
    """Read an I3Particle of version 5, as written since 2014; None for anything else."""
    values = particle_fields(blob)
    if values is None:
        return None
    pdg, shape, status, x, y, z, zenith, azimuth, energy, location = values
    return Particle(int(pdg), int(shape), int(status), (x, y, z), zenith, azimuth, energy, int(location))


def read_numbers(blob: bytes) -> dict[str, float]:
    """Read an I3MapStringDouble.

    Raises:
        BlobError: it is none, or damaged.
    """
    archive = Archive(blob)
    if archive.name != "I3MapStringDouble":
        raise BlobError(f"it is an {archive.name}, not an I3MapStringDouble")
    archive.base()
    archive.info("map")
    count = archive.count()
    if count:
        archive.info("pair")
    numbers = {archive.text(): archive.number("d") for _ in range(count)}
    archive.end()
    return numbers
