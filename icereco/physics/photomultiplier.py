"""What photomultipliers and their digitizers do to light; of IceCube, shared by the simulation and the likelihood."""

__all__ = [
    "AFTERPULSES_PER_PE",
    "AFTERPULSE_DELAY_NS",
    "AFTERPULSE_SPREAD",
    "COARSE_BIN_NS",
    "FINE_BIN_NS",
    "FINE_NS",
    "JITTER_NS",
    "SATURATION_PE",
]

JITTER_NS = 2.0
"""Transit time spread (Abbasi et al., NIM A 618 (2010) 139)."""

AFTERPULSES_PER_PE = 0.06
AFTERPULSE_DELAY_NS = (600.0, 2000.0, 8000.0)
"""Mean delays of afterpulses by ions of different mass, equally frequent (source as above)."""

AFTERPULSE_SPREAD = 0.25
"""Standard deviation of a delay over its mean."""

FINE_NS, FINE_BIN_NS, COARSE_BIN_NS = 400.0, 8.0, 35.0
"""Pulses are resolved by the fine digitizer for its 427 ns, then by the coarse one (IceCube, JINST 12 (2017) P03012)."""

SATURATION_PE = 60.0 * COARSE_BIN_NS
"""Charge in one bin at which the signal is half of a linear one: a current of 60 p.e./ns."""
