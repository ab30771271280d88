"""The light of the sources of a hypothesis at eight modules, and how it changes with their parameters."""

import math
from typing import NamedTuple

from jaxtyping import Float, Int
from numpy import ndarray

from icereco.physics.likelihood.compiled.access import put, take
from icereco.physics.likelihood.compiled.elementary import exponential, exponential_less_one
from icereco.physics.likelihood.compiled.jets import Jet, multiplied, scaled
from icereco.physics.likelihood.compiled.lanes import LANES, chosen
from icereco.physics.likelihood.compiled.light import Light, cascade_light, softened_root, track_light
from icereco.physics.likelihood.compiled.optics import (
    COSINE,
    PER_C_NS_PER_M,
    SINE,
    SLOWNESS_NS_PER_M,
    TRACK_DELAY_NS_PER_M,
)
from icereco.physics.likelihood.compiled.seen import X_M, Y_M, Z_M
from icereco.physics.likelihood.sources import ENDLESS_M
from icereco.system.machine_code import compiled

__all__ = [
    "ALONG",
    "CASCADE",
    "END",
    "SQUARE",
    "TIME",
    "TRACK",
    "LEAVES",
    "Source",
    "View",
    "add_leaf",
    "add_source",
    "cascade_at",
    "clear",
    "set_rows",
    "set_tangents",
    "track_at",
    "view",
]

_STRAIGHT_M, _END_M = 30.0, 5.0

LEAVES = 8
ALONG, SQUARE, HEIGHT, TRAVEL_Z, TIME, TRACK, CASCADE, END = range(LEAVES)
"""Leaves, what the light of sources depends on: the distance along, the square of that across, the height, the z of the direction
of travel, the time, the logarithms of the light of track and cascade, and the end of the track."""


class View(NamedTuple):
    """Modules as seen from the sources of a job.

    Attributes:
        along_m: distance along the direction of travel from the reference point.
        first_m, second_m: distances along the two tangents.
        height_m: z above the reference point.
        travel_z, first_z, second_z: z of the direction of travel and of the tangents.
        module_z_m: z of the modules.
    """

    along_m: float
    first_m: float
    second_m: float
    height_m: float
    travel_z: float
    first_z: float
    second_z: float
    module_z_m: float


class Source(NamedTuple):
    """The light of a source at modules.

    Attributes:
        number: expected photo-electrons.
        by_end: their derivative by the end of the track.
        time_ns: of direct light, after the time of the sources.
        time_by_along, time_by_square: its derivatives by the distance along the direction of travel, and by the square of that
            across it.
        along_by_first, along_by_second, square_by_first, square_by_second, travel_by_second: derivatives of the first two
            variables of the jets by the distances, and by the z of the direction of travel.
    """

    number: Jet
    by_end: float
    time_ns: float
    time_by_along: float
    time_by_square: float
    along_by_first: float
    along_by_second: float
    square_by_first: float
    square_by_second: float
    travel_by_second: float


@compiled
def set_tangents(parameters: Float[ndarray, "parameter"], out: Float[ndarray, "2 3"]) -> None:
    """As `icereco.physics.likelihood.sources.tangents`."""
    x, y, z = parameters[0], parameters[1], parameters[2]
    sign = math.copysign(1.0, z)
    a = -1.0 / (sign + z)
    b = x * y * a
    out[0, 0], out[0, 1], out[0, 2] = 1.0 + sign * x * x * a, sign * b, -sign * x
    out[1, 0], out[1, 1], out[1, 2] = b, sign + y * y * a, -y


@compiled
def view(
    modules: Float[ndarray, "column module"],
    first: int,
    parameters: Float[ndarray, "parameter"],
    tangents: Float[ndarray, "2 3"],
) -> View:
    """Look at modules, the first of which is given."""
    row = modules.shape[1]
    module_z_m = take(modules, Z_M * row + first)
    x = take(modules, X_M * row + first) - parameters[3]
    y = take(modules, Y_M * row + first) - parameters[4]
    z = module_z_m - parameters[5]
    return View(
        x * parameters[0] + y * parameters[1] + z * parameters[2],
        x * tangents[0, 0] + y * tangents[0, 1] + z * tangents[0, 2],
        x * tangents[1, 0] + y * tangents[1, 1] + z * tangents[1, 2],
        z,
        parameters[2],
        tangents[0, 2],
        tangents[1, 2],
        module_z_m,
    )


@compiled
def _share(distance: float, along: float, cotangent: float, before: float, end: float) -> tuple[Jet, float]:
    """Return the light of a track with ends as a part of that of an endless one (`Line.share`), and its derivative by the end."""
    straight = exponential(distance * (-1.0 / _STRAIGHT_M))
    middle = along + before - straight * distance * cotangent
    middle_by_distance = straight * cotangent * (distance * (1.0 / _STRAIGHT_M) - 1.0)
    length = end + before
    per_m = 2 * math.pi / (distance + _END_M)
    after = 1.0 / (1.0 + exponential(-(middle * per_m)))
    ahead = 1.0 / (1.0 + exponential(-((length - middle) * per_m)))
    missing = exponential(-length * per_m)
    both = after * ahead
    short = missing > 0.5
    there = chosen(short, -exponential_less_one(chosen(short, -length * per_m, 0.0)), 1.0 - missing)
    share = there * both
    by_middle = share * per_m * ((1.0 - after) - (1.0 - ahead))
    by_length = share * per_m * (1.0 - ahead) + missing * per_m * both
    by_per_m = share * ((1.0 - after) * middle + (1.0 - ahead) * (length - middle)) + missing * length * both
    by_distance = by_middle * middle_by_distance - by_per_m * per_m / (distance + _END_M)
    return (share, by_distance, 0.0, by_middle), by_length


