"""The rates of photo-electrons at the times of pulses, and the density that follows from them.

Eight pulses at once, of whatever modules. The derivatives of each pulse are written into columns, and from there added to the sums of
its module.
"""

import math
from typing import NamedTuple

from jaxtyping import Float
from numpy import ndarray

from icereco.physics.likelihood.compiled.access import look, put, take
from icereco.physics.likelihood.compiled.arrival import Density, arrival_of, density_at
from icereco.physics.likelihood.compiled.delays import Delays
from icereco.physics.likelihood.compiled.elementary import exponential, logarithm
from icereco.physics.likelihood.compiled.held import (
    BLOCK,
    EARLY,
    EARLY_SCALE,
    EARLY_SHAPE,
    LATE_SCALE,
    LATE_SHAPE,
    NUMBER,
    SOURCE,
    TIME_NS,
)
from icereco.physics.likelihood.compiled.jets import Jet, added, scaled
from icereco.physics.likelihood.compiled.lanes import LANES, chosen, floored
from icereco.physics.likelihood.compiled.seen import (
    LATER,
    LATER_NOISE,
    LOG_NOISE_PER_NS,
    MODULE,
    PULSE_TIME_NS,
    PULSE_WEIGHT,
)
from icereco.physics.likelihood.compiled.sources import ALONG, END, SQUARE, TIME, Source, add_leaf, add_source
from icereco.physics.likelihood.compiled.survival import survival_at
from icereco.system.machine_code import compiled

__all__ = [
    "COLUMNS",
    "OF_DISTRIBUTION",
    "SHARPNESS",
    "SUMS",
    "add_columns",
    "add_later",
    "add_times",
    "log_rates",
]

_FAINTEST = 1e-30

OF_NUMBER, OF_TIME, OF_SHAPE, OF_SCALE = range(4)
OF_DISTRIBUTION = 4
SHARPNESS = 4 * OF_DISTRIBUTION
SUMS = SHARPNESS + 3
"""Sums of a module: derivatives of the log density by the expected number, the time of direct light and the parameters of each of
four distributions; weights of the information from the times of the first source, of both, and of the second."""

MEAN, LOG_RATE, OF_FIRST, OF_SECOND = range(SUMS, SUMS + 4)
LATER_PART = SUMS + 4
COLUMNS = LATER_PART + 4 * OF_DISTRIBUTION
"""What is kept of eight pulses for a while: their parts of the sums, the derivative of the logarithm of the rate by the time, that
logarithm, the parts of the rate that each source has; and of each distribution the part that is later, and the derivatives of its
logarithm times the expected number, of which that by the time of direct light."""

Held = Float[ndarray, "number"]


class Rates(NamedTuple):
    """Rates of the photo-electrons of a source.

    Attributes:
        early, late: densities of its two distributions.
        early_number, late_number: expected photo-electrons of these.
        log_early, log_late: logarithms of the rates.
    """

    early: Density
    late: Density
    early_number: float
    late_number: float
    log_early: float
    log_late: float


@compiled
def _rates(
    pandel: Float[ndarray, "coefficient"], held: Held, at: float, time_ns: float, jitter_ns: float
) -> Rates:
    """Return the rates of a source that is held at a place."""
    number, part = look(held, at + NUMBER), look(held, at + EARLY)
    since = time_ns - look(held, at + TIME_NS)
    early = arrival_of(look(held, at + EARLY_SHAPE), look(held, at + EARLY_SCALE), jitter_ns)
    late = arrival_of(look(held, at + LATE_SHAPE), look(held, at + LATE_SCALE), jitter_ns)
    of_early, of_late = (
        density_at(pandel, early, since, jitter_ns),
        density_at(pandel, late, since, jitter_ns),
    )
    early_number, late_number = number * part, number * (1.0 - part)
    return Rates(
        of_early,
        of_late,
        early_number,
        late_number,
        logarithm(early_number + _FAINTEST) + of_early.value,
        logarithm(late_number + _FAINTEST) + of_late.value,
    )


@compiled
def _higher(one: float, other: float) -> float:
    return chosen(one > other, one, other)


@compiled
def _put_derivatives(
    columns: Float[ndarray, "column_lane"], distribution: int, weighted: float, number: float, of: Density
) -> None:
    """Write the derivatives by what a distribution depends on, which has so much of the rate."""
    at = OF_DISTRIBUTION * distribution * LANES
    put(columns, at + OF_NUMBER * LANES, weighted / (number + _FAINTEST))
    put(columns, at + OF_TIME * LANES, -weighted * of.slope)
    put(columns, at + OF_SHAPE * LANES, weighted * of.by_shape)
    put(columns, at + OF_SCALE * LANES, weighted * of.by_scale)


