"""What of a row of reconstructions goes into a frame, besides the particle itself."""

import re
from collections.abc import Mapping
from typing import Any

from icereco.events.reconstruction import NOT_CONVERGED
from icereco.events.truth import EVENT_KINDS
from icereco.tables.reconstruction_columns import VERTEX_COVARIANCE

__all__ = ["figures", "fit_status", "number", "particle_key"]

_OK, _FAILED, _TOO_FEW_HITS, _FAILED_TO_CONVERGE = 0, 10, 20, 30
_FIGURES = (
    *("sigma", "kappa", "r50", "r90", "area50_sr", "area90_sr"),
    *("energy_log10_sigma", "energy_16", "energy_84", "inelasticity", "inelasticity_sigma"),
    *(f"vertex_covariance_{axes}" for axes in VERTEX_COVARIANCE),
    *(f"probability_{kind}" for kind in EVENT_KINDS),
)
"""Columns that an I3Particle does not hold."""


def particle_key(method: str) -> str:
    """The key of the particle that a method makes."""
    return f"icereco_{re.sub('[^A-Za-z0-9_]', '_', method)}"


def fit_status(row: Mapping[str, Any]) -> int:
    """IceTray's number for how the fit ended (`I3Particle.FitStatus`)."""
    if row["zenith"] is not None:
        return _FAILED_TO_CONVERGE if row.get("status") == NOT_CONVERGED else _OK
    return _FAILED if row["pulses_total"] else _TOO_FEW_HITS


def figures(row: Mapping[str, Any]) -> dict[str, float]:
    """What the method estimates besides, and how sure it is, as in tables."""
    return {name: number(row[name]) for name in _FIGURES if name in row}


def number(value: float | None) -> float:
    """NaN for what is not there."""
    return float("nan") if value is None else float(value)
