"""log L of a job with its derivatives; see `icereco.physics.likelihood.likelihood`."""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from icereco.physics.likelihood.compiled.access import put, take
from icereco.physics.likelihood.compiled.delays import cascade_delays, track_delays
from icereco.physics.likelihood.compiled.elementary import logarithm
from icereco.physics.likelihood.compiled.held import (
    BLOCK,
    EXPECTED,
    SOURCE,
    delays_held,
    hold,
    hold_delays,
    source_held,
)
from icereco.physics.likelihood.compiled.lanes import LANES, total
from icereco.physics.likelihood.compiled.optics import SLOWNESS_NS_PER_M
from icereco.physics.likelihood.compiled.rates import (
    COLUMNS,
    OF_DISTRIBUTION,
    SHARPNESS,
    SUMS,
    add_columns,
    add_later,
    add_times,
    log_rates,
)
from icereco.physics.likelihood.compiled.seen import COUNT, EFFICIENCY, NOISE, PULSE_WEIGHTS, WEIGHT
from icereco.physics.likelihood.compiled.sources import (
    ALONG,
    CASCADE,
    END,
    LEAVES,
    SQUARE,
    TIME,
    TRACK,
    Source,
    add_leaf,
    add_source,
    cascade_at,
    clear,
    set_rows,
    set_tangents,
    track_at,
    view,
)
from icereco.system.machine_code import compiled

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
    """Arrays to work with, of one job at a time; all but the first are of lanes.

    Attributes:
        tangents: see `set_tangents`.
        leaves: derivatives by the leaves.
        rows: two times the derivatives along the free moves.
        totals: log L, its gradient and its information.
        held: what is kept of modules with pulses.
        sums: of the pulses of these.
        columns: what is kept of eight pulses for a while.
    """

    tangents: Float[ndarray, "2 3"]
    leaves: Float[ndarray, "leaf_lane"]
    rows: Float[ndarray, "2_free_lane"]
    totals: Float[ndarray, "number_lane"]
    held: Float[ndarray, "number"]
    sums: Float[ndarray, "number"]
    columns: Float[ndarray, "column_lane"]


@compiled
def space(modules: int, free: int) -> Space:
    """Return arrays for events of so many modules."""
    groups = modules // LANES
    return Space(
        np.empty((2, 3)),
        np.empty(LEAVES * LANES),
        np.empty(2 * free * LANES),
        np.empty((1 + free + free * free) * LANES),
        np.empty(groups * BLOCK),
        np.empty(groups * SUMS * LANES),
        np.zeros(COLUMNS * LANES),
    )


@compiled
def curvature(
    problem: Problem,
    modules: Float[ndarray, "column module"],
    pulses: Float[ndarray, "column pulse"],
    groups: Int[ndarray, "3"],
    parameters: Float[ndarray, "parameter"],
    work: Space,
    derivatives: Float[ndarray, "free_and_one free"],
) -> float:
    """Return log L; write its information into the lower triangle of `derivatives`, and its gradient into the last row."""
    set_tangents(parameters, work.tangents)
    value, work.totals[:] = 0.0, 0.0
    track_light, cascade_light = math.exp(parameters[7]), math.exp(parameters[8])
    for group in range(groups[0]):
        _add_charges(problem, modules, group, group < groups[1], parameters, track_light, cascade_light, work)
    work.sums[: groups[1] * SUMS * LANES] = 0.0
    for group in range(groups[2]):
        value += _add_rates(problem, pulses, group * LANES, parameters[6], work)
    for group in range(groups[1]):
        _add_times(problem, modules, group, parameters, work)
    return (
        value
        + _collect(work.totals, derivatives)
        + _prior(problem.prior, problem.moves, parameters, derivatives)
    )


