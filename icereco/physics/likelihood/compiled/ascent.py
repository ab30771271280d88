"""Climbs to maxima of the likelihood, one job after the other; see `icereco.physics.likelihood.climb`."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from icereco.physics.likelihood.compiled.seen import Seen
from icereco.physics.likelihood.compiled.sources import set_tangents
from icereco.physics.likelihood.compiled.terms import Problem, Space, curvature, space
from icereco.system.machine_code import compiled, kept, sources_digest

__all__ = ["Ascent", "Reached", "ascend"]

_PARAMETERS = 10

Starts = Float[ndarray, "job parameter"]
Events = Int[ndarray, "job"]


class Ascent(NamedTuple):
    """How a climb goes; see `icereco.physics.likelihood.climb`.

    Attributes:
        steps: how many at most.
        largest_move: of one step, along each free move.
        first_damping, least_damping, most_damping: of the matrix.
        relax, tighten: factors on the damping after a step that is taken, and after one that is not.
        gain: expected gain of log L below which a maximum is reached.
    """

    steps: int
    largest_move: Float[ndarray, "free"]
    first_damping: float
    least_damping: float
    most_damping: float
    relax: float
    tighten: float
    gain: float


class Reached(NamedTuple):
    """Where climbs ended; `derivatives` has the information and, in the last row, the gradient; see `Maximum`."""

    parameters: Float[ndarray, "job parameter"]
    value: Float[ndarray, "job"]
    derivatives: Float[ndarray, "job free_and_one free"]
    converged: Bool[ndarray, "job"]


class Room(NamedTuple):
    """Arrays to climb with, of one job at a time: those of `curvature`, and parameters, derivatives, step and matrix of a trial."""

    work: Space
    parameters: Float[ndarray, "parameter"]
    derivatives: Float[ndarray, "free_and_one free"]
    step: Float[ndarray, "free"]
    matrix: Float[ndarray, "free free"]


@compiled
def _find_step(
    derivatives: Float[ndarray, "free_and_one free"],
    damping: float,
    largest: Float[ndarray, "free"],
    step: Float[ndarray, "free"],
    matrix: Float[ndarray, "free free"],
) -> float:
    """Solve for a step, by Cholesky's decomposition; return the gain that is expected of it, not a number if there is no solution."""
    free = len(step)
    for i in range(free):
        for j in range(i + 1):
            matrix[i, j] = derivatives[i, j]
        # What an event does not measure has no curvature; a little keeps the matrix from being singular.
        matrix[i, i] += damping * derivatives[i, i] + 0.01 / (largest[i] * largest[i])
    for i in range(free):
        for j in range(i + 1):
            total = matrix[i, j]
            for k in range(j):
                total -= matrix[i, k] * matrix[j, k]
            if i > j:
                matrix[i, j] = total / matrix[j, j]
            elif total > 0.0:
                matrix[i, i] = math.sqrt(total)
            else:
                step[:] = 0.0
                return math.nan
    for i in range(free):
        total = derivatives[free, i]
        for k in range(i):
            total -= matrix[i, k] * step[k]
        step[i] = total / matrix[i, i]
    for i in range(free - 1, -1, -1):
        total = step[i]
        for k in range(i + 1, free):
            total -= matrix[k, i] * step[k]
        step[i] = total / matrix[i, i]
    too_long, gain = 1.0, 0.0
    for i in range(free):
        too_long = max(too_long, abs(step[i]) / largest[i])
    for i in range(free):
        step[i] /= too_long
        gain += 0.5 * step[i] * derivatives[free, i]
    return gain


