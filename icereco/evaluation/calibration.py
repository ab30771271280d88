"""Calibration of posteriors: how often the truth lies inside their contours."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco.events.posterior import Posterior

__all__ = ["CONTOURS", "coverage"]

CONTOURS = (0.5, 0.9)


def coverage(posterior: Posterior, truth: Float[ndarray, "event 3"]) -> dict[str, float]:
    """Return for each contour ("50%", "90%") the fraction of events whose true direction lies inside it.

    Events without a posterior or a truth (NaN) are left out; without any event the result is empty.
    """
    content = posterior.content(truth)
    content = content[~np.isnan(content)]
    if not len(content):
        return {}
    return {f"{contour:.0%}": float(np.mean(content <= contour)) for contour in CONTOURS}
