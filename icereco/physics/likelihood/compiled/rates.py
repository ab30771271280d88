"""The rates of photo-electrons at the times of a module's pulses, and the density that follows from them.

`known` has nine numbers of each distribution of delays and each pulse: the columns below. `sums` has a row of each distribution, with
derivatives of the log density of all pulses of the module, and a last row of what concerns all of them.
"""

import math

from jaxtyping import Float
from numpy import ndarray

from icereco.physics.likelihood.compiled.arrival import arrival_of, density_at
from icereco.physics.likelihood.compiled.delays import Delays
from icereco.physics.likelihood.compiled.jets import Jet, added, scaled
from icereco.physics.likelihood.compiled.machine import compiled
from icereco.physics.likelihood.compiled.seen import (
    LATER,
    LATER_NOISE,
    NOISE_PER_NS,
    PULSE_WEIGHT,
    TIME_NS,
)
from icereco.physics.likelihood.compiled.sources import Source, add_source
from icereco.physics.likelihood.compiled.survival import survival_at

__all__ = ["ALL", "KNOWN", "SHARPNESS", "SUMS", "add_times", "log_density", "look_up"]

_FAINTEST = 1e-30

LOG_RATE, SLOPE, BEND, BY_SHAPE, BY_SCALE, LEFT, LEFT_SLOPE, LEFT_BY_SHAPE, LEFT_BY_SCALE = range(9)
KNOWN = 9
"""Columns of `known`: logarithm of the rate with its derivatives by the time, twice, and by the parameters of the distribution; the
part of the light that is later, and the derivatives of its logarithm."""

OF_NUMBER, OF_TIME, OF_SHAPE, OF_SCALE, NUMBER = range(5)
SUMS = 5
"""Columns of `sums`: derivatives by the expected number, the time of direct light and the parameters of a distribution; and that
number itself."""

ALL = 4
SHARPNESS, OF_EXPECTED = 0, 3
"""Last row of `sums`: weights of the information from the times of the first source, of both, and of the second; the derivative by
the expectation of all sources and noise."""


@compiled
def look_up(
    pandel: Float[ndarray, "coefficient"],
    survival: Float[ndarray, "coefficient"],
    pulses: Float[ndarray, "pulse 5"],
    first: int,
    last: int,
    time_ns: float,
    jitter_ns: float,
    source: Source,
    delays: Delays,
    known: Float[ndarray, "distribution pulse 9"],
    sums: Float[ndarray, "row 5"],
    place: int,
) -> None:
    """Write what is known of the pulses of a module by a source, whose two distributions are at `place`."""
    for late in range(2):
        number = source.number[0] * (1.0 - delays.early[0] if late else delays.early[0])
        shape = delays.late_shape[0] if late else delays.early_shape[0]
        scale = delays.late_scale_ns[0] if late else delays.early_scale_ns[0]
        arrival = arrival_of(shape, scale, jitter_ns)
        log_number = math.log(number + _FAINTEST)
        k = place + late
        sums[k, NUMBER] = number
        for pulse in range(first, last):
            since = pulses[pulse, TIME_NS] - time_ns - source.time_ns
            density = density_at(pandel, arrival, since, jitter_ns)
            row = pulse - first
            known[k, row, LOG_RATE] = log_number + density.value
            known[k, row, SLOPE], known[k, row, BEND] = density.slope, density.bend
            known[k, row, BY_SHAPE], known[k, row, BY_SCALE] = density.by_shape, density.by_scale
            if len(survival):
                left = survival_at(survival, shape, scale, since, jitter_ns)
                known[k, row, LEFT], known[k, row, LEFT_SLOPE] = math.exp(left.value), left.by_time
                known[k, row, LEFT_BY_SHAPE], known[k, row, LEFT_BY_SCALE] = left.by_shape, left.by_scale