@compiled
def log_rates(
    pandel: Float[ndarray, "coefficient"],
    pulses: Float[ndarray, "column pulse"],
    first: int,
    time_ns: float,
    jitter_ns: float,
    sources: int,
    held: Held,
    columns: Float[ndarray, "column_lane"],
) -> float:
    """Return the logarithms of the rates at the times of eight pulses, times their weights; write the derivatives into columns."""
    row = pulses.shape[1]
    module, weight = take(pulses, MODULE * row + first), take(pulses, PULSE_WEIGHT * row + first)
    group = floored(module * (1.0 / LANES))
    at = group * BLOCK + (module - group * LANES)
    time_ns = take(pulses, PULSE_TIME_NS * row + first) - time_ns
    log_noise = take(pulses, LOG_NOISE_PER_NS * row + first)
    one = _rates(pandel, held, at, time_ns, jitter_ns)
    highest = _higher(_higher(log_noise, one.log_early), one.log_late)
    two = one
    if sources == 2:
        two = _rates(pandel, held, at + SOURCE, time_ns, jitter_ns)
        highest = _higher(_higher(highest, two.log_early), two.log_late)
    early, late = exponential(one.log_early - highest), exponential(one.log_late - highest)
    other_early = other_late = 0.0 * weight
    if sources == 2:
        other_early, other_late = exponential(two.log_early - highest), exponential(two.log_late - highest)
    rate = exponential(log_noise - highest) + early + late + other_early + other_late
    early, late, other_early, other_late = early / rate, late / rate, other_early / rate, other_late / rate
    mean = early * one.early.slope + late * one.late.slope
    square = _square(early, one.early) + _square(late, one.late)
    _put_derivatives(columns, 0, weight * early, one.early_number, one.early)
    _put_derivatives(columns, 1, weight * late, one.late_number, one.late)
    if sources == 2:
        mean = mean + other_early * two.early.slope + other_late * two.late.slope
        square = square + _square(other_early, two.early) + _square(other_late, two.late)
        _put_derivatives(columns, 2, weight * other_early, two.early_number, two.early)
        _put_derivatives(columns, 3, weight * other_late, two.late_number, two.late)
    log_rate = highest + logarithm(rate)
    put(columns, MEAN * LANES, mean)
    put(columns, LOG_RATE * LANES, log_rate)
    _put_sharpness(
        columns, weight * _higher(mean * mean - square, 0.0), early + late, other_early + other_late
    )
    return weight * log_rate


@compiled
def _square(part: float, of: Density) -> float:
    """The second derivative of a density over the density, times its part of the rate."""
    return part * (of.bend + of.slope * of.slope)


@compiled
def _put_sharpness(
    columns: Float[ndarray, "column_lane"], sharpness: float, of_first: float, of_second: float
) -> None:
    put(columns, SHARPNESS * LANES, sharpness * of_first * of_first)
    put(columns, (SHARPNESS + 1) * LANES, sharpness * of_first * of_second)
    put(columns, (SHARPNESS + 2) * LANES, sharpness * of_second * of_second)
    put(columns, OF_FIRST * LANES, of_first)
    put(columns, OF_SECOND * LANES, of_second)


@compiled
def add_later(
    survival: Float[ndarray, "coefficient"],
    pulses: Float[ndarray, "column pulse"],
    first: int,
    time_ns: float,
    jitter_ns: float,
    sources: int,
    held: Held,
    columns: Float[ndarray, "column_lane"],
) -> float:
    """Return the log probability that all other photo-electrons are later than these pulses; add its derivatives to the columns.

    What the modules of the pulses expect is not divided by; see `curvature`.
    """
    value = 0.0
    for lane in range(LANES):
        pulse = first + lane
        later = pulses[LATER, pulse]
        if later > 0.0 and pulses[PULSE_WEIGHT, pulse] > 0.0:
            value += _later(survival, pulses, pulse, lane, time_ns, jitter_ns, sources, held, columns)
    return value


