"""What is kept of modules with pulses, from when their light is known until the times of their pulses are."""

from jaxtyping import Float
from numpy import ndarray

from icereco.physics.likelihood.compiled.access import put, take
from icereco.physics.likelihood.compiled.delays import Delays
from icereco.physics.likelihood.compiled.jets import Jet
from icereco.physics.likelihood.compiled.lanes import LANES
from icereco.physics.likelihood.compiled.sources import Source
from icereco.system.machine_code import compiled

__all__ = [
    "BLOCK",
    "EARLY",
    "EARLY_SCALE",
    "EARLY_SHAPE",
    "EXPECTED",
    "LATE_SCALE",
    "LATE_SHAPE",
    "NUMBER",
    "SOURCE",
    "TIME_NS",
    "delays_held",
    "hold",
    "hold_delays",
    "source_held",
]

NUMBER, _BY_END, TIME_NS, _REST = 0, 4 * LANES, 5 * LANES, 6 * LANES
EARLY, EARLY_SHAPE, EARLY_SCALE, LATE_SHAPE, LATE_SCALE = ((13 + 4 * jet) * LANES for jet in range(5))
"""Places of the numbers of a source, from its first one on."""

SOURCE = 33 * LANES
EXPECTED = 2 * SOURCE
BLOCK = EXPECTED + LANES
"""Sizes: of a source, of two sources, and of all that is kept of eight modules; at the end is what they expect."""

Held = Float[ndarray, "number"]


@compiled
def _hold_jet(held: Held, at: int, jet: Jet) -> None:
    put(held, at, jet[0])
    put(held, at + LANES, jet[1])
    put(held, at + 2 * LANES, jet[2])
    put(held, at + 3 * LANES, jet[3])


@compiled
def _jet_held(held: Held, at: int) -> Jet:
    return take(held, at), take(held, at + LANES), take(held, at + 2 * LANES), take(held, at + 3 * LANES)


@compiled
def hold(held: Held, at: int, source: Source) -> None:
    """Keep a source at a place."""
    _hold_jet(held, at + NUMBER, source.number)
    put(held, at + _BY_END, source.by_end)
    put(held, at + TIME_NS, source.time_ns)
    put(held, at + _REST, source.time_by_along)
    put(held, at + _REST + LANES, source.time_by_square)
    put(held, at + _REST + 2 * LANES, source.along_by_first)
    put(held, at + _REST + 3 * LANES, source.along_by_second)
    put(held, at + _REST + 4 * LANES, source.square_by_first)
    put(held, at + _REST + 5 * LANES, source.square_by_second)
    put(held, at + _REST + 6 * LANES, source.travel_by_second)


@compiled
def source_held(held: Held, at: int) -> Source:
    """Return the source at a place."""
    return Source(
        _jet_held(held, at + NUMBER),
        take(held, at + _BY_END),
        take(held, at + TIME_NS),
        take(held, at + _REST),
        take(held, at + _REST + LANES),
        take(held, at + _REST + 2 * LANES),
        take(held, at + _REST + 3 * LANES),
        take(held, at + _REST + 4 * LANES),
        take(held, at + _REST + 5 * LANES),
        take(held, at + _REST + 6 * LANES),
    )


@compiled
def hold_delays(held: Held, at: int, delays: Delays) -> None:
    """Keep the delays of the source at a place."""
    _hold_jet(held, at + EARLY, delays.early)
    _hold_jet(held, at + EARLY_SHAPE, delays.early_shape)
    _hold_jet(held, at + EARLY_SCALE, delays.early_scale_ns)
    _hold_jet(held, at + LATE_SHAPE, delays.late_shape)
    _hold_jet(held, at + LATE_SCALE, delays.late_scale_ns)


@compiled
def delays_held(held: Held, at: int) -> Delays:
    """Return the delays of the source at a place."""
    return Delays(
        _jet_held(held, at + EARLY),
        _jet_held(held, at + EARLY_SHAPE),
        _jet_held(held, at + EARLY_SCALE),
        _jet_held(held, at + LATE_SHAPE),
        _jet_held(held, at + LATE_SCALE),
    )
