"""The direction of an interaction from what comes out of it: with the energies as weights, that of what went in.

In Prometheus' files the initial state and the final state say it both, and the former has been written with another azimuth.
"""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco.physics.sphere import direction_from_angles
from icereco.tables.columns import Ragged

__all__ = ["contradicting", "summed_direction"]

_ALONG = 0.9
"""Cosine, of either sign, of initial and final state that agree: masses and Fermi motion are left out of the sum."""
_MOST = 0.2
"""Share of events that may be beyond it."""


def summed_direction(azimuth: Ragged, zenith: Ragged, energy: Ragged) -> Float[ndarray, "event 3"]:
    """The energy-weighted mean direction of the particles of each final state; NaN where there is none."""
    events = len(azimuth.offsets) - 1
    event = np.repeat(np.arange(events), np.diff(azimuth.offsets))
    momentum = energy.values[:, None] * direction_from_angles(azimuth.values, zenith.values)
    total = np.stack([np.bincount(event, column, events) for column in momentum.T], axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        direction: ndarray = total / np.linalg.norm(total, axis=1, keepdims=True)
    return direction


def contradicting(initial: Float[ndarray, "event 3"], final: Float[ndarray, "event 3"]) -> tuple[int, int]:
    """In how many events the two are neither along nor against each other, and how many were compared; 0 if few are."""
    cosine = np.abs((initial * final).sum(axis=1))
    cosine = cosine[np.isfinite(cosine)]
    apart = int(np.count_nonzero(cosine < _ALONG))
    return (apart if apart > _MOST * len(cosine) else 0), len(cosine)