@compiled
def _later(
    survival: Float[ndarray, "coefficient"],
    pulses: Float[ndarray, "column pulse"],
    pulse: int,
    lane: int,
    time_ns: float,
    jitter_ns: float,
    sources: int,
    held: Held,
    columns: Float[ndarray, "column_lane"],
) -> float:
    """The same of one pulse: the log of the sum of the expected numbers times their parts that are later."""
    module = int(pulses[MODULE, pulse])
    at = module // LANES * BLOCK + module % LANES
    left: float = pulses[LATER_NOISE, pulse]
    since_ns = pulses[PULSE_TIME_NS, pulse] - time_ns
    for distribution in range(2 * sources):
        number, shape, scale_ns, late_ns = _held_distribution(held, at, distribution, since_ns)
        one = survival_at(survival, shape, scale_ns, late_ns, jitter_ns)
        part = (LATER_PART + OF_DISTRIBUTION * distribution) * LANES + lane
        columns[part + OF_NUMBER * LANES] = math.exp(one.value)
        columns[part + OF_TIME * LANES] = -number * one.by_time
        columns[part + OF_SHAPE * LANES] = number * one.by_shape
        columns[part + OF_SCALE * LANES] = number * one.by_scale
        left += number * columns[part + OF_NUMBER * LANES]
    later, weight = pulses[LATER, pulse], pulses[PULSE_WEIGHT, pulse]
    for distribution in range(2 * sources):
        part = (LATER_PART + OF_DISTRIBUTION * distribution) * LANES + lane
        factor = weight * later * columns[part + OF_NUMBER * LANES] / left
        column = OF_DISTRIBUTION * distribution * LANES + lane
        columns[column + OF_NUMBER * LANES] += factor
        for which in range(OF_TIME, OF_DISTRIBUTION):
            columns[column + which * LANES] += factor * columns[part + which * LANES]
    # d log(1 − F)/dt = −λ with the hazard λ = f/(1 − F), and dλ/dt = λ (d log f/dt + λ).
    hazard = math.exp(columns[LOG_RATE * LANES + lane] - math.log(left))
    sharpness = weight * later * max(hazard * (columns[MEAN * LANES + lane] + hazard), 0.0)
    of_first, of_second = columns[OF_FIRST * LANES + lane], columns[OF_SECOND * LANES + lane]
    columns[SHARPNESS * LANES + lane] += sharpness * of_first * of_first
    columns[(SHARPNESS + 1) * LANES + lane] += sharpness * of_first * of_second
    columns[(SHARPNESS + 2) * LANES + lane] += sharpness * of_second * of_second
    value: float = weight * later * math.log(left)
    return value


@compiled
def _held_distribution(
    held: Held, at: int, distribution: int, time_ns: float
) -> tuple[float, float, float, float]:
    """Return expected number, shape, scale (ns) of one of four distributions, and the time since its direct light."""
    at += SOURCE if distribution >= 2 else 0
    late = distribution % 2 == 1
    part = held[at + EARLY]
    number = held[at + NUMBER] * (1.0 - part if late else part)
    shape, scale_ns = (
        held[at + (LATE_SHAPE if late else EARLY_SHAPE)],
        held[at + (LATE_SCALE if late else EARLY_SCALE)],
    )
    return number, shape, scale_ns, time_ns - held[at + TIME_NS]


@compiled
def add_columns(
    pulses: Float[ndarray, "column pulse"],
    first: int,
    sources: int,
    columns: Float[ndarray, "column_lane"],
    sums: Float[ndarray, "number"],
) -> None:
    """Add the columns of eight pulses to the sums of their modules."""
    for lane in range(LANES):
        if pulses[PULSE_WEIGHT, first + lane] == 0.0:
            continue
        module = int(pulses[MODULE, first + lane])
        at = module // LANES * SUMS * LANES + module % LANES
        for column in range(2 * sources * OF_DISTRIBUTION):
            sums[at + column * LANES] += columns[column * LANES + lane]
        for column in range(SHARPNESS, SHARPNESS + 2 * sources - 1):
            sums[at + column * LANES] += columns[column * LANES + lane]


@compiled
def add_times(
    leaves: Float[ndarray, "leaf_lane"],
    source: Source,
    delays: Delays,
    sums: Float[ndarray, "number"],
    at: int,
    of_expected: float,
) -> float:
    """Turn derivatives by what the density depends on into those by the leaves; return that by the expected number of the source.

    The sums of its two distributions are at a place; `of_expected` is the derivative by what all sources and noise are expected to
    give.
    """
    late_at = at + OF_DISTRIBUTION * LANES
    part = delays.early[0]
    of_early, of_late = take(sums, at + OF_NUMBER * LANES), take(sums, late_at + OF_NUMBER * LANES)
    by_number = of_early * part + of_late * (1.0 - part) + of_expected
    by_part = source.number[0] * (of_early - of_late)
    by_variable = _jets_sum(source, delays, sums, at, by_number, by_part)
    add_source(leaves, source, by_variable[1], by_variable[2], by_variable[3])
    by_time = take(sums, at + OF_TIME * LANES) + take(sums, late_at + OF_TIME * LANES)
    add_leaf(leaves, ALONG, by_time * source.time_by_along)
    add_leaf(leaves, SQUARE, by_time * source.time_by_square)
    add_leaf(leaves, TIME, by_time)
    add_leaf(leaves, END, by_number * source.by_end)
    return by_number


@compiled
def _jets_sum(
    source: Source,
    delays: Delays,
    sums: Float[ndarray, "number"],
    at: int,
    by_number: float,
    by_part: float,
) -> Jet:
    """Return the derivatives by the variables of the jets."""
    late_at = at + OF_DISTRIBUTION * LANES
    total = added(scaled(source.number, by_number), scaled(delays.early, by_part))
    total = added(total, scaled(delays.early_shape, take(sums, at + OF_SHAPE * LANES)))
    total = added(total, scaled(delays.early_scale_ns, take(sums, at + OF_SCALE * LANES)))
    total = added(total, scaled(delays.late_shape, take(sums, late_at + OF_SHAPE * LANES)))
    return added(total, scaled(delays.late_scale_ns, take(sums, late_at + OF_SCALE * LANES)))
