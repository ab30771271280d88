"""log L of a job with its derivatives; see `icereco.physics.likelihood.likelihood`."""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from icereco.physics.likelihood.compiled.delays import Delays, cascade_delays, track_delays
from icereco.physics.likelihood.compiled.machine import compiled
from icereco.physics.likelihood.compiled.optics import SLOWNESS_NS_PER_M
from icereco.physics.likelihood.compiled.rates import (
    ALL,
    KNOWN,
    SHARPNESS,
    SUMS,
    add_times,
    log_density,
    look_up,
)
from icereco.physics.likelihood.compiled.seen import COUNT, EFFICIENCY, FIRST_PULSE, LAST_PULSE, NOISE, WEIGHT
from icereco.physics.likelihood.compiled.sources import (
    Source,
    View,
    add_source,
    cascade_at,
    set_row,
    set_tangents,
    track_at,
    view,
)

__all__ = ["Problem", "Space", "curvature", "space"]


class Problem(NamedTuple):
    """What all jobs have in common.

    Attributes:
        optics: see `icereco.physics.likelihood.compiled.optics`.
        pandel: coefficients of the table of `ConvolvedPandel`.
        survival: those of the table of `PandelSurvival`; none if all pulses are used.
        inverse_size: square of the relative error of the expectation.
        has_track, has_cascade, starts: see `Hypothesis`.
        moves: indices of its free moves.
        prior: mean and precision of every free move; no precision where there is no prior.
        jitter_ns: standard deviation of the time of direct light.
    """

    optics: Float[ndarray, "number"]
    pandel: Float[ndarray, "coefficient"]
    survival: Float[ndarray, "coefficient"]
    inverse_size: float
    has_track: bool
    has_cascade: bool
    starts: bool
    moves: Int[ndarray, "free"]
    prior: Float[ndarray, "free 2"]
    jitter_ns: float


class Space(NamedTuple):
    """Arrays to work with, of one job at a time."""

    tangents: Float[ndarray, "2 3"]
    leaves: Float[ndarray, "8"]
    rows: Float[ndarray, "2 free"]
    known: Float[ndarray, "distribution pulse 9"]
    sums: Float[ndarray, "row 5"]


@compiled
def space(pulses: int, free: int) -> Space:
    """Return arrays for events of so many pulses."""
    return Space(
        np.empty((2, 3)),
        np.empty(8),
        np.empty((2, free)),
        np.empty((4, pulses, KNOWN)),
        np.zeros((ALL + 1, SUMS)),
    )


@compiled
def curvature(
    problem: Problem,
    modules: Float[ndarray, "module 9"],
    pulses: Float[ndarray, "pulse 5"],
    parameters: Float[ndarray, "parameter"],
    work: Space,
    derivatives: Float[ndarray, "free_and_one free"],
) -> float:
    """Return log L; write its information into the lower triangle of `derivatives`, and its gradient into the last row."""
    optics, moves, leaves, rows, sums = problem.optics, problem.moves, work.leaves, work.rows, work.sums
    has_track, both = problem.has_track, problem.has_track and problem.has_cascade
    time_ns, jitter_ns = parameters[6], problem.jitter_ns
    set_tangents(parameters, work.tangents)
    value = _prior(problem.prior, moves, parameters, derivatives)
    track_light, cascade_light = math.exp(parameters[7]), math.exp(parameters[8])
    for module in range(len(modules)):
        weight, efficiency = modules[module, WEIGHT], modules[module, EFFICIENCY]
        if weight == 0.0:
            continue
        at = view(modules, module, parameters, work.tangents)
        if has_track:
            source = track_at(optics, at, efficiency * track_light, parameters[9], problem.starts)
        else:
            source = cascade_at(optics, at, efficiency * cascade_light)
        other = cascade_at(optics, at, efficiency * cascade_light) if both else source
        expected = modules[module, NOISE] + source.number[0] + (other.number[0] if both else 0.0)
        _set_number(leaves, source, other, has_track, both)
        set_row(rows, 0, at, leaves, moves)
        value += _charge(modules[module, COUNT], weight, expected, problem.inverse_size, rows, derivatives)
        first, last = int(modules[module, FIRST_PULSE]), int(modules[module, LAST_PULSE])
        if first == last:
            continue
        delays = _delays(optics[SLOWNESS_NS_PER_M], source, has_track)
        other_delays = _delays(optics[SLOWNESS_NS_PER_M], other, False) if both else delays
        look_up(
            problem.pandel,
            problem.survival,
            pulses,
            first,
            last,
            time_ns,
            jitter_ns,
            source,
            delays,
            work.known,
            sums,
            0,
        )
        if both:
            look_up(
                problem.pandel,
                problem.survival,
                pulses,
                first,
                last,
                time_ns,
                jitter_ns,
                other,
                other_delays,
                work.known,
                sums,
                2,
            )
        value += log_density(
            pulses, first, last, expected, 4 if both else 2, len(problem.survival) > 0, work.known, sums
        )
        leaves[:] = 0.0
        leaves[5 if has_track else 6] = source.number[0] * add_times(leaves, source, delays, sums, 0)
        if both:
            leaves[6] = other.number[0] * add_times(leaves, other, other_delays, sums, 2)
        set_row(rows, 0, at, leaves, moves)
        _add_row(rows, 1.0, derivatives)
        _add_arrivals(at, source, other, both, moves, leaves, rows, sums, derivatives)
    return value


