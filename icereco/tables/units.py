"""Units that values of events seem to have, where they are not those of the own layout."""

import re

import numpy as np
import pyarrow as pa
from jaxtyping import Float, Int
from numpy import ndarray

from icereco.tables.schema import TARGET_COLUMNS

__all__ = [
    "LEAST_EVENTS",
    "POSSIBLE_M_PER_NS",
    "UNITS_OF_TIME",
    "USUAL_M_PER_NS",
    "coarse_times",
    "factor_to_ns",
    "is_other_unit",
    "speeds_m_per_ns",
    "strange_angles",
    "strange_direction",
    "strange_fits",
    "strange_times",
]

UNITS_OF_TIME = {1e-3: "ps", 0.1: "0.1 ns", 10.0: "10 ns", 1e3: "µs", 1e6: "ms", 1e9: "s"}
"""The factor that makes ns of each."""
USUAL_M_PER_NS = (0.11, 0.8)
"""What the median ratio of extent to duration is without noise: 0.14 (low energies) to 0.33 in ice, 0.67 of photons in water."""
POSSIBLE_M_PER_NS = (0.07, 1.3)
"""The same with a margin: ten times more or less is beyond it."""
_NOISY_M_PER_NS = (0.008, 4.0)
"""The same where noise may be among the pulses, which makes it small."""
_TYPICAL_M_PER_NS = 0.25
_LEAST_PULSES = 5
LEAST_EVENTS = 20
"""What a warning is based on."""

_COARSEST_NS = 1.0
"""Light sensors of neutrino telescopes resolve about 1 to 3 ns."""
_AZIMUTH = re.compile(r"fit_.+_azimuth")
_TURN = 2 * np.pi
_SLACK = 1e-6  # float32 angles may end a rounding above the limit


def speeds_m_per_ns(
    event: Int[ndarray, "pulse"],
    place_m: Float[ndarray, "pulse 3"],
    time_ns: Float[ndarray, "pulse"],
    events: int,
) -> Float[ndarray, "chosen"]:
    """Root mean square extent over root mean square duration of each event with at least five pulses at different times.

    Args:
        event: the event of each pulse, from 0.
        place_m: of the pulses; without those that are auxiliary.
        time_ns: of the pulses.
        events: how many there are.
    """
    pulses = np.bincount(event, minlength=events)
    count = np.maximum(pulses, 1)

    def spread(values: Float[ndarray, "pulse"]) -> Float[ndarray, "event"]:
        mean = np.bincount(event, values, events) / count
        variance: ndarray = np.bincount(event, (values - mean[event]) ** 2, events) / count
        return variance

    extent = np.sqrt(spread(place_m[:, 0]) + spread(place_m[:, 1]) + spread(place_m[:, 2]))
    duration = np.sqrt(spread(time_ns))
    chosen = (pulses >= _LEAST_PULSES) & (duration > 0) & (extent > 0)
    speed: ndarray = extent[chosen] / duration[chosen]
    return speed


def is_other_unit(speed_m_per_ns: float, *, without_noise: bool) -> bool:
    """Whether times of events of this median speed cannot be in ns."""
    low, high = POSSIBLE_M_PER_NS if without_noise else _NOISY_M_PER_NS
    return not low <= speed_m_per_ns <= high


def factor_to_ns(speed_m_per_ns: float) -> float:
    """The factor of `UNITS_OF_TIME` that explains this median speed best."""
    return min(UNITS_OF_TIME, key=lambda factor: abs(np.log(speed_m_per_ns / factor / _TYPICAL_M_PER_NS)))


def strange_times(speeds: Float[ndarray, "event"], *, without_noise: bool) -> str | None:
    """What unit times most likely have, and the remedy; None if it is ns, or too few events tell."""
    if len(speeds) < LEAST_EVENTS:
        return None
    speed = float(np.median(speeds))
    if not is_other_unit(speed, without_noise=without_noise):
        return None
    factor = factor_to_ns(speed)
    unless = ", unless most pulses are noise" if speed < USUAL_M_PER_NS[0] else ""
    return (
        f"times look like {UNITS_OF_TIME[factor]}, not ns{unless}: multiply them by {factor:g} (median extent over duration "
        f"of the events: {speed:.3g} m/ns; light: 0.30)"
    )


def strange_angles(batch: pa.RecordBatch) -> str | None:
    """What true angles that are out of range most likely are, and the remedy; None if they are in range or unknown."""
    if not set(TARGET_COLUMNS["direction"]) <= set(batch.schema.names):
        return None
    azimuth, zenith = (_floats(batch.column(name)) for name in TARGET_COLUMNS["direction"])
    if problem := strange_direction(azimuth, zenith):
        return problem
    azimuth = azimuth[np.isfinite(azimuth)]
    if azimuth.min(initial=0) < -_SLACK and np.abs(azimuth).max(initial=0) <= np.pi + _SLACK:
        return "the true azimuth is from −π to π: store azimuth modulo 2π"
    return None


def strange_fits(batch: pa.RecordBatch) -> str | None:
    """The same of fits that came with the events, whose azimuths may begin anywhere."""
    names = [
        name.removeprefix("fit_").removesuffix("_azimuth")
        for name in batch.schema.names
        if _AZIMUTH.fullmatch(name)
    ]
    for name in names:
        columns = [f"fit_{name}_azimuth", f"fit_{name}_zenith"]
        if not all(_is_floating(batch.schema, column) for column in columns):
            continue
        azimuth, zenith = (_floats(batch.column(column)) for column in columns)
        if problem := strange_direction(azimuth, zenith, name):
            return problem
    return None


def strange_direction(
    azimuth: Float[ndarray, "event"], zenith: Float[ndarray, "event"], whose: str = "true"
) -> str | None:
    """What angles that cannot be turned into range most likely are, and the remedy; NaN is unknown."""
    azimuth, zenith = (values[np.isfinite(values)] for values in (azimuth, zenith))
    degrees = [
        name
        for name, values, limit in (("azimuth", azimuth, 2 * _TURN), ("zenith", zenith, _TURN))
        if np.abs(values).max(initial=0) > limit
    ]
    if degrees:
        look = "look like degrees: multiply them" if len(degrees) > 1 else "looks like degrees: multiply it"
        return f"the {whose} {' and '.join(degrees)} {look} by π/180"
    if zenith.min(initial=0) < -_SLACK:
        return f"the {whose} zenith is negative, as a cosine or an elevation is: store arccos of a cosine, π/2 minus an elevation"
    if zenith.max(initial=0) > np.pi + _SLACK and np.abs(azimuth).max(initial=0) <= np.pi + _SLACK:
        return f"the {whose} zenith is above π, and azimuth is not: they look exchanged"
    return None


def _floats(column: pa.Array) -> ndarray:
    return np.asarray(column.to_numpy(zero_copy_only=False), np.float64)


def _is_floating(schema: pa.Schema, name: str) -> bool:
    return name in schema.names and pa.types.is_floating(schema.field(name).type)


def coarse_times(latest_ns: float) -> str | None:
    """What the digits of times as late as this are, where float64 has too few, and the remedy."""
    spacing = float(np.spacing(latest_ns))
    if not np.isfinite(spacing) or spacing < _COARSEST_NS:
        return None
    return (
        f"times reach {latest_ns:.4g} ns, where float64 resolves {spacing:g} ns: store them relative to the first pulse of "
        "each event, or as int64"
    )
