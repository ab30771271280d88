"""Light of tracks and cascades at a module, with its derivatives; see `icereco.physics.light`.

The three variables of the jets are, of a track, the distance of the module from it, the height of the module above the point from
which it gets its light, and the distance along the track; of a cascade, the distance, the height above it, and the distance along
its axis.
"""

import math
from typing import NamedTuple

from jaxtyping import Float
from numpy import ndarray

from icereco.physics.light.acceptance import MODULE_AREA_M2
from icereco.physics.light.yields import PHOTONS_PER_M
from icereco.physics.likelihood.compiled.access import look, look_four
from icereco.physics.likelihood.compiled.elementary import exponential
from icereco.physics.likelihood.compiled.jets import (
    Jet,
    chained,
    chained_of_three,
    chained_of_two,
    divided,
    multiplied,
    scaled,
    shifted,
)
from icereco.physics.likelihood.compiled.lanes import chosen, floored
from icereco.physics.likelihood.compiled.optics import (
    ACCEPTANCE,
    ACCEPTANCE_CELLS,
    ACCEPTANCE_MEAN,
    ACCEPTANCE_SLOPE,
    BLURRED,
    EMISSION,
    EMISSION_CELLS,
    ICE,
    ICE_BOTTOM_M,
    ICE_NODES,
    MEAN_COSINE,
    NODE,
    SINE,
)
from icereco.physics.likelihood.compiled.splines import limited
from icereco.system.machine_code import compiled

__all__ = ["Light", "cascade_light", "softened_root", "track_light"]

_GRID_M = 5.0
_PHOTONS_TIMES_AREA = PHOTONS_PER_M * MODULE_AREA_M2


class Light(NamedTuple):
    """The light of a source of unit brightness at a module of unit efficiency, and what its delay depends on.

    Attributes:
        photo_electrons: expected number.
        scatterings: distance in effective scattering lengths.
        cos_impact: 1 for unscattered light that travels straight up.
        cos_emission: 1 for a module straight ahead of a cascade; of no meaning for a track.
        scattering_per_m, absorption_per_m: means on the way.
    """

    photo_electrons: Jet
    scatterings: Jet
    cos_impact: Jet
    cos_emission: Jet
    scattering_per_m: Jet
    absorption_per_m: Jet


@compiled
def softened_root(square: float) -> tuple[float, float]:
    """The square root above 1 m, and below it the parabola that continues it; with its derivative."""
    near = square < 1.0
    root = math.sqrt(chosen(near, 1.0, square))
    return chosen(near, 0.5 * square + 0.5, root), 0.5 / root


@compiled
def _tabulated(
    optics: Float[ndarray, "number"], table: float, cells: float, cosine: float
) -> tuple[float, float]:
    """Interpolate a table between −1 and 1; with the derivative."""
    place = 0.5 * (cosine + 1.0) * cells
    within = limited(place, 0.0, cells)
    cell = floored(chosen(within < cells - 1.0, within, cells - 1.0))
    part = within - cell
    at = table + 4.0 * cell
    first, second, third, fourth = look_four(optics, at)
    value = first + part * (second + part * (third + part * fourth))
    slope = second + part * (2.0 * third + part * (3.0 * fourth))
    return value, chosen(abs(place - within) > 0.0, 0.0, 0.5 * cells * slope)


class _Way(NamedTuple):
    """A way through the ice in cells of the table, from the first place to the second.

    Attributes:
        low, high: cells of its lower and its upper end.
        low_part, high_part: where in their cells these are.
        length: of the way in cells, if both ends are in one cell at least 1.
        first_is_high: whether the first place is the upper end.
        within: whether both ends are in one cell.
    """

    low: float
    high: float
    low_part: float
    high_part: float
    length: float
    first_is_high: bool
    within: bool


@compiled
def _way(first: float, second: float) -> _Way:
    down = first > second
    low, high = chosen(down, second, first), chosen(down, first, second)
    low_cell, high_cell = floored(low), floored(high)
    within = high_cell < low_cell + 0.5
    length = chosen(within, 1.0, high - low)
    return _Way(low_cell, high_cell, low - low_cell, high - high_cell, length, down, within)


@compiled
def _mean(optics: Float[ndarray, "number"], which: float, way: _Way) -> tuple[float, float]:
    """Return the mean coefficient on a way, and its derivative by the first place."""
    at, at_high = ICE + which + NODE * way.low, ICE + which + NODE * way.high
    value, step = look(optics, at), look(optics, at + 2.0)
    high_value, high_step = look(optics, at_high), look(optics, at_high + 2.0)
    cells = look(optics, at_high + 4.0) - look(optics, at + (NODE + 4.0))
    start = (1.0 - way.low_part) * (value + step * (0.5 + 0.5 * way.low_part))
    end = way.high_part * (high_value + high_step * (0.5 * way.high_part))
    near = value + step * (0.5 * (way.low_part + way.high_part))
    mean = chosen(way.within, near, (start + cells + end) / way.length)
    of_low, of_high = value + step * way.low_part, high_value + high_step * way.high_part
    slope = chosen(way.first_is_high, of_high - mean, mean - of_low) / way.length
    return mean, chosen(way.within, 0.5 * step, slope)


