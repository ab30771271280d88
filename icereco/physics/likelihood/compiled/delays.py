"""Delays of a source's light at a module, with their derivatives; see `icereco.physics.light.delay`."""

from typing import NamedTuple

from icereco.physics.likelihood.compiled.elementary import exponential
from icereco.physics.likelihood.compiled.jets import Jet, added, chained, chained_of_two, multiplied, scaled
from icereco.physics.likelihood.compiled.light import Light
from icereco.system.machine_code import compiled

__all__ = ["Delays", "cascade_delays", "track_delays"]


class Delays(NamedTuple):
    """The two gamma distributions of the delays of light.

    Attributes:
        early: part of the light that is hardly scattered.
        early_shape, early_scale_ns: of its distribution.
        late_shape, late_scale_ns: of the rest.
    """

    early: Jet
    early_shape: Jet
    early_scale_ns: Jet
    late_shape: Jet
    late_scale_ns: Jet


@compiled
def _step(odds: Jet) -> Jet:
    """1 / (1 + e^−x)."""
    value = 1.0 / (1.0 + exponential(-odds[0]))
    return chained(odds, value, value * (1.0 - value))


@compiled
def _scale(slowness_ns_per_m: float, rate: Jet, light: Light) -> Jet:
    """Scale, ns, of a distribution whose rate is given per scattering length and without absorption."""
    per_m = added(multiplied(rate, light.scattering_per_m), light.absorption_per_m)
    value = slowness_ns_per_m / per_m[0]
    return chained(per_m, value, -value / per_m[0])


@compiled
def track_delays(slowness_ns_per_m: float, light: Light) -> Delays:
    """Delays of a track's light."""
    s, impact = light.scatterings[0], light.cos_impact[0]
    rest = 1.0 / (1.0 + s * (1.0 / 1.554))
    odds = chained_of_two(
        light.scatterings,
        light.cos_impact,
        (1.203 * impact - 0.07) * rest - 0.320 * s,
        -(1.203 * impact - 0.07) * rest * rest * (1.0 / 1.554) - 0.320,
        1.203 * rest,
    )
    near = 1.0 / (s + 0.01 + 0.222 * (1.0 - impact))
    early_rate = chained_of_two(
        light.scatterings,
        light.cos_impact,
        1.223 + 3.165 * near,
        -3.165 * near * near,
        3.165 * 0.222 * near * near,
    )
    away = 0.305 - impact
    half = 1.0 / (s + 0.056)
    fall = 1.0 / (s + 1.893)
    late_shape = chained_of_two(
        light.scatterings,
        light.cos_impact,
        s * (0.506 + 1.035 * fall) + 0.267 * away * away * s * half,
        0.506 + 1.035 * 1.893 * fall * fall + 0.267 * 0.056 * away * away * half * half,
        -2.0 * 0.267 * away * s * half,
    )
    slow = 1.0 / (1.0 + s * (1.0 / 1.034))
    late = exponential(-1.831 - 1.107 * slow)
    late_rate = chained(light.scatterings, late, late * 1.107 * slow * slow * (1.0 / 1.034))
    return Delays(
        _step(odds),
        chained(light.scatterings, 0.1305 + 1.722 * s, 1.722),
        _scale(slowness_ns_per_m, early_rate, light),
        late_shape,
        _scale(slowness_ns_per_m, late_rate, light),
    )


@compiled
def cascade_delays(slowness_ns_per_m: float, light: Light) -> Delays:
    """Delays of a cascade's light."""
    s, impact, emission = light.scatterings[0], light.cos_impact[0], light.cos_emission[0]
    rest = 1.0 / (1.0 + s * (1.0 / 1.336))
    numerator = added(scaled(light.cos_impact, 1.533), scaled(light.cos_emission, 2.559))
    odds = chained_of_two(
        light.scatterings,
        numerator,
        (numerator[0] - 0.193) * rest - 0.548 * s,
        -(numerator[0] - 0.193) * rest * rest * (1.0 / 1.336) - 0.548,
        rest,
    )
    turn = added(scaled(light.cos_impact, -0.0438), scaled(light.cos_emission, -0.2106))
    near = 1.0 / (s + 0.01 + 0.0438 + 0.2106 + turn[0])
    slope = -10.338 * near * near
    early_rate = chained_of_two(light.scatterings, turn, 0.815 + 10.338 * near, slope, slope)
    late_rate_value, late_rate_slope = _late_cascade_rate(s)
    return Delays(
        _step(odds),
        chained(light.scatterings, 0.1005 + 1.670 * s, 1.670),
        _scale(slowness_ns_per_m, early_rate, light),
        _late_cascade_shape(light, s, impact, emission),
        _scale(slowness_ns_per_m, chained(light.scatterings, late_rate_value, late_rate_slope), light),
    )


@compiled
def _late_cascade_rate(s: float) -> tuple[float, float]:
    slow = 1.0 / (1.0 + s * (1.0 / 9.613))
    rate = exponential(-2.003 + 0.257 * slow)
    return rate, -rate * 0.257 * slow * slow * (1.0 / 9.613)


@compiled
def _late_cascade_shape(light: Light, s: float, impact: float, emission: float) -> Jet:
    away = 0.354 - impact
    half = 1.0 / (s + 0.233)
    behind = 1.0 - 1.124 * emission
    fall = 1.0 / (s + 1.466)
    of_impact = chained_of_two(
        light.scatterings,
        light.cos_impact,
        0.335 * away * away * s * half,
        0.335 * 0.233 * away * away * half * half,
        -2.0 * 0.335 * away * s * half,
    )
    of_emission = chained_of_two(
        light.scatterings,
        light.cos_emission,
        s * (0.385 + 0.527 * behind * fall),
        0.385 + 0.527 * 1.466 * behind * fall * fall,
        -0.527 * 1.124 * s * fall,
    )
    return added(of_impact, of_emission)
