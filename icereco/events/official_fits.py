"""Reconstructions that came with the events, such as an experiment's official fits."""

import re

import numpy as np

from icereco.events.batch import EventBatch
from icereco.events.reconstruction import Reconstruction
from icereco.physics.sphere import direction_from_angles

__all__ = ["official_fits"]

_AZIMUTH = re.compile(r"fit_(.+)_azimuth")


def official_fits(batch: EventBatch) -> dict[str, Reconstruction]:
    """Return the fits by name, from the columns `fit_<name>_azimuth` and `fit_<name>_zenith`; NaN where a fit has no direction."""
    extras = batch.event_extras
    names = [match[1] for match in map(_AZIMUTH.fullmatch, extras) if match]
    return {
        name: Reconstruction(
            direction_from_angles(np.asarray(extras[f"fit_{name}_azimuth"]), extras[f"fit_{name}_zenith"])
        )
        for name in names
        if f"fit_{name}_zenith" in extras
    }
