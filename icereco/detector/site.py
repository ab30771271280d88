"""Where a detector stands on Earth, from which right ascension and declination of its events follow."""

from dataclasses import dataclass
from pathlib import Path

from icereco.detector.cards import Card
from icereco.errors import IcerecoError

__all__ = ["SITE", "Site", "read_site"]

SITE = "site.toml"
"""A file of its own beside the card, so that it is no part of the card's fingerprint: no model depends on it."""

_ENTRIES = ("latitude_deg", "longitude_deg", "x_axis_deg", "source")


@dataclass(frozen=True, slots=True)
class Site:
    """The place of a detector, and how its axes lie there; z is up.

    Attributes:
        latitude_deg: geodetic, north is positive.
        longitude_deg: east is positive.
        x_axis_deg: compass bearing of the x axis, clockwise from true north; y is 90° to its left, seen from above.
    """

    latitude_deg: float
    longitude_deg: float
    x_axis_deg: float


def read_site(folder: Path) -> Site | None:
    """Read the site in the folder of a card; None if there is none.

    Raises:
        IcerecoError: an entry is missing, unknown, no number, or not an angle on Earth.
    """
    if not (folder / SITE).is_file():
        return None
    card = Card(folder, SITE)
    card.require_known(_ENTRIES)
    site = Site(*(card.number(name) for name in _ENTRIES[:3]))
    for name, most in (("latitude_deg", 90.0), ("longitude_deg", 360.0), ("x_axis_deg", 360.0)):
        if not abs(getattr(site, name)) <= most:
            raise IcerecoError(
                f"{card.path}: {name} must be at most {most:g} in size, not {getattr(site, name):g}"
            )
    return site
