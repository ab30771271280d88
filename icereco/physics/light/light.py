"""Expected photo-electrons and arrival times of the light of tracks and cascades, for one module each.

All functions work on arrays, one element per pair of a light source and a module. They know nothing of events,
so that a simulation and a likelihood fit share them.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco.detector.detector import LIGHT_M_PER_NS, Medium
from icereco.physics.light.acceptance import MODULE_AREA_M2, angular_acceptance, mean_acceptance
from icereco.physics.light.emission import MEAN_COSINE, cascade_emission
from icereco.physics.light.ice import LayeredIce
from icereco.physics.light.yields import PHOTONS_PER_M

__all__ = ["Expectation", "LightModel", "cascade_density", "track_density"]

# Pandel's distribution, from the muon reconstruction of AMANDA (Ahrens et al., NIM A 524 (2004) 169,
# astro-ph/0407044, section 3.2).
PANDEL_LENGTH_M = 33.3
PANDEL_TIME_NS = 557.0
PANDEL_SCATTERING_M = 25.0
"""Mean effective scattering length of the ice for which the length above holds; it scales with the local one."""

# What homogeneous formulas leave open, fitted to IceCube events that PPC propagated photon by photon.
CASCADE_DELAY, CASCADE_TURN = 0.85, 0.38
"""Factor on the scatterings of a cascade's light, and how it falls with the cosine to the cascade's axis."""

ABSORPTION_SCALE = 1.3
"""Mean absorption of the light that modules see over that at 400 nm, where ice is clearest."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a module sees of a source, float32 `[N]` each.

    Attributes:
        photo_electrons: expected number.
        time_ns: of light that is not scattered, after the source's time zero.
        shape: of the gamma distribution of the delay by scattering.
        scale_ns: likewise.
    """

    photo_electrons: Float[ndarray, "pair"]
    time_ns: Float[ndarray, "pair"]
    shape: Float[ndarray, "pair"]
    scale_ns: Float[ndarray, "pair"]


def cascade_density(
    distance_m: Float[ndarray, "*n"],
    scattering_per_m: Float[ndarray, "*n"],
    absorption_per_m: Float[ndarray, "*n"],
) -> Float[ndarray, "*n"]:
    """Fluence per emitted photon, 1/m², at a distance from an isotropic point.

    Between ballistic, 1/(4π d²), and diffusive, 1/(4π λc d) e^(−d/λp), as 1/(λc d tanh(d/λc)) e^(−d/λp)
    (Aartsen et al., JINST 9 (2014) P03009, arXiv:1311.4767; PPC's arXiv:1208.3430), with λp = √(λa λe/3),
    λc = λe/(3ζ), ζ = e^(−λe/λa).
    """
    propagation, diffusion = _lengths(scattering_per_m, absorption_per_m)
    near = diffusion * distance_m * np.tanh(distance_m / diffusion)
    result: ndarray = np.exp(-distance_m / propagation) / (4 * np.pi * near)
    return result


def track_density(
    distance_m: Float[ndarray, "*n"],
    scattering_per_m: Float[ndarray, "*n"],
    absorption_per_m: Float[ndarray, "*n"],
    cherenkov_sine: float,
) -> Float[ndarray, "*n"]:
    """Fluence per photon emitted on a metre, 1/m, at a distance from a long line of Cherenkov light.

    1/(2π sin θc √(λμ d) tanh √(d/λμ)) e^(−d/λp), √λμ = λc/sin θc √(2/(π λp)) (sources as above): ballistic
    1/(2π sin θc d) close by, and far away the integral of the diffusive point source along the line.
    """
    propagation, diffusion = _lengths(scattering_per_m, absorption_per_m)
    root = diffusion / cherenkov_sine * np.sqrt(2.0 / (np.pi * propagation))
    near = np.sqrt(distance_m)
    spread = root * near * np.tanh(near / root)
    result: ndarray = np.exp(-distance_m / propagation) / (2 * np.pi * cherenkov_sine * spread)
    return result


def _lengths(
    scattering_per_m: Float[ndarray, "*n"], absorption_per_m: Float[ndarray, "*n"]
) -> tuple[Float[ndarray, "*n"], Float[ndarray, "*n"]]:
    propagation = 1.0 / np.sqrt(3.0 * scattering_per_m * absorption_per_m)
    diffusion = np.exp(absorption_per_m / scattering_per_m) / (3.0 * scattering_per_m)
    return propagation, diffusion


class LightModel:
    """Light in the layered medium of a detector card."""

    def __init__(self, medium: Medium) -> None:
        self.ice = LayeredIce.of(medium, ABSORPTION_SCALE)
        self._group_index = medium.refractive_index_group
        self._cosine = 1.0 / medium.refractive_index_phase
        self._sine = float(np.sqrt(1.0 - self._cosine**2))

    def cascades(
        self,
        light_m: Float[ndarray, "pair"],
        position_m: Float[ndarray, "pair 3"],
        travel: Float[ndarray, "pair 3"],
        module_m: Float[ndarray, "pair 3"],
    ) -> Expectation:
        """Cascades that shine as `light_m` metres of bare track, seen by modules of unit efficiency."""
        way = module_m - position_m
        distance = np.maximum(np.sqrt(np.einsum("ij,ij->i", way, way)), 1.0)
        cos_emission = np.einsum("ij,ij->i", way, travel) / distance
        cos_impact = way[:, 2] / distance
        scattering, absorption = self.ice.mean_coefficients(position_m[:, 2], module_m[:, 2])
        straight = np.exp(-distance * scattering)
        # Scattered light forgets where it was sent, but comes from a point one scattering length ahead.
        drift = np.minimum(
            MEAN_COSINE * (1.0 / (scattering * distance) + np.sqrt(3 * absorption / scattering)), 0.9
        )
        emission = straight * cascade_emission(cos_emission) + (1.0 - straight) * (1.0 + drift * cos_emission)
        density = cascade_density(distance, scattering, absorption)
        photons = PHOTONS_PER_M * light_m * density * emission
        shape, scale = self._delay(distance, cos_impact, scattering, absorption)
        # Light for a module beside or behind the cascade had to turn round.
        shape *= CASCADE_DELAY - CASCADE_TURN * np.minimum(cos_emission, self._cosine)
        return Expectation(
            photons * _effective_area(cos_impact, straight), distance * self._slowness(), shape, scale
        )

    def tracks(
        self,
        yield_per_m: Float[ndarray, "pair"],
        along_m: Float[ndarray, "pair"],
        distance_m: Float[ndarray, "pair"],
        travel_z: Float[ndarray, "pair"],
        height_m: Float[ndarray, "pair"],
        module_z_m: Float[ndarray, "pair"],
    ) -> Expectation:
        """Long tracks, seen by modules at `distance_m` from the line, `along_m` from its start.

        Args:
            yield_per_m: light in units of a bare track's, where the light for the module is emitted.
            along_m: distance on the track from its start to the point closest to the module.
            distance_m: from there to the module, above 0.
            travel_z: z of the track's unit vector.
            height_m: z of the module above the start of the track.
            module_z_m: z of the module.
        """
        emitted = along_m - distance_m * (self._cosine / self._sine)
        path = distance_m / self._sine
        rise = height_m - emitted * travel_z
        cos_impact = rise / path
        scattering, absorption = self.ice.mean_coefficients(module_z_m - rise, module_z_m)
        straight = np.exp(-path * scattering)
        photons = PHOTONS_PER_M * yield_per_m * track_density(distance_m, scattering, absorption, self._sine)
        shape, scale = self._delay(distance_m, cos_impact, scattering, absorption)
        time = emitted / LIGHT_M_PER_NS + path * self._slowness()
        return Expectation(photons * _effective_area(cos_impact, straight), time, shape, scale)

    def emission_point(
        self, along_m: Float[ndarray, "pair"], distance_m: Float[ndarray, "pair"]
    ) -> Float[ndarray, "pair"]:
        """Where on a track the Cherenkov light for a module is emitted, m from the track's start."""
        return along_m - distance_m * (self._cosine / self._sine)

    def _slowness(self) -> float:
        return self._group_index / LIGHT_M_PER_NS

    def _delay(
        self,
        distance_m: Float[ndarray, "pair"],
        cos_impact: Float[ndarray, "pair"],
        scattering_per_m: Float[ndarray, "pair"],
        absorption_per_m: Float[ndarray, "pair"],
    ) -> tuple[Float[ndarray, "pair"], Float[ndarray, "pair"]]:
        """Shape and scale of Pandel's gamma distribution at AMANDA's effective distance."""
        effective = 3.1 - 3.9 * cos_impact + 4.6 * cos_impact**2 + 0.84 * distance_m
        shape = effective * scattering_per_m * (PANDEL_SCATTERING_M / PANDEL_LENGTH_M)
        rate = 1.0 / PANDEL_TIME_NS + absorption_per_m / self._slowness()
        return shape, 1.0 / rate


def _effective_area(
    cos_impact: Float[ndarray, "pair"], straight: Float[ndarray, "pair"]
) -> Float[ndarray, "pair"]:
    """Of a module for light of which a share comes straight and the rest from everywhere, m²."""
    mean = mean_acceptance()
    return MODULE_AREA_M2 * (mean + straight * (angular_acceptance(cos_impact) - mean))