@compiled
def log_density(
    pulses: Float[ndarray, "pulse 5"],
    first: int,
    last: int,
    expected: float,
    distributions: int,
    first_only: bool,
    known: Float[ndarray, "distribution pulse 9"],
    sums: Float[ndarray, "row 5"],
) -> float:
    """Return the log density of the pulses of a module that expects so many photo-electrons; write its derivatives."""
    sums[:, :NUMBER] = 0.0
    value, log_expected = 0.0, math.log(expected)
    for pulse in range(first, last):
        weight, row = pulses[pulse, PULSE_WEIGHT], pulse - first
        if weight == 0.0:
            continue
        log_rate = _log_rate(math.log(pulses[pulse, NOISE_PER_NS]), distributions, known, row)
        mean = square = of_first = of_second = 0.0
        for k in range(distributions):
            part, slope = math.exp(known[k, row, LOG_RATE] - log_rate), known[k, row, SLOPE]
            mean += part * slope
            square += part * (known[k, row, BEND] + slope * slope)
            if k < 2:
                of_first += part
            else:
                of_second += part
            weighted = weight * part
            sums[k, OF_NUMBER] += weighted / (sums[k, NUMBER] + _FAINTEST)
            sums[k, OF_TIME] -= weighted * slope
            sums[k, OF_SHAPE] += weighted * known[k, row, BY_SHAPE]
            sums[k, OF_SCALE] += weighted * known[k, row, BY_SCALE]
        sums[ALL, OF_EXPECTED] -= weight / expected
        value += weight * (log_rate - log_expected)
        sharpness = max(mean * mean - square, 0.0)
        if first_only and pulses[pulse, LATER] > 0.0:
            later = pulses[pulse, LATER]
            log_left = _log_left(
                pulses[pulse, LATER_NOISE], weight * later, expected, distributions, known, row, sums
            )
            value += weight * later * log_left
            # d log(1 − F)/dt = −λ with the hazard λ = f/(1 − F), and dλ/dt = λ (d log f/dt + λ).
            hazard = math.exp(log_rate - log_expected - log_left)
            sharpness += later * max(hazard * (mean + hazard), 0.0)
        sums[ALL, SHARPNESS] += weight * sharpness * of_first * of_first
        sums[ALL, SHARPNESS + 1] += weight * sharpness * of_first * of_second
        sums[ALL, SHARPNESS + 2] += weight * sharpness * of_second * of_second
    return value


@compiled
def _log_rate(
    log_noise: float, distributions: int, known: Float[ndarray, "distribution pulse 9"], row: int
) -> float:
    """Return the logarithm of the rate of all sources and of noise."""
    highest = log_noise
    for k in range(distributions):
        highest = max(highest, known[k, row, LOG_RATE])
    total = math.exp(log_noise - highest)
    for k in range(distributions):
        total += math.exp(known[k, row, LOG_RATE] - highest)
    return highest + math.log(total)


@compiled
def _log_left(
    later_noise: float,
    weight: float,
    expected: float,
    distributions: int,
    known: Float[ndarray, "distribution pulse 9"],
    row: int,
    sums: Float[ndarray, "row 5"],
) -> float:
    """Return the logarithm of the part of the photo-electrons that is later than a pulse; add its derivatives times a weight."""
    left: float = later_noise
    for k in range(distributions):
        left += sums[k, NUMBER] * known[k, row, LEFT]
    for k in range(distributions):
        factor = weight * known[k, row, LEFT] / left
        sums[k, OF_NUMBER] += factor
        factor *= sums[k, NUMBER]
        sums[k, OF_TIME] -= factor * known[k, row, LEFT_SLOPE]
        sums[k, OF_SHAPE] += factor * known[k, row, LEFT_BY_SHAPE]
        sums[k, OF_SCALE] += factor * known[k, row, LEFT_BY_SCALE]
    sums[ALL, OF_EXPECTED] -= weight / expected
    return math.log(left / expected)


@compiled
def add_times(
    leaves: Float[ndarray, "8"], source: Source, delays: Delays, sums: Float[ndarray, "row 5"], place: int
) -> float:
    """Turn derivatives by what the density depends on into those by the leaves; return that by the expected number of the source."""
    part, late = delays.early[0], place + 1
    by_number: float = (
        sums[place, OF_NUMBER] * part + sums[late, OF_NUMBER] * (1.0 - part) + sums[ALL, OF_EXPECTED]
    )
    by_part = source.number[0] * (sums[place, OF_NUMBER] - sums[late, OF_NUMBER])
    by_variable = _jets_sum(source, delays, sums, place, by_number, by_part)
    add_source(leaves, source, by_variable[1], by_variable[2], by_variable[3])
    by_time = sums[place, OF_TIME] + sums[late, OF_TIME]
    leaves[0] += by_time * source.time_by_along
    leaves[1] += by_time * source.time_by_square
    leaves[4] += by_time
    leaves[7] += by_number * source.by_end
    return by_number


@compiled
def _jets_sum(
    source: Source,
    delays: Delays,
    sums: Float[ndarray, "row 5"],
    place: int,
    by_number: float,
    by_part: float,
) -> Jet:
    """Return the derivatives by the variables of the jets."""
    total = added(scaled(source.number, by_number), scaled(delays.early, by_part))
    total = added(total, scaled(delays.early_shape, sums[place, OF_SHAPE]))
    total = added(total, scaled(delays.early_scale_ns, sums[place, OF_SCALE]))
    total = added(total, scaled(delays.late_shape, sums[place + 1, OF_SHAPE]))
    return added(total, scaled(delays.late_scale_ns, sums[place + 1, OF_SCALE]))