@compiled
def _ice(optics: Float[ndarray, "number"], rise: Jet, module_z_m: float) -> tuple[Jet, Jet]:
    """Mean scattering and absorption coefficients on the way up to a module from a point so far below it."""
    last = optics[ICE_NODES] - 2.0
    place = (module_z_m - rise[0] - optics[ICE_BOTTOM_M]) * (1.0 / _GRID_M)
    first = limited(place, 0.0, last)
    by_rise = chosen(abs(place - first) > 0.0, 0.0, -1.0 / _GRID_M)
    way = _way(first, limited((module_z_m - optics[ICE_BOTTOM_M]) * (1.0 / _GRID_M), 0.0, last))
    scattering, by_place = _mean(optics, 0.0, way)
    absorption, by_same = _mean(optics, 1.0, way)
    return chained(rise, scattering, by_place * by_rise), chained(rise, absorption, by_same * by_rise)


@compiled
def _accepted(optics: Float[ndarray, "number"], cos_impact: Jet, drift: Jet, direct: Jet) -> Jet:
    """Relative acceptance; see `AngularAcceptance`."""
    mean, slope = optics[ACCEPTANCE_MEAN], optics[ACCEPTANCE_SLOPE]
    acceptance, by_cosine = _tabulated(optics, ACCEPTANCE, ACCEPTANCE_CELLS, cos_impact[0])
    linear = mean + slope * cos_impact[0]
    more = drift[0] - 1.0
    value = linear + direct[0] * (acceptance - linear) + more * slope * cos_impact[0]
    by_impact = slope + direct[0] * (by_cosine - slope) + more * slope
    return chained_of_three(
        cos_impact, drift, direct, value, by_impact, slope * cos_impact[0], acceptance - linear
    )


@compiled
def _lengths(scattering: Jet, absorption: Jet) -> tuple[Jet, Jet]:
    """The inverse of the propagation length, and the length of the diffusion."""
    root = math.sqrt(3.0 * scattering[0] * absorption[0])
    per_propagation = chained_of_two(
        scattering, absorption, root, 0.5 * root / scattering[0], 0.5 * root / absorption[0]
    )
    ratio = absorption[0] / scattering[0]
    diffusion = exponential(ratio) / (3.0 * scattering[0])
    by_scattering = -diffusion * (1.0 + ratio) / scattering[0]
    return per_propagation, chained_of_two(
        scattering, absorption, diffusion, by_scattering, diffusion / scattering[0]
    )


@compiled
def _over_tanh(x: Jet) -> Jet:
    """X tanh x of a positive jet."""
    fall = exponential(-2.0 * x[0])
    tanh = (1.0 - fall) / (1.0 + fall)
    return chained(x, x[0] * tanh, tanh + x[0] * (1.0 - tanh * tanh))


@compiled
def _faded(distance: Jet, per_length: Jet) -> Jet:
    """e^(−d/λ)."""
    value = exponential(-distance[0] * per_length[0])
    return chained_of_two(distance, per_length, value, -value * per_length[0], -value * distance[0])


@compiled
def _exponential(x: Jet, factor: float) -> Jet:
    """e^(factor x)."""
    value = exponential(factor * x[0])
    return chained(x, value, factor * value)


@compiled
def _track_density(
    distance: Jet, scatterings: Jet, scattering: Jet, absorption: Jet, cherenkov_sine: float
) -> Jet:
    """See `icereco.physics.light.density.track_density`."""
    per_propagation, diffusion = _lengths(scattering, absorption)
    factor = math.sqrt(2.0 / math.pi) / cherenkov_sine
    root = math.sqrt(per_propagation[0])
    length = chained_of_two(
        diffusion,
        per_propagation,
        diffusion[0] * root * factor,
        root * factor,
        0.5 * diffusion[0] / root * factor,
    )
    near = math.sqrt(distance[0])
    ratio = divided(chained(distance, near, 0.5 / near), length)
    spread = multiplied(multiplied(length, length), _over_tanh(ratio))
    rest = 1.0 / (1.0 + scatterings[0] * (1.0 / 0.43))
    between = chained(scatterings, 0.96 + 0.18 * rest, -0.18 * rest * rest * (1.0 / 0.43))
    light = divided(multiplied(between, _faded(distance, per_propagation)), spread)
    return scaled(light, 1.0 / (2 * math.pi * cherenkov_sine))


