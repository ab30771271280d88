"""Scans as files: multi-order HEALPix maps in FITS, and contours as JSON."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco import __version__
from icereco.evaluation.calibration import CONTOURS
from icereco.physics import healpix
from icereco.physics.sphere import angles_from_direction, opening_angle
from icereco.reconstruction.scan import Scan
from icereco.system.files import explaining, replacing, write_text

__all__ = ["scan_document", "write_contours", "write_fits"]

_FRAME = (
    "Directions are where the neutrino CAME FROM, in the coordinates of the detector's card, z up.",
    "HEALPix theta is the zenith and phi the azimuth of that frame: these are not celestial coordinates.",
    "PROBDENSITY is exp(LOGLIKELIHOOD / TEMPER) over its integral over the sphere: flat prior.",
)


def write_fits(path: Path, scan: Scan, facts: Mapping[str, Any]) -> None:
    """Write a map as a multi-order HEALPix table: UNIQ, PROBDENSITY (1/sr), LOGLIKELIHOOD.

    The convention is that of LIGO's sky maps (the IVOA's numbers of pixels), which astropy, ligo.skymap and mhealpy read.
    There is no COORDSYS, as it has no value for the frame of a detector.

    Args:
        path: of the file.
        scan: the map.
        facts: JSON-able facts of how it was made, as `icereco.runs.provenance.provenance` gives them, with event_id,
            method, detector and inputs; whole, as JSON, in the header's ICERECO.

    Raises:
        IcerecoError: the file cannot be written.
    """
    from astropy.io import fits

    sky = scan.sky
    columns = [
        fits.Column("UNIQ", "K", array=healpix.uniq(sky.order, sky.pixel)),
        fits.Column("PROBDENSITY", "D", unit="sr-1", array=sky.density),
        fits.Column("LOGLIKELIHOOD", "D", array=sky.log_likelihood),
    ]
    table = fits.BinTableHDU.from_columns(columns)
    for name, (value, comment) in _header(scan, facts).items():
        table.header[name] = (value, comment)
    for line in _FRAME:
        table.header["COMMENT"] = line
    with replacing(path) as temporary, explaining(path):
        fits.HDUList([fits.PrimaryHDU(), table]).writeto(temporary, overwrite=True)


def _header(scan: Scan, facts: Mapping[str, Any]) -> dict[str, tuple[Any, str]]:
    sky = scan.sky
    options = json.dumps(facts.get("method_options", {}))
    return {
        "PIXTYPE": ("HEALPIX", "pixels of the sphere"),
        "ORDERING": ("NUNIQ", "UNIQ is 4 * 4^order + nested number"),
        "INDXSCHM": ("EXPLICIT", "each row has its pixel"),
        "MOCORDER": (int(sky.order.max()), "order of the smallest pixels"),
        "FRAME": ("DETECTOR", "theta = zenith, phi = azimuth of the origin"),
        "CREATOR": (f"icereco {__version__}", "program"),
        "DATE": (facts["created"][: len("2026-01-01T00:00:00")], "when it was made, UTC"),
        "OBJECT": (f"event {facts['event_id']}", "what is mapped"),
        "EVENTID": (facts["event_id"], "event_id in the file"),
        "FILE": (_ascii(facts["inputs"][0]["path"]), ""),
        "METHOD": (facts["method"], ""),
        "OPTIONS": (_ascii(options), ""),
        "DETECTOR": (_ascii(facts["detector"]["name"]), "detector card"),
        "DETPRINT": (facts["detector"]["fingerprint"], ""),
        "TEMPER": (sky.temperature, "log L is divided by it for the density"),
        "LOGLMAX": (float(sky.log_likelihood.max()), "log likelihood of the best pixel"),
        "LOGLFIT": (scan.peak_log_likelihood, "of the ordinary fit"),
        "MISSED": (scan.missed, "by how much the map fails to contain it"),
        "RUNTIME": (round(scan.seconds, 3), "[s] wall time"),
        "ICERECO": (json.dumps(facts), ""),
    }


def _ascii(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode()


def write_contours(
    path: Path, scan: Scan, truth: Float[ndarray, "3"] | None, facts: Mapping[str, Any]
) -> None:
    """Write the document of a scan with the lines around its contours, and the facts of how it was made.

    Raises:
        IcerecoError: the file cannot be written.
    """
    document = scan_document(scan, truth)
    for contour in CONTOURS:
        lines = [_degrees(line) for line in scan.sky.borders(contour)]
        document["contours"][f"{contour:.0%}"]["polygons"] = [
            np.round(np.stack([line["zenith_deg"], line["azimuth_deg"]], 1), 6).tolist() for line in lines
        ]
    write_text(path, json.dumps({"made": dict(facts), **document}, indent=1) + "\n")


def scan_document(scan: Scan, truth: Float[ndarray, "3"] | None) -> dict[str, Any]:
    """Return what a scan says, JSON-able: directions, areas, the ordinary fit and the truth; angles in degrees."""
    sky = scan.sky
    document: dict[str, Any] = {
        "best": {**_degrees(sky.mode[0]), "log_likelihood": float(sky.log_likelihood[sky.best])},
        "fit": {**_degrees(scan.fitted.direction[0]), "content": sky.content_at(scan.fitted.direction[0])},
        "peak": {**_degrees(scan.peak), "log_likelihood": scan.peak_log_likelihood},
        "missed": scan.missed,
        "contours": {
            f"{contour:.0%}": {
                "area_square_deg": sky.area_square_deg(contour),
                "radius_deg": sky.radius_deg(contour),
            }
            for contour in CONTOURS
        },
        "truth": None,
        "probability": float(sky.probability.sum()),
        "pixels": len(sky),
        "nside": 2 ** int(sky.order.max()),
        "seconds": scan.seconds,
    }
    if truth is not None:
        away = float(np.degrees(opening_angle(sky.mode[0], truth)))
        document["truth"] = {**_degrees(truth), "separation_deg": away, "content": sky.content_at(truth)}
    return document


def _degrees(direction: Float[ndarray, "*n 3"]) -> dict[str, Any]:
    azimuth, zenith = (np.degrees(angle) for angle in angles_from_direction(direction))
    return {"zenith_deg": zenith.tolist(), "azimuth_deg": azimuth.tolist()}