@compiled
def _add_charges(
    problem: Problem,
    modules: Float[ndarray, "column module"],
    group: int,
    hit: bool,
    parameters: Float[ndarray, "parameter"],
    track_light: float,
    cascade_light: float,
    work: Space,
) -> None:
    """Add log of the probability of the charges of eight modules, and keep their light where they have pulses."""
    optics, leaves, row = problem.optics, work.leaves, modules.shape[1]
    first, at = group * LANES, group * BLOCK
    seen = view(modules, first, parameters, work.tangents)
    efficiency, expected = take(modules, EFFICIENCY * row + first), take(modules, NOISE * row + first)
    clear(leaves)
    if problem.has_track:
        light, source = track_at(optics, seen, efficiency * track_light, parameters[9], problem.starts)
        _add_number(leaves, source, TRACK)
        expected = expected + source.number[0]
        if hit:
            hold(work.held, at, source)
            hold_delays(work.held, at, track_delays(optics[SLOWNESS_NS_PER_M], light))
    if problem.has_cascade:
        light, source = cascade_at(optics, seen, efficiency * cascade_light)
        _add_number(leaves, source, CASCADE)
        expected = expected + source.number[0]
        if hit:
            place = at + (SOURCE if problem.has_track else 0)
            hold(work.held, place, source)
            hold_delays(work.held, place, cascade_delays(optics[SLOWNESS_NS_PER_M], light))
    if hit:
        put(work.held, at + EXPECTED, expected)
    set_rows(work.rows, 0, seen, leaves, problem.moves)
    count, weight = take(modules, COUNT * row + first), take(modules, WEIGHT * row + first)
    _add_charge(count, weight, expected, problem.inverse_size, len(problem.moves), work)


@compiled
def _add_number(leaves: Float[ndarray, "leaf_lane"], source: Source, brightness: int) -> None:
    """Add the derivatives of the expected number of photo-electrons by the leaves, of which one is the brightness of the source."""
    add_source(leaves, source, source.number[1], source.number[2], source.number[3])
    add_leaf(leaves, brightness, source.number[0])
    add_leaf(leaves, END, source.by_end)


@compiled
def _add_charge(
    count: float, weight: float, expected: float, inverse_size: float, free: int, work: Space
) -> None:
    """Add log of the probability of counts, of Poisson or negative binomial distributions."""
    variance = expected * (1.0 + inverse_size * expected)
    _add_rows(work.rows, weight * (count - expected) / variance, free, work.totals)
    _add_outer(work.rows, 0, 0, weight / variance, free, work.totals)
    value = count * logarithm(expected)
    if inverse_size == 0.0:
        value = value - expected
    else:
        value = value - (count + 1.0 / inverse_size) * logarithm(1.0 + inverse_size * expected)
    put(work.totals, 0, take(work.totals, 0) + weight * value)


@compiled
def _add_rates(
    problem: Problem, pulses: Float[ndarray, "column pulse"], first: int, time_ns: float, work: Space
) -> float:
    """Add the log densities of eight pulses but for the expectations of their modules; return what is not in the totals."""
    sources = 2 if problem.has_track and problem.has_cascade else 1
    jitter_ns, held, columns = problem.jitter_ns, work.held, work.columns
    value = log_rates(problem.pandel, pulses, first, time_ns, jitter_ns, sources, held, columns)
    put(work.totals, 0, take(work.totals, 0) + value)
    more = 0.0
    if len(problem.survival) > 0:
        more = add_later(problem.survival, pulses, first, time_ns, jitter_ns, sources, held, columns)
    add_columns(pulses, first, sources, columns, work.sums)
    return more


