"""Figures of angular errors at a validation, by the keys of `icereco.runs.metrics`: of all events and of slices."""

from collections.abc import Iterator, Mapping

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from icereco.evaluation.resolution import Resolution, Summary, resolution, summarize
from icereco.events.truth import Truth
from icereco.runs.metrics import ANGULAR_ERRORS

__all__ = ["ENERGY_SLICES", "ZENITH_SLICES", "angular_figures"]

Slices = Mapping[str, tuple[float, float]]

ENERGY_SLICES: Slices = {
    "energy<1TeV": (0.0, 1e3),
    "energy1-10TeV": (1e3, 1e4),
    "energy10-100TeV": (1e4, 1e5),
    "energy>=100TeV": (1e5, np.inf),
}
"""Slices by the true energy of the neutrino in GeV: first included, last excluded."""

ZENITH_SLICES: Slices = {
    "zenith<60": (0.0, 60.0),
    "zenith60-120": (60.0, 120.0),
    "zenith>=120": (120.0, np.inf),
}
"""Slices by the true zenith angle in degrees: from above, horizontal, through the Earth."""


def angular_figures(
    error_rad: Float[ndarray, "event"], pulses: Int[ndarray, "event"], truth: Truth
) -> dict[str, float]:
    """Compute the figures, without "validation/"; those of slices without events are left out.

    Of slices by energy and zenith only the median is given.

    Args:
        error_rad: opening angle of each event against the truth, rad; NaN where there is no direction.
        pulses: number of pulses of each event.
        truth: of the same events.
    """
    figures = _of_summary(summarize(error_rad, pulses, truth.kind))
    for name, events in _slices(truth):
        median = resolution(error_rad[events])["median_deg"]
        if median is not None:
            figures[f"median_deg/{name}"] = median
    return figures


def _slices(truth: Truth) -> Iterator[tuple[str, ndarray]]:
    zenith_deg = np.degrees(np.arccos(np.clip(truth.direction[:, 2], -1.0, 1.0)))
    known = [(zenith_deg, ZENITH_SLICES)]
    if truth.energy_gev is not None:
        known.insert(0, (truth.energy_gev, ENERGY_SLICES))
    for values, slices in known:
        for name, (low, high) in slices.items():
            yield name, (values >= low) & (values < high)  # NaN is in no slice


def _of_summary(summary: Summary) -> dict[str, float]:
    parts: dict[str, Resolution] = {"": summary}
    parts |= {
        f"/{name}": part for group in (summary["pulses"], summary["kind"]) for name, part in group.items()
    }
    figures = {}
    for name, part in parts.items():
        for figure in ANGULAR_ERRORS:
            if (value := part[figure]) is not None:
                figures[f"{figure}{name}"] = value
    return figures
