"""What a figure shows of the modules that an event hit."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from icereco.draw.canvas.hits import Hits

__all__ = ["ModuleHits", "disc_radius", "legend_charges", "module_hits"]

_ONE_PE = 1.6  # points
_POWER = 0.25  # of the charge: areas grow with its square root
_LEAST_PE = 0.1
_LEGEND_PE = tuple(figure * 10.0**power for power in range(-1, 4) for figure in (1, 3))[:-1]
_MOST_IN_LEGEND = 3


@dataclass(frozen=True, slots=True, eq=False)
class ModuleHits:
    """The hit modules; of one with pulses of both sorts only those that are not auxiliary count.

    Attributes:
        sensor_id: `[D]`.
        position_m: `[D, 3]`.
        charge_pe: `[D]`.
        first_ns: `[D]`, time of the first pulse.
        auxiliary: `[D]`, whether all pulses are; none is where the whole event is.
    """

    sensor_id: Int[ndarray, "dom"]
    position_m: Float[ndarray, "dom 3"]
    charge_pe: Float[ndarray, "dom"]
    first_ns: Float[ndarray, "dom"]
    auxiliary: Bool[ndarray, "dom"]


def module_hits(hits: Hits) -> ModuleHits:
    """Sum charges and find first times of modules."""
    end, auxiliary = hits.until(None), hits.auxiliary & (not hits.auxiliary.all())
    return ModuleHits(hits.sensor_id, hits.position_m, end.charge_pe, end.first_ns, auxiliary)


def disc_radius(charge_pe: Float[ndarray, "dom"]) -> Float[ndarray, "dom"]:
    """Return the radius of discs in points."""
    return np.asarray(_ONE_PE * np.maximum(charge_pe, _LEAST_PE) ** _POWER)


def legend_charges(hits: ModuleHits) -> list[float]:
    """Return up to three round charges from the faintest to the brightest module."""
    charge = hits.charge_pe[~hits.auxiliary]
    if not len(charge):
        return []
    low, high = np.quantile(charge, 0.05), charge.max()
    within = [figure for figure in _LEGEND_PE if 0.7 * low <= figure <= 1.3 * high] or [float(f"{high:.1g}")]
    if len(within) <= _MOST_IN_LEGEND:
        return within
    return [within[0], within[len(within) // 2], within[-1]]
