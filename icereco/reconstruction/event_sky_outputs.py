"""Skies of events as files: multi-order HEALPix maps in FITS, contours as JSON, and results of scans for skyreader."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco.errors import IcerecoError
from icereco.evaluation.calibration import CONTOURS
from icereco.physics import healpix
from icereco.physics.sphere import opening_angle
from icereco.reconstruction.event_sky import EventSky
from icereco.reconstruction.sky_files import contour_sizes, map_cards, polygons, write_sky_table
from icereco.system.files import explaining, replacing, write_text

__all__ = ["sky_document", "write_event_contours", "write_event_fits", "write_skyreader"]

_NAMES = {"equatorial": "polygons_ra_dec", "detector": "polygons"}
_MJD_ZERO = datetime(1858, 11, 17, tzinfo=UTC)
_COMMENT = (
    "Directions are where the neutrino CAME FROM. PROBDENSITY is the posterior density at the centre of the pixel.",
)
_FRAMES = {
    "equatorial": {
        "COORDSYS": ("C", "equatorial coordinates, ICRS"),
        "FRAME": ("EQUATORIAL", "theta = 90 deg - dec, phi = ra"),
    },
    "detector": {"FRAME": ("DETECTOR", "theta = zenith, phi = azimuth of the origin")},
}
_SKYREADER_NSIDE = 512
"""Of the smallest pixels, as skyreader makes whole maps of them."""


def write_event_fits(path: Path, sky: EventSky, facts: Mapping[str, Any]) -> None:
    """Write the map; COORDSYS is absent in the frame of the detector, as it has no value for that.

    Raises:
        IcerecoError: the file cannot be written.
    """
    cards = map_cards(sky.map, _FRAMES[sky.frame.name], facts)
    if sky.start_mjd is not None:
        time = _MJD_ZERO + timedelta(days=sky.start_mjd)
        cards |= {
            "MJD-OBS": (sky.start_mjd, "[d] start of the event, UTC"),
            "DATE-OBS": (time.strftime("%Y-%m-%dT%H:%M:%S.%f"), "start of the event, UTC"),
        }
    if sky.frame.name == "equatorial":
        place = sky.frame.angles_deg(sky.direction)
        cards |= {
            "RA": (place["ra_deg"], "[deg] of the direction"),
            "DEC": (place["dec_deg"], "[deg] of the direction"),
        }
    write_sky_table(path, sky.map, cards, _COMMENT, log_likelihood=False)


def write_event_contours(path: Path, sky: EventSky, facts: Mapping[str, Any]) -> None:
    """Write the document with the lines around the contours in every frame, and the facts of how it was made.

    Raises:
        IcerecoError: the file cannot be written.
    """
    document = sky_document(sky)
    for contour in CONTOURS:
        lines = [sky.frame.to_detector(line) for line in sky.map.borders(contour)]
        document["contours"][f"{contour:.0%}"] |= {
            _NAMES[frame.name]: polygons([frame.from_detector(line) for line in lines], frame)
            for frame in sky.frames
        }
    write_text(path, json.dumps({"made": dict(facts), **document}, indent=1) + "\n")


def sky_document(sky: EventSky) -> dict[str, Any]:
    """Return what is known of the sky of an event, JSON-able; angles in degrees, in every frame."""
    document: dict[str, Any] = {
        "event_id": sky.event_id,
        "method": sky.method,
        "start_mjd": sky.start_mjd,
        "direction": _places(sky, sky.direction),
        "contours": contour_sizes(sky.map),
        "truth": None if sky.truth is None else _compared(sky, sky.truth),
        "others": {name: _compared(sky, other) for name, other in sky.others.items()},
        "probability": float(sky.map.probability.sum()),
        "pixels": len(sky.map),
        "nside": 2 ** int(sky.map.order.max()),
    }
    return document


def _places(sky: EventSky, direction: Float[ndarray, "3"]) -> dict[str, float]:
    own = sky.frame.to_detector(direction)
    return {
        name: angle
        for frame in sky.frames
        for name, angle in frame.angles_deg(frame.from_detector(own)).items()
    }


def _compared(sky: EventSky, direction: Float[ndarray, "3"]) -> dict[str, float]:
    """A direction, how far it is from that of the event, and the probability of the smallest region that includes it."""
    return {
        **_places(sky, direction),
        "separation_deg": float(np.degrees(opening_angle(sky.direction, direction))),
        "content": float(sky.posterior.content(direction[None])[0]),
    }


def write_skyreader(path: Path, sky: EventSky) -> None:
    """Write what skyreader reads as the result of a scan by skymap_scanner (`SkyScanResult.read_npz`).

    For each nside there are pixels (ring numbers, equatorial) with `llh`, which is −log of the density here, so that differences of
    it are those of the log likelihood with a flat prior; the energies `E_in` and `E_tot` are not known (NaN).

    Args:
        path: of the file, which ends with .npz.
        sky: in equatorial coordinates.

    Raises:
        IcerecoError: the sky is that of a detector, or the file cannot be written.
    """
    if sky.frame.name != "equatorial" or sky.start_mjd is None:
        raise IcerecoError(
            f"{path}: skyreader's results are in equatorial coordinates, which event {sky.event_id} has only with its time, "
            "the site of its detector and without --frame detector; write .fits or .json instead"
        )
    order, pixel, log_density = _coarsened(sky)
    kind = np.dtype([("index", int), ("llh", float), ("E_in", float), ("E_tot", float)])
    parts: dict[str, Any] = {}
    header = []
    run, event = (int(sky.identity.get(name, 0)) for name in ("run", "event"))
    for k in np.unique(order):
        here = order == k
        rows = np.zeros(int(here.sum()), kind)
        rows["E_in"] = rows["E_tot"] = np.nan
        rows["index"], rows["llh"] = healpix.ring_numbers(int(k), pixel[here]), -log_density[here]
        parts[f"nside-{2 ** int(k)}"] = np.sort(rows, order="index")
        header.append((run, event, sky.start_mjd, "neutrino", 2 ** int(k), sky.truth is None))
    fields = [("run_id", int), ("event_id", int), ("mjd", float), ("event_type", "U8"), ("nside", int)]
    with replacing(path) as temporary, explaining(path), temporary.open("wb") as file:
        np.savez(file, header=np.array(header, [*fields, ("is_real_event", bool)]), **parts)


def _coarsened(sky: EventSky) -> tuple[ndarray, ndarray, ndarray]:
    """Order, pixel and log density of the map, with means in place of pixels smaller than those of skyreader."""
    shift = np.maximum(sky.map.order - int(np.log2(_SKYREADER_NSIDE)), 0)
    order, pixel = sky.map.order - shift, sky.map.pixel >> 2 * shift
    whole, first, row = np.unique(healpix.uniq(order, pixel), return_index=True, return_inverse=True)
    held = np.bincount(row, sky.map.probability, len(whole))
    density = held / healpix.area_sr(order[first])
    return order[first], pixel[first], np.log(np.maximum(density, 1e-300))
