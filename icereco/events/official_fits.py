"""Reconstructions that came with the events, such as an experiment's official fits."""

import re
from collections.abc import Collection

import numpy as np

from icereco.events.batch import EventBatch
from icereco.events.reconstruction import Reconstruction
from icereco.physics.sphere import direction_from_angles

__all__ = ["fit_names", "official_fits"]

_AZIMUTH = re.compile(r"fit_(.+)_azimuth")


def fit_names(columns: Collection[str]) -> list[str]:
    """Return the names of the fits that have both of their columns, `fit_<name>_azimuth` and `fit_<name>_zenith`."""
    names = [match[1] for match in map(_AZIMUTH.fullmatch, columns) if match]
    return [name for name in names if f"fit_{name}_zenith" in columns]


def official_fits(batch: EventBatch) -> dict[str, Reconstruction]:
    """Return the fits by name, from the columns `fit_<name>_azimuth` and `fit_<name>_zenith`; NaN where a fit has no direction."""
    extras = batch.event_extras
    return {
        name: Reconstruction(
            direction_from_angles(np.asarray(extras[f"fit_{name}_azimuth"]), extras[f"fit_{name}_zenith"])
        )
        for name in fit_names(extras)
    }
