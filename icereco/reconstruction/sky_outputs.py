"""Scans as files: multi-order HEALPix maps in FITS, and contours as JSON."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco.evaluation.calibration import CONTOURS
from icereco.events.sky_frame import DETECTOR
from icereco.physics.sphere import opening_angle
from icereco.reconstruction.scan import Scan
from icereco.reconstruction.sky_files import contour_sizes, map_cards, polygons, write_sky_table
from icereco.system.files import write_text

__all__ = ["scan_document", "write_contours", "write_fits"]

_FRAME = (
    "Directions are where the neutrino CAME FROM, in the coordinates of the detector's card, z up.",
    "HEALPix theta is the zenith and phi the azimuth of that frame: these are not celestial coordinates.",
    "PROBDENSITY is exp(LOGLIKELIHOOD / TEMPER) over its integral over the sphere: flat prior.",
)


def write_fits(path: Path, scan: Scan, facts: Mapping[str, Any]) -> None:
    """Write a map as `icereco.reconstruction.sky_files.write_sky_table` does.

    There is no COORDSYS, as it has no value for the frame of a detector.

    Args:
        path: of the file.
        scan: the map.
        facts: how it was made, as `icereco.reconstruction.sky_files.map_cards` takes them.

    Raises:
        IcerecoError: the file cannot be written.
    """
    frame = {"FRAME": ("DETECTOR", "theta = zenith, phi = azimuth of the origin")}
    cards = map_cards(scan.sky, frame, facts) | {
        "TEMPER": (scan.sky.temperature, "log L is divided by it for the density"),
        "LOGLMAX": (float(scan.sky.log_likelihood.max()), "log likelihood of the best pixel"),
        "LOGLFIT": (scan.peak_log_likelihood, "of the ordinary fit"),
        "MISSED": (scan.missed, "by how much the map fails to contain it"),
        "RUNTIME": (round(scan.seconds, 3), "[s] wall time"),
    }
    write_sky_table(path, scan.sky, cards, _FRAME, log_likelihood=True)


def write_contours(
    path: Path, scan: Scan, truth: Float[ndarray, "3"] | None, facts: Mapping[str, Any]
) -> None:
    """Write the document of a scan with the lines around its contours, and the facts of how it was made.

    Raises:
        IcerecoError: the file cannot be written.
    """
    document = scan_document(scan, truth)
    for contour in CONTOURS:
        lines = polygons(scan.sky.borders(contour), DETECTOR)
        document["contours"][f"{contour:.0%}"]["polygons"] = lines
    write_text(path, json.dumps({"made": dict(facts), **document}, indent=1) + "\n")


def scan_document(scan: Scan, truth: Float[ndarray, "3"] | None) -> dict[str, Any]:
    """Return what a scan says, JSON-able: directions, areas, the ordinary fit and the truth; angles in degrees."""
    sky = scan.sky
    document: dict[str, Any] = {
        "best": {**DETECTOR.angles_deg(sky.mode[0]), "log_likelihood": float(sky.log_likelihood[sky.best])},
        "fit": {
            **DETECTOR.angles_deg(scan.fitted.direction[0]),
            "content": sky.content_at(scan.fitted.direction[0]),
        },
        "peak": {**DETECTOR.angles_deg(scan.peak), "log_likelihood": scan.peak_log_likelihood},
        "missed": scan.missed,
        "contours": contour_sizes(sky),
        "truth": None,
        "probability": float(sky.probability.sum()),
        "pixels": len(sky),
        "nside": 2 ** int(sky.order.max()),
        "seconds": scan.seconds,
    }
    if truth is not None:
        away = float(np.degrees(opening_angle(sky.mode[0], truth)))
        document["truth"] = {
            **DETECTOR.angles_deg(truth),
            "separation_deg": away,
            "content": sky.content_at(truth),
        }
    return document