@compiled
def _move(
    parameters: Float[ndarray, "parameter"],
    moves: Int[ndarray, "free"],
    step: Float[ndarray, "free"],
    tangents: Float[ndarray, "2 3"],
    out: Float[ndarray, "parameter"],
) -> None:
    """As `Sources.moved`."""
    for place in range(_PARAMETERS):
        out[place] = parameters[place]
    turn_first = turn_second = 0.0
    for free in range(len(moves)):
        move = moves[free]
        if move == 0:
            turn_first = step[free]
        elif move == 1:
            turn_second = step[free]
        elif move < 4:
            for axis in range(3):
                out[3 + axis] += step[free] * tangents[move - 2, axis]
        elif move == 4:
            for axis in range(3):
                out[3 + axis] += step[free] * parameters[axis]
        else:
            out[move + 1] += step[free]
    angle = math.sqrt(turn_first * turn_first + turn_second * turn_second)
    if angle == 0.0:
        return
    cosine, ratio = math.cos(angle), math.sin(angle) / angle
    square = 0.0
    for axis in range(3):
        turn = turn_first * tangents[0, axis] + turn_second * tangents[1, axis]
        out[axis] = cosine * parameters[axis] + ratio * turn
        square += out[axis] * out[axis]
    norm = math.sqrt(square)
    for axis in range(3):
        out[axis] /= norm


@compiled
def _climbed(
    problem: Problem,
    ascent: Ascent,
    modules: Float[ndarray, "column module"],
    pulses: Float[ndarray, "column pulse"],
    groups: Int[ndarray, "3"],
    parameters: Float[ndarray, "parameter"],
    derivatives: Float[ndarray, "free_and_one free"],
    room: Room,
) -> tuple[float, bool]:
    """Climb from parameters to a maximum; return log L there, and whether it is one."""
    tangents = room.work.tangents
    value = curvature(problem, modules, pulses, groups, parameters, room.work, derivatives)
    damping, converged = ascent.first_damping, False
    for _ in range(ascent.steps):
        gain = _find_step(derivatives, damping, ascent.largest_move, room.step, room.matrix)
        _move(parameters, problem.moves, room.step, tangents, room.parameters)
        higher = curvature(problem, modules, pulses, groups, room.parameters, room.work, room.derivatives)
        better = higher > value
        damping *= ascent.relax if better else ascent.tighten
        damping = min(max(damping, ascent.least_damping), 2.0 * ascent.most_damping)
        converged = gain < ascent.gain or damping > ascent.most_damping
        if better:
            value = higher
            parameters[:], derivatives[:] = room.parameters, room.derivatives
        else:
            set_tangents(parameters, tangents)
        if converged:
            break
    for i in range(len(room.step)):
        for j in range(i):
            derivatives[j, i] = derivatives[i, j]
    return value, converged


def _kept_ascend(digest: str) -> Callable[[Problem, Ascent, Seen, Starts, Events], Reached]:
    """Compile `ascend`, or take what a program with the same sources compiled."""

    @kept
    def ascend(problem: Problem, ascent: Ascent, seen: Seen, start: Starts, event: Events) -> Reached:
        _ = digest  # in the closure
        jobs, free = len(start), len(problem.moves)
        reached = Reached(
            start.copy(), np.empty(jobs), np.empty((jobs, free + 1, free)), np.zeros(jobs, np.bool_)
        )
        room = Room(
            space(seen.modules.shape[2], free),
            np.empty(_PARAMETERS),
            np.empty((free + 1, free)),
            np.empty(free),
            np.empty((free, free)),
        )
        for job in range(jobs):
            reached.value[job], reached.converged[job] = _climbed(
                problem,
                ascent,
                seen.modules[event[job]],
                seen.pulses[event[job]],
                seen.groups[event[job]],
                reached.parameters[job],
                reached.derivatives[job],
                room,
            )
        return reached

    return ascend


ascend = _kept_ascend(sources_digest(Path(__file__).parents[2]))
"""Climb from the starting point of each job.

Args:
    problem: what all jobs have in common.
    ascent: how they climb.
    seen: observations of events.
    start: direction of travel, position, time, logarithms of the light of track and cascade, and end of the track, of each job.
    event: index of each job's event.
"""