@compiled
def _delays(slowness_ns_per_m: float, source: Source, of_track: bool) -> Delays:
    if of_track:
        return track_delays(slowness_ns_per_m, source.light)
    return cascade_delays(slowness_ns_per_m, source.light)


@compiled
def _prior(
    prior: Float[ndarray, "free 2"],
    moves: Int[ndarray, "free"],
    parameters: Float[ndarray, "parameter"],
    derivatives: Float[ndarray, "free_and_one free"],
) -> float:
    """Begin with the prior."""
    derivatives[:] = 0.0
    value, free = 0.0, len(moves)
    for i in range(free):
        precision = prior[i, 1]
        if precision > 0.0:
            pull = parameters[moves[i] + 1] - prior[i, 0]
            value -= 0.5 * precision * pull * pull
            derivatives[free, i] = -precision * pull
            derivatives[i, i] = precision
    return value


@compiled
def _set_number(
    leaves: Float[ndarray, "8"], source: Source, other: Source, has_track: bool, both: bool
) -> None:
    """Write the derivatives of the expected number of photo-electrons by the leaves."""
    leaves[:] = 0.0
    add_source(leaves, source, source.number[1], source.number[2], source.number[3])
    leaves[5 if has_track else 6] = source.number[0]
    leaves[7] = source.by_end
    if both:
        add_source(leaves, other, other.number[1], other.number[2], other.number[3])
        leaves[6] = other.number[0]


@compiled
def _charge(
    count: float,
    weight: float,
    expected: float,
    inverse_size: float,
    rows: Float[ndarray, "2 free"],
    derivatives: Float[ndarray, "free_and_one free"],
) -> float:
    """Return log of the probability of a count, of a Poisson or negative binomial distribution."""
    variance = expected * (1.0 + inverse_size * expected)
    _add_row(rows, weight * (count - expected) / variance, derivatives)
    _add_outer(rows, 0, 0, weight / variance, derivatives)
    log_mean = count * math.log(expected) if count > 0.0 else 0.0
    if inverse_size == 0.0:
        return weight * (log_mean - expected)
    return weight * (log_mean - (count + 1.0 / inverse_size) * math.log(1.0 + inverse_size * expected))


@compiled
def _add_row(
    rows: Float[ndarray, "2 free"], factor: float, derivatives: Float[ndarray, "free_and_one free"]
) -> None:
    """Add a multiple of the first row to the gradient."""
    free = rows.shape[1]
    for i in range(free):
        derivatives[free, i] += factor * rows[0, i]


@compiled
def _add_outer(
    rows: Float[ndarray, "2 free"],
    first: int,
    second: int,
    factor: float,
    derivatives: Float[ndarray, "free_and_one free"],
) -> None:
    """Add a multiple of the outer product of two rows to the information."""
    for i in range(rows.shape[1]):
        left = factor * rows[first, i]
        for j in range(i + 1):
            derivatives[i, j] += left * rows[second, j]


@compiled
def _add_arrivals(
    at: View,
    source: Source,
    other: Source,
    both: bool,
    moves: Int[ndarray, "free"],
    leaves: Float[ndarray, "8"],
    rows: Float[ndarray, "2 free"],
    sums: Float[ndarray, "row 5"],
    derivatives: Float[ndarray, "free_and_one free"],
) -> None:
    """Add the information from the times of arrival of direct light."""
    _set_arrival(leaves, source)
    set_row(rows, 0, at, leaves, moves)
    _add_outer(rows, 0, 0, sums[ALL, SHARPNESS], derivatives)
    if both:
        _set_arrival(leaves, other)
        set_row(rows, 1, at, leaves, moves)
        _add_outer(rows, 0, 1, sums[ALL, SHARPNESS + 1], derivatives)
        _add_outer(rows, 1, 0, sums[ALL, SHARPNESS + 1], derivatives)
        _add_outer(rows, 1, 1, sums[ALL, SHARPNESS + 2], derivatives)


@compiled
def _set_arrival(leaves: Float[ndarray, "8"], source: Source) -> None:
    """Write the derivatives of the time of arrival of a source's direct light by the leaves."""
    leaves[:] = 0.0
    leaves[0], leaves[1], leaves[4] = source.time_by_along, source.time_by_square, 1.0