@compiled
def _cascade_density(distance: Jet, scatterings: Jet, scattering: Jet, absorption: Jet) -> Jet:
    """See `icereco.physics.light.density.cascade_density`."""
    per_propagation, diffusion = _lengths(scattering, absorption)
    ratio = divided(distance, diffusion)
    spread = multiplied(multiplied(diffusion, diffusion), _over_tanh(ratio))
    s = scatterings[0]
    below = s * (s + 0.73) + 0.3
    between = chained(
        scatterings, 1.0 + 0.326 * s / below, 0.326 * (below - s * (2.0 * s + 0.73)) / (below * below)
    )
    light = divided(multiplied(between, _faded(distance, per_propagation)), spread)
    return scaled(light, 1.0 / (4 * math.pi))


@compiled
def _emitted(optics: Float[ndarray, "number"], cos_emission: Jet, scatterings: Jet) -> Jet:
    """See `CascadeEmission`."""
    sharp, by_cosine = _tabulated(optics, EMISSION, EMISSION_CELLS, cos_emission[0])
    blurred, blurred_by_cosine = _tabulated(optics, BLURRED, EMISSION_CELLS, cos_emission[0])
    s = scatterings[0]
    straight = exponential(-4.9 * s)
    root = math.sqrt(s * (1.0 / 0.8))
    turned = 1.0 / (1.0 + s * (1.0 / 0.8) * root)
    turned_by_s = -turned * turned * 1.5 * root * (1.0 / 0.8)
    mean = optics[MEAN_COSINE] / (1.0 + 0.03 * s)
    mean_by_s = -mean * 0.03 / (1.0 + 0.03 * s)
    drift = 1.0 + cos_emission[0] * mean
    value = drift + straight * (sharp - blurred) + turned * (blurred - drift)
    by_emission = (
        mean * (1.0 - turned) + straight * (by_cosine - blurred_by_cosine) + turned * blurred_by_cosine
    )
    by_s = (
        cos_emission[0] * mean_by_s * (1.0 - turned)
        - 4.9 * straight * (sharp - blurred)
        + turned_by_s * (blurred - drift)
    )
    return chained_of_two(cos_emission, scatterings, value, by_emission, by_s)


@compiled
def track_light(
    optics: Float[ndarray, "number"], distance_m: float, rise_m: float, module_z_m: float
) -> Light:
    """Light of an infinite track; see `LightModel.tracks`.

    Args:
        optics: of the light model.
        distance_m: of the module from the track.
        rise_m: z of the module above the point of emission.
        module_z_m: z of the module.
    """
    distance, rise = (distance_m, 1.0, 0.0, 0.0), (rise_m, 0.0, 1.0, 0.0)
    cos_impact = scaled(divided(rise, distance), optics[SINE])
    scattering, absorption = _ice(optics, rise, module_z_m)
    scatterings = multiplied(distance, scattering)
    density = _track_density(distance, scatterings, scattering, absorption, optics[SINE])
    straight = _exponential(scatterings, -2.0)
    accepted = _accepted(
        optics, cos_impact, shifted(scaled(straight, 0.8), 0.2), multiplied(straight, straight)
    )
    light = scaled(multiplied(density, accepted), _PHOTONS_TIMES_AREA)
    return Light(light, scatterings, cos_impact, cos_impact, scattering, absorption)


@compiled
def cascade_light(
    optics: Float[ndarray, "number"], distance_m: float, height_m: float, along_m: float, module_z_m: float
) -> Light:
    """Light of a cascade; see `LightModel.cascades`.

    Args:
        optics: of the light model.
        distance_m: of the module from the cascade.
        height_m: z of the module above the cascade.
        along_m: of the module from the cascade, along the cascade's axis.
        module_z_m: z of the module.
    """
    distance, height = (distance_m, 1.0, 0.0, 0.0), (height_m, 0.0, 1.0, 0.0)
    cos_emission = divided((along_m, 0.0, 0.0, 1.0), distance)
    cos_impact = divided(height, distance)
    scattering, absorption = _ice(optics, height, module_z_m)
    scatterings = multiplied(distance, scattering)
    density = _cascade_density(distance, scatterings, scattering, absorption)
    emitted = _emitted(optics, cos_emission, scatterings)
    rest = 1.0 / (1.0 + scatterings[0] * (1.0 / 0.6))
    drift = chained(scatterings, 0.31 + 0.69 * rest, -0.69 * rest * rest * (1.0 / 0.6))
    accepted = _accepted(optics, cos_impact, drift, _exponential(scatterings, -2.5))
    light = scaled(multiplied(multiplied(density, emitted), accepted), _PHOTONS_TIMES_AREA)
    return Light(light, scatterings, cos_impact, cos_emission, scattering, absorption)
