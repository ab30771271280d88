"""The light of the sources of a hypothesis at one module, and how it changes with their parameters."""

import math
from typing import NamedTuple

from jaxtyping import Float, Int
from numpy import ndarray

from icereco.physics.likelihood.compiled.jets import Jet, multiplied, scaled
from icereco.physics.likelihood.compiled.light import Light, cascade_light, softened_root, track_light
from icereco.physics.likelihood.compiled.machine import compiled
from icereco.physics.likelihood.compiled.optics import (
    COSINE,
    PER_C_NS_PER_M,
    SINE,
    SLOWNESS_NS_PER_M,
    TRACK_DELAY_NS_PER_M,
)
from icereco.physics.likelihood.compiled.seen import X_M, Y_M, Z_M
from icereco.physics.likelihood.sources import ENDLESS_M

__all__ = ["Source", "View", "add_source", "cascade_at", "set_row", "set_tangents", "track_at", "view"]

_STRAIGHT_M, _END_M = 30.0, 5.0


class View(NamedTuple):
    """A module as seen from the sources of a job.

    Attributes:
        along_m: distance along the direction of travel from the reference point.
        first_m, second_m: distances along the two tangents.
        height_m: z above the reference point.
        travel_z, first_z, second_z: z of the direction of travel and of the tangents.
        module_z_m: z of the module.
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
    """The light of a source at a module.

    Attributes:
        light: of unit brightness, in an endless track.
        number: expected photo-electrons.
        by_end: their derivative by the end of the track.
        time_ns: of direct light, after the time of the sources.
        time_by_along, time_by_square: its derivatives by the distance along the direction of travel, and by the square of that
            across it.
        along_by_first, along_by_second, square_by_first, square_by_second, travel_by_second: derivatives of the first two
            variables of the jets by the distances, and by the z of the direction of travel.
    """

    light: Light
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
    modules: Float[ndarray, "module 9"],
    module: int,
    parameters: Float[ndarray, "parameter"],
    tangents: Float[ndarray, "2 3"],
) -> View:
    """Look at a module."""
    module_z_m = modules[module, Z_M]
    x, y, z = (
        modules[module, X_M] - parameters[3],
        modules[module, Y_M] - parameters[4],
        module_z_m - parameters[5],
    )
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
    straight = math.exp(distance * (-1.0 / _STRAIGHT_M))
    middle = along + before - straight * distance * cotangent
    middle_by_distance = straight * cotangent * (distance * (1.0 / _STRAIGHT_M) - 1.0)
    length = end + before
    per_m = 2 * math.pi / (distance + _END_M)
    after = 1.0 / (1.0 + math.exp(-max(middle * per_m, -80.0)))
    ahead = 1.0 / (1.0 + math.exp(-max((length - middle) * per_m, -80.0)))
    missing = math.exp(-length * per_m)
    both = after * ahead
    share = (1.0 - missing if missing < 0.5 else -math.expm1(-length * per_m)) * both
    by_middle = share * per_m * ((1.0 - after) - (1.0 - ahead))
    by_length = share * per_m * (1.0 - ahead) + missing * per_m * both
    by_per_m = share * ((1.0 - after) * middle + (1.0 - ahead) * (length - middle)) + missing * length * both
    by_distance = by_middle * middle_by_distance - by_per_m * per_m / (distance + _END_M)
    return (share, by_distance, 0.0, by_middle), by_length


@compiled
def track_at(
    optics: Float[ndarray, "number"], seen: View, brightness: float, end_m: float, starts: bool
) -> Source:
    """Return the light of a track; `brightness` includes the efficiency of the module."""
    square = seen.first_m * seen.first_m + seen.second_m * seen.second_m
    distance, by_square = softened_root(square)
    cotangent = optics[COSINE] / optics[SINE]
    emitted = seen.along_m - distance * cotangent
    light = track_light(optics, distance, seen.height_m - emitted * seen.travel_z, seen.module_z_m)
    share, by_end = _share(distance, seen.along_m, cotangent, 0.0 if starts else ENDLESS_M, end_m)
    return Source(
        light,
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
def cascade_at(optics: Float[ndarray, "number"], seen: View, brightness: float) -> Source:
    """Return the light of a cascade; `brightness` includes the efficiency of the module."""
    square = seen.first_m * seen.first_m + seen.second_m * seen.second_m + seen.along_m * seen.along_m
    distance, by_square = softened_root(square)
    light = cascade_light(optics, distance, seen.height_m, seen.along_m, seen.module_z_m)
    by_along = 2.0 * seen.along_m * by_square
    return Source(
        light,
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
def add_source(
    leaves: Float[ndarray, "8"], source: Source, first: float, second: float, third: float
) -> None:
    """Add derivatives by the variables of a source's jets to those by the leaves of `Frame`, of which the first four are meant."""
    leaves[0] += third + source.along_by_first * first + source.along_by_second * second
    leaves[1] += source.square_by_first * first + source.square_by_second * second
    leaves[2] += second
    leaves[3] += source.travel_by_second * second


@compiled
def set_row(
    rows: Float[ndarray, "2 free"],
    row: int,
    seen: View,
    leaves: Float[ndarray, "8"],
    moves: Int[ndarray, "free"],
) -> None:
    """Turn derivatives by the leaves into those along the free moves; see `Frame.along`.

    Leaves are the distance along, the square of that across, the height, the z of the direction of travel, the time, the logarithms
    of the light of track and cascade, and the end of the track.
    """
    for free in range(len(moves)):
        move = moves[free]
        if move >= 5:
            rows[row, free] = leaves[move - 1]
        elif move == 4:
            rows[row, free] = -leaves[0] - seen.travel_z * leaves[2]
        else:
            side = seen.first_m if move % 2 == 0 else seen.second_m
            rise = seen.first_z if move % 2 == 0 else seen.second_z
            if move >= 2:
                rows[row, free] = -2.0 * side * leaves[1] - rise * leaves[2]
            else:
                rows[row, free] = side * (leaves[0] - 2.0 * seen.along_m * leaves[1]) + rise * leaves[3]
