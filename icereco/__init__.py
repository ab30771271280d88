"""icereco reconstructs the direction of neutrinos from the light pulses of a neutrino telescope."""

__version__ = "0.1.0"
