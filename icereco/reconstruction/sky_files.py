"""What all sky maps in FITS and JSON have in common."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco import __version__
from icereco.evaluation.calibration import CONTOURS
from icereco.events.sky_frame import SkyFrame
from icereco.events.sky_map import SkyMap
from icereco.physics import healpix
from icereco.system.files import explaining, replacing

__all__ = ["Cards", "contour_sizes", "map_cards", "polygons", "write_sky_table"]

Cards = Mapping[str, tuple[Any, str]]
"""Entries of a FITS header with their comments."""


def write_sky_table(
    path: Path, sky: SkyMap, cards: Cards, comments: Sequence[str], *, log_likelihood: bool
) -> None:
    """Write a map as a multi-order HEALPix table: UNIQ, PROBDENSITY (1/sr), and LOGLIKELIHOOD if that is asked for.

    The convention is that of LIGO's sky maps (the IVOA's numbers of pixels), which astropy, ligo.skymap and mhealpy read.

    Raises:
        IcerecoError: the file cannot be written.
    """
    from astropy.io import fits

    columns = [
        fits.Column("UNIQ", "K", array=healpix.uniq(sky.order, sky.pixel)),
        fits.Column("PROBDENSITY", "D", unit="sr-1", array=sky.density),
    ]
    if log_likelihood:
        columns.append(fits.Column("LOGLIKELIHOOD", "D", array=sky.log_likelihood))
    table = fits.BinTableHDU.from_columns(columns)
    for name, (value, comment) in cards.items():
        table.header[name] = (value, comment)
    for line in comments:
        table.header["COMMENT"] = line
    with replacing(path) as temporary, explaining(path):
        fits.HDUList([fits.PrimaryHDU(), table]).writeto(temporary, overwrite=True)


def map_cards(sky: SkyMap, frame: Cards, facts: Mapping[str, Any]) -> dict[str, tuple[Any, str]]:
    """Return the header of a map; `frame` says in which coordinates it is.

    Args:
        sky: the map.
        frame: entries about its coordinates.
        facts: JSON-able facts of how it was made, as `icereco.runs.provenance.provenance` gives them, with event_id, method,
            detector (or None) and inputs; whole, as JSON, in ICERECO.
    """
    detector = facts["detector"] or {"name": "unknown", "fingerprint": ""}
    return {
        "PIXTYPE": ("HEALPIX", "pixels of the sphere"),
        "ORDERING": ("NUNIQ", "UNIQ is 4 * 4^order + nested number"),
        "INDXSCHM": ("EXPLICIT", "each row has its pixel"),
        "MOCORDER": (int(sky.order.max()), "order of the smallest pixels"),
        **frame,
        "CREATOR": (f"icereco {__version__}", "program"),
        "DATE": (facts["created"][: len("2026-01-01T00:00:00")], "when it was made, UTC"),
        "OBJECT": (f"event {facts['event_id']}", "what is mapped"),
        "EVENTID": (facts["event_id"], "event_id in the file"),
        "FILE": (_ascii(facts["inputs"][0]["path"]), ""),
        "METHOD": (_ascii(facts["method"]), ""),
        "OPTIONS": (_ascii(json.dumps(facts.get("method_options", {}))), ""),
        "DETECTOR": (_ascii(detector["name"]), "detector card"),
        "DETPRINT": (detector["fingerprint"], ""),
        "ICERECO": (json.dumps(facts), ""),
    }


def _ascii(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode()


def contour_sizes(sky: SkyMap) -> dict[str, dict[str, Any]]:
    """Return area, and radius of a circle of that area, of each contour by its name, JSON-able."""
    return {
        f"{contour:.0%}": {
            "area_square_deg": sky.area_square_deg(contour),
            "radius_deg": sky.radius_deg(contour),
        }
        for contour in CONTOURS
    }


def polygons(lines: Sequence[Float[ndarray, "point 3"]], frame: SkyFrame) -> list[list[list[float]]]:
    """Return closed lines as lists of both coordinates in a frame, degrees, in the order of `SkyFrame.angles_deg`."""
    return [np.round(np.stack(list(frame.angles_deg(line).values()), 1), 6).tolist() for line in lines]
