"""Expected photo-electrons and arrival times of the light of tracks and cascades, for one module each.

Everything works on tensors with one element per pair of a light source and a module, and does not depend on events, so
that a simulation and a likelihood fit share it. Expectations are differentiable in position, direction, length and
brightness of the sources, everywhere and with continuous derivatives; a source's time is simply added to theirs.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from icereco.detector.detector import LIGHT_M_PER_NS, Detector
from icereco.errors import IcerecoError
from icereco.physics.direct_light import DirectLight
from icereco.physics.light.acceptance import MODULE_AREA_M2, AngularAcceptance
from icereco.physics.light.delay import Population, cascade_delay, track_delay
from icereco.physics.light.density import cascade_density, track_density
from icereco.physics.light.emission import CascadeEmission
from icereco.physics.light.ice import LayeredIce
from icereco.physics.light.smooth import dot, logistic_step, softened_root
from icereco.physics.light.yields import PHOTONS_PER_M

__all__ = ["ABSORPTION_SCALE", "Expectation", "LightModel", "Line"]

ABSORPTION_SCALE = 1.18
"""Mean absorption of the light that modules see over that at 400 nm, where ice is clearest; from light propagated photon by photon
with the colours of Cherenkov light and of modules (docs/physics.md)."""

_LEAST_DISTANCE_M = 1.0
_STRAIGHT_M = 30.0
"""Distance over which scattered light of a track loses the information from which point it was emitted."""
_END_M = 5.0


@dataclass(frozen=True, slots=True)
class Expectation:
    """The light of a source at a module, `[N]` each.

    Attributes:
        photo_electrons: expected number.
        time_ns: of light that is not scattered, after the source's time zero.
        delays: computes the delay by scattering of light that is hardly scattered, and of the rest; numbers of photo-electrons alone
            do without.
    """

    photo_electrons: Float[Tensor, "pair"]
    time_ns: Float[Tensor, "pair"]
    delays: Callable[[], tuple[Population, Population]]


@dataclass(frozen=True, slots=True)
class Line:
    """The geometry of modules relative to straight tracks, `[N]` each; see `LightModel.line`.

    Attributes:
        along_m: distance on the track from its start to the point closest to the module.
        distance_m: from there to the module.
        emitted_m: where on the track the Cherenkov light for the module is emitted.
        rise_m: z of the module above the point of emission.
        module_z_m: z of the module.
    """

    along_m: Float[Tensor, "pair"]
    distance_m: Float[Tensor, "pair"]
    emitted_m: Float[Tensor, "pair"]
    rise_m: Float[Tensor, "pair"]
    module_z_m: Float[Tensor, "pair"]

    def take(self, pair: Int[Tensor, "chosen"]) -> "Line":
        """Select some of the pairs."""
        return Line(*(getattr(self, field.name).index_select(0, pair) for field in fields(self)))

    def share(self, length_m: Float[Tensor, "pair"]) -> Float[Tensor, "pair"]:
        """Return the fraction of an infinite track's light that a track from its start to a finite length gives.

        Direct light comes from one point; the further the module, the longer the part of the track that it sees. So
        each end is a logistic step in the distance of that part from it, with the variance of a uniform part of
        (distance + 5 m). Shares of the pieces of a track add up to that of the whole.
        """
        straight = torch.exp(self.distance_m * (-1.0 / _STRAIGHT_M))
        middle = self.along_m - straight * (self.along_m - self.emitted_m)
        per_m = 2 * math.pi / (self.distance_m + _END_M)
        after_start, before_end = middle * per_m, (length_m - middle) * per_m
        # σ(a) − σ(b) for a > b, without a difference.
        both = logistic_step(after_start) * logistic_step(before_end)
        return -torch.expm1(-length_m * per_m) * both


class LightModel(nn.Module):
    """Light in the layered medium of a detector's card.

    Its tables are buffers: float64 on the CPU at first, elsewhere and in float32 after `.to(device, dtype)`. The
    arguments of its methods must be of the same type and on the same device.

    Attributes:
        ice: mean scattering and absorption between two depths.
        direct: times of light that is not scattered.

    Raises:
        IcerecoError: the medium has no scattering or no absorption length.
    """

    def __init__(self, detector: Detector) -> None:
        super().__init__()
        self.ice = _ice(detector)
        self.emission = CascadeEmission()
        self.acceptance = AngularAcceptance()
        self.direct = DirectLight.of(detector.medium)
        self._speed = 1.0 / self.direct.slowness

    def cascades(
        self,
        light_m: Float[Tensor, "pair"],
        position_m: Float[Tensor, "pair 3"],
        travel: Float[Tensor, "pair 3"],
        module_m: Float[Tensor, "pair 3"],
    ) -> Expectation:
        """Return the expectation of cascades at modules of unit efficiency.

        Args:
            light_m: metres of bare track that shine as brightly.
            position_m: of the cascades.
            travel: unit vectors along the cascades' axes.
            module_m: position of the module.
        """
        way = module_m - position_m
        return self.cascades_seen(light_m, dot(way, way), dot(way, travel), position_m[:, 2], module_m[:, 2])

    def cascades_seen(
        self,
        light_m: Float[Tensor, "pair"],
        distance_square_m2: Float[Tensor, "pair"],
        along_m: Float[Tensor, "pair"],
        cascade_z_m: Float[Tensor, "pair"],
        module_z_m: Float[Tensor, "pair"],
    ) -> Expectation:
        """Return the expectation of cascades, of which only the coordinates that matter are given.

        Args:
            light_m: metres of bare track that shine as brightly.
            distance_square_m2: square of the distance between cascade and module.
            along_m: of the module from the cascade, along the cascade's axis.
            cascade_z_m: z of the cascade.
            module_z_m: z of the module.
        """
        distance = softened_root(distance_square_m2, _LEAST_DISTANCE_M)
        cos_emission = along_m / distance
        cos_impact = (module_z_m - cascade_z_m) / distance
        scattering, absorption = self.ice.mean_coefficients(cascade_z_m, module_z_m)
        scatterings = distance * scattering
        emission = self.emission(cos_emission, scatterings)
        photons = PHOTONS_PER_M * light_m * cascade_density(distance, scattering, absorption) * emission
        # How the directions of the light spread, from light propagated photon by photon; the same for tracks below.
        drift = 0.31 + 0.69 / (1.0 + scatterings * (1.0 / 0.6))
        area = MODULE_AREA_M2 * self.acceptance(cos_impact, drift, torch.exp(-2.5 * scatterings))

        def delays() -> tuple[Population, Population]:
            rates = (scattering * self._speed, absorption * self._speed)
            return cascade_delay(scatterings, cos_impact, cos_emission, *rates)

        return Expectation(photons * area, self.direct.of_point(distance), delays)

    def line(
        self,
        start_m: Float[Tensor, "pair 3"],
        travel: Float[Tensor, "pair 3"],
        module_m: Float[Tensor, "pair 3"],
    ) -> Line:
        """Compute the geometry of modules relative to tracks that start at a point and follow a unit vector."""
        way = module_m - start_m
        along = dot(way, travel)
        across = way - along[:, None] * travel
        return self.line_seen(along, dot(across, across), way[:, 2], travel[:, 2], module_m[:, 2])

    def line_seen(
        self,
        along_m: Float[Tensor, "pair"],
        distance_square_m2: Float[Tensor, "pair"],
        height_m: Float[Tensor, "pair"],
        travel_z: Float[Tensor, "pair"],
        module_z_m: Float[Tensor, "pair"],
    ) -> Line:
        """Compute the geometry of modules of which only the coordinates that matter are given.

        Args:
            along_m: distance on the track from its start to the point closest to the module.
            distance_square_m2: square of the distance from there to the module.
            height_m: z of the module above the track's start.
            travel_z: z of the unit vector along the track.
            module_z_m: z of the module.
        """
        distance = softened_root(distance_square_m2, _LEAST_DISTANCE_M)
        emitted = along_m - distance * (self.direct.cosine / self.direct.sine)
        return Line(along_m, distance, emitted, height_m - emitted * travel_z, module_z_m)

    def tracks(self, yield_per_m: Float[Tensor, "pair"], line: Line) -> Expectation:
        """Return the expectation of tracks at modules of unit efficiency.

        Args:
            yield_per_m: light in units of a bare track's, at the point where that for the module is emitted; of a
                track with ends, or of a segment, times `Line.share` of its length.
            line: the geometry of the modules relative to the tracks.
        """
        path = line.distance_m * (1.0 / self.direct.sine)
        cos_impact = line.rise_m / path
        scattering, absorption = self.ice.mean_coefficients(line.module_z_m - line.rise_m, line.module_z_m)
        scatterings = line.distance_m * scattering
        photons = (
            PHOTONS_PER_M
            * yield_per_m
            * track_density(line.distance_m, scattering, absorption, self.direct.sine)
        )
        straight = torch.exp(-2.0 * scatterings)
        area = MODULE_AREA_M2 * self.acceptance(cos_impact, 0.2 + 0.8 * straight, straight.square())

        def delays() -> tuple[Population, Population]:
            return track_delay(scatterings, cos_impact, scattering * self._speed, absorption * self._speed)

        time = line.emitted_m * (1.0 / LIGHT_M_PER_NS) + path * self.direct.slowness
        return Expectation(photons * area, time, delays)


def _ice(detector: Detector) -> LayeredIce:
    medium = detector.medium
    for name in ("scattering_length_m", "absorption_length_m"):
        length = getattr(medium, name)
        if length is None or not np.isfinite(length).all():
            raise IcerecoError(
                f"the light model needs a medium that scatters and absorbs, and the card of detector {detector.name!r} "
                f"gives no {name} in [medium]; add it to a card of your own, or take a detector in ice "
                "(icereco detectors)"
            )
    scattering, absorption = medium.lengths_m()
    return LayeredIce(medium.z_m, scattering, absorption / ABSORPTION_SCALE)