@compiled
def _add_times(
    problem: Problem,
    modules: Float[ndarray, "column module"],
    group: int,
    parameters: Float[ndarray, "parameter"],
    work: Space,
) -> None:
    """Add the derivatives of the log densities of the pulses of eight modules."""
    moves, leaves, rows, sums = problem.moves, work.leaves, work.rows, work.sums
    first, at, of_sums = group * LANES, group * BLOCK, group * SUMS * LANES
    seen = view(modules, first, parameters, work.tangents)
    weights = take(modules, PULSE_WEIGHTS * modules.shape[1] + first)
    expected = take(work.held, at + EXPECTED)
    put(work.totals, 0, take(work.totals, 0) - weights * logarithm(expected))
    one = source_held(work.held, at)
    clear(leaves)
    by_number = add_times(leaves, one, delays_held(work.held, at), sums, of_sums, -weights / expected)
    add_leaf(leaves, TRACK if problem.has_track else CASCADE, one.number[0] * by_number)
    both = problem.has_track and problem.has_cascade
    if both:
        two, of_two = source_held(work.held, at + SOURCE), of_sums + 2 * OF_DISTRIBUTION * LANES
        by_number = add_times(
            leaves, two, delays_held(work.held, at + SOURCE), sums, of_two, -weights / expected
        )
        add_leaf(leaves, CASCADE, two.number[0] * by_number)
    set_rows(rows, 0, seen, leaves, moves)
    _add_rows(rows, 1.0, len(moves), work.totals)
    _set_arrival(leaves, one)
    set_rows(rows, 0, seen, leaves, moves)
    _add_arrivals(rows, 0, 0, sums, of_sums, 0, len(moves), work.totals)
    if both:
        _set_arrival(leaves, source_held(work.held, at + SOURCE))
        set_rows(rows, len(moves), seen, leaves, moves)
        _add_arrivals(rows, 0, 1, sums, of_sums, 1, len(moves), work.totals)
        _add_arrivals(rows, 1, 0, sums, of_sums, 1, len(moves), work.totals)
        _add_arrivals(rows, 1, 1, sums, of_sums, 2, len(moves), work.totals)


@compiled
def _add_arrivals(
    rows: Float[ndarray, "2_free_lane"],
    first: int,
    second: int,
    sums: Float[ndarray, "number"],
    at: int,
    which: int,
    free: int,
    totals: Float[ndarray, "number_lane"],
) -> None:
    """Add the information from the times of arrival of direct light."""
    _add_outer(rows, first, second, take(sums, at + (SHARPNESS + which) * LANES), free, totals)


@compiled
def _set_arrival(leaves: Float[ndarray, "leaf_lane"], source: Source) -> None:
    """Write the derivatives of the time of arrival of a source's direct light by the leaves."""
    clear(leaves)
    put(leaves, ALONG * LANES, source.time_by_along)
    put(leaves, SQUARE * LANES, source.time_by_square)
    put(leaves, TIME * LANES, 1.0)


@compiled
def _add_rows(
    rows: Float[ndarray, "2_free_lane"], factor: float, free: int, totals: Float[ndarray, "number_lane"]
) -> None:
    """Add a multiple of the first rows to the gradient."""
    for i in range(free):
        at = (1 + i) * LANES
        put(totals, at, take(totals, at) + factor * take(rows, i * LANES))


@compiled
def _add_outer(
    rows: Float[ndarray, "2_free_lane"],
    first: int,
    second: int,
    factor: float,
    free: int,
    totals: Float[ndarray, "number_lane"],
) -> None:
    """Add a multiple of the outer product of two rows to the information."""
    for i in range(free):
        left = factor * take(rows, (first * free + i) * LANES)
        for j in range(i + 1):
            at = (1 + free + i * free + j) * LANES
            put(totals, at, take(totals, at) + left * take(rows, (second * free + j) * LANES))


@compiled
def _collect(
    totals: Float[ndarray, "number_lane"], derivatives: Float[ndarray, "free_and_one free"]
) -> float:
    """Add up the lanes; return log L, and write its derivatives."""
    free = derivatives.shape[1]
    for i in range(free):
        derivatives[free, i] = total(take(totals, (1 + i) * LANES))
        for j in range(i + 1):
            derivatives[i, j] = total(take(totals, (1 + free + i * free + j) * LANES))
    value: float = total(take(totals, 0))
    return value


@compiled
def _prior(
    prior: Float[ndarray, "free 2"],
    moves: Int[ndarray, "free"],
    parameters: Float[ndarray, "parameter"],
    derivatives: Float[ndarray, "free_and_one free"],
) -> float:
    """Return the logarithm of the prior, and add its derivatives."""
    value, free = 0.0, len(moves)
    for i in range(free):
        precision = prior[i, 1]
        if precision > 0.0:
            pull = parameters[moves[i] + 1] - prior[i, 0]
            value -= 0.5 * precision * pull * pull
            derivatives[free, i] -= precision * pull
            derivatives[i, i] += precision
    return value
