"""From the time over threshold of a hit to its charge.

A pulse rises as a Gaussian and its tail is longer, so that 1 p.e. is 25 ns above the threshold of 0.24 p.e.; from about
1.5 p.e. on each further one adds 7 ns, and at 210 ns the signal saturates as t = s / √(1 + (s / 210 ns)²). These are the
amplitudes that KM3NeT's own processing (Jpp) writes into its simulated files; below 29 ns they are tabulated here.
"""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

__all__ = ["charge_of"]

_SATURATION_NS = 210.0
_SLOPE_NS_PER_PE = 7.0
_INTERCEPT_NS = 18.624
_LARGEST_PE = 100.0
# Charge at 0, 1, … 28 ns.
_SMALL_PE = (
    0.24, 0.24057, 0.2423, 0.24521, 0.24934, 0.25475, 0.26153, 0.26978, 0.27963, 0.29124, 0.3048, 0.32053, 0.33872,
    0.35968, 0.3838, 0.41156, 0.44349, 0.48028, 0.52266, 0.57061, 0.6244, 0.68476, 0.75249, 0.82851, 0.91388, 1.00778,
    1.11764, 1.23896, 1.37554,
)  # fmt: skip


def charge_of(time_over_threshold_ns: Float[ndarray, "hit"]) -> Float[ndarray, "hit"]:
    """Charge in p.e., at most 100, which corresponds to 202 ns and more."""
    time = np.minimum(time_over_threshold_ns, _SATURATION_NS - 1)
    linear = time / np.sqrt(1 - (time / _SATURATION_NS) ** 2)
    large = (linear - _INTERCEPT_NS) / _SLOPE_NS_PER_PE
    small = np.interp(time, np.arange(len(_SMALL_PE)), _SMALL_PE)
    charge: ndarray = np.minimum(np.where(time < len(_SMALL_PE), small, large), _LARGEST_PE)
    return charge