@compiled
def track_at(
    optics: Float[ndarray, "number"], seen: View, brightness: float, end_m: float, starts: bool
) -> tuple[Light, Source]:
    """Return the light of an endless track of unit brightness, and that of a track; `brightness` includes the efficiency."""
    square = seen.first_m * seen.first_m + seen.second_m * seen.second_m
    distance, by_square = softened_root(square)
    cotangent = optics[COSINE] / optics[SINE]
    emitted = seen.along_m - distance * cotangent
    light = track_light(optics, distance, seen.height_m - emitted * seen.travel_z, seen.module_z_m)
    share, by_end = _share(distance, seen.along_m, cotangent, 0.0 if starts else ENDLESS_M, end_m)
    return light, Source(
        scaled(multiplied(light.photo_electrons, share), brightness),
        brightness * light.photo_electrons[0] * by_end,
        seen.along_m * optics[PER_C_NS_PER_M] + distance * optics[TRACK_DELAY_NS_PER_M],
        optics[PER_C_NS_PER_M],
        optics[TRACK_DELAY_NS_PER_M] * by_square,
        0.0,
        -seen.travel_z,
        by_square,
        by_square * cotangent * seen.travel_z,
        -emitted,
    )


@compiled
def cascade_at(optics: Float[ndarray, "number"], seen: View, brightness: float) -> tuple[Light, Source]:
    """Return the light of a cascade of unit brightness, and that of a cascade; `brightness` includes the efficiency."""
    square = seen.first_m * seen.first_m + seen.second_m * seen.second_m + seen.along_m * seen.along_m
    distance, by_square = softened_root(square)
    light = cascade_light(optics, distance, seen.height_m, seen.along_m, seen.module_z_m)
    by_along = 2.0 * seen.along_m * by_square
    return light, Source(
        scaled(light.photo_electrons, brightness),
        0.0,
        distance * optics[SLOWNESS_NS_PER_M],
        optics[SLOWNESS_NS_PER_M] * by_along,
        optics[SLOWNESS_NS_PER_M] * by_square,
        by_along,
        0.0,
        by_square,
        0.0,
        0.0,
    )


@compiled
def clear(leaves: Float[ndarray, "leaf_lane"]) -> None:
    """Write zeros into all leaves."""
    for leaf in range(LEAVES):
        put(leaves, leaf * LANES, 0.0)


@compiled
def add_leaf(leaves: Float[ndarray, "leaf_lane"], leaf: int, derivative: float) -> None:
    """Add derivatives by a leaf."""
    put(leaves, leaf * LANES, take(leaves, leaf * LANES) + derivative)


@compiled
def add_source(
    leaves: Float[ndarray, "leaf_lane"], source: Source, first: float, second: float, third: float
) -> None:
    """Add derivatives by the variables of a source's jets to those by the first four leaves; see `Frame`."""
    add_leaf(leaves, ALONG, third + source.along_by_first * first + source.along_by_second * second)
    add_leaf(leaves, SQUARE, source.square_by_first * first + source.square_by_second * second)
    add_leaf(leaves, HEIGHT, second)
    add_leaf(leaves, TRAVEL_Z, source.travel_by_second * second)


@compiled
def set_rows(
    rows: Float[ndarray, "row_lane"],
    row: int,
    seen: View,
    leaves: Float[ndarray, "leaf_lane"],
    moves: Int[ndarray, "free"],
) -> None:
    """Turn derivatives by the leaves into those along the free moves, in rows from the given one on; see `Frame.along`."""
    along, square = take(leaves, ALONG * LANES), take(leaves, SQUARE * LANES)
    height, travel_z = take(leaves, HEIGHT * LANES), take(leaves, TRAVEL_Z * LANES)
    for free in range(len(moves)):
        move, at = moves[free], (row + free) * LANES
        if move >= 5:
            put(rows, at, take(leaves, (move - 1) * LANES))
        elif move == 4:
            put(rows, at, -along - seen.travel_z * height)
        elif move == 3:
            put(rows, at, -2.0 * seen.second_m * square - seen.second_z * height)
        elif move == 2:
            put(rows, at, -2.0 * seen.first_m * square - seen.first_z * height)
        elif move == 1:
            put(rows, at, seen.second_m * (along - 2.0 * seen.along_m * square) + seen.second_z * travel_z)
        else:
            put(rows, at, seen.first_m * (along - 2.0 * seen.along_m * square) + seen.first_z * travel_z)
