"""Primary particles: energies, directions, vertices, and the tracks and cascades that they produce."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor

from icereco.detector.detector import LIGHT_M_PER_NS
from icereco.physics.light.yields import METRES_PER_GEV, hadronic_fraction, shower_maximum_m
from icereco.physics.sphere import direction_from_angles
from icereco_simulation.muons import STEP_M, propagate
from icereco_simulation.options import IceTelescopeOptions
from icereco_simulation.volume import Volume

__all__ = ["KINDS", "Cascades", "Primaries", "Tracks", "draw", "shine"]

KINDS = ("through_track", "starting_track", "cascade")

_THROUGH, _STARTING, _CASCADE = range(3)


@dataclass(frozen=True, slots=True)
class Primaries:
    """`N` particles: `kind` indexes `KINDS`, angles are of the origin, the vertex is at time 0."""

    kind: Int[ndarray, "primary"]
    azimuth: Float[ndarray, "primary"]
    zenith: Float[ndarray, "primary"]
    energy_gev: Float[ndarray, "primary"]
    vertex_m: Float[ndarray, "primary 3"]
    inelasticity: Float[ndarray, "primary"]

    @property
    def travel(self) -> Float[ndarray, "primary 3"]:
        """Unit vectors along the directions of travel."""
        return -direction_from_angles(self.azimuth, self.zenith)


@dataclass(frozen=True, slots=True)
class Cascades:
    """Points of light; `primary` ascends. `light_m`: metres of bare track that shine as brightly."""

    primary: Int[ndarray, "cascade"]
    position_m: Float[ndarray, "cascade 3"]
    travel: Float[ndarray, "cascade 3"]
    time_ns: Float[ndarray, "cascade"]
    light_m: Float[ndarray, "cascade"]


@dataclass(frozen=True, slots=True)
class Tracks:
    """Lines of light; `yield_per_m` per step of `muons.STEP_M`; `primary` ascends."""

    primary: Int[ndarray, "track"]
    start_m: Float[ndarray, "track 3"]
    travel: Float[ndarray, "track 3"]
    length_m: Float[ndarray, "track"]
    yield_per_m: Float[ndarray, "track step"]


def draw(rng: np.random.Generator, options: IceTelescopeOptions, volume: Volume) -> Primaries:
    """Draw the particles of one block: isotropic, muon lines and vertices uniform."""
    count = options.primaries_per_block
    shares = [options.through_track_fraction, options.starting_track_fraction]
    kind = np.searchsorted(np.cumsum(shares), rng.random(count), side="right")
    azimuth = rng.uniform(0.0, 2 * np.pi, count)
    zenith = np.arccos(rng.uniform(-1.0, 1.0, count))
    vertex = _in_cylinder(rng, count, volume.vertex_radius_m, volume.vertex_half_height_m)
    entry = _entry(rng, -direction_from_angles(azimuth, zenith), volume)
    vertex = np.where((kind == _THROUGH)[:, None], entry, vertex) + volume.centre_m
    energy_gev = _energies(rng, options)
    inelasticity = rng.beta(0.9, 1.6, count)  # mean 0.36: deep inelastic scattering at TeV energies
    return Primaries(kind, azimuth, zenith, energy_gev, vertex, inelasticity)


def shine(rng: np.random.Generator, primaries: Primaries, volume: Volume) -> tuple[Tracks, Cascades]:
    """Return the light sources of the particles: muons with their losses, and the cascades at the vertices."""
    travel = primaries.travel
    muons = np.flatnonzero(primaries.kind != _CASCADE)
    hadronic = np.where(primaries.kind == _STARTING, primaries.inelasticity, 0.0)
    muon_energy = (primaries.energy_gev * (1.0 - hadronic))[muons]
    start, along = primaries.vertex_m[muons], travel[muons]
    losses = propagate(rng, muon_energy, _way_out(start - volume.centre_m, along, volume))
    tracks = Tracks(muons, start, along, losses.range_m, losses.yield_per_m)

    at_vertex = np.flatnonzero(primaries.kind != _THROUGH)
    vertex_energy = primaries.energy_gev[at_vertex]
    is_track = primaries.kind[at_vertex] == _STARTING
    shower = vertex_energy * hadronic[at_vertex]
    # Charged-current electron neutrinos and tau-like mixtures: an electromagnetic and a hadronic part.
    share = primaries.inelasticity[at_vertex]
    mixed = vertex_energy * (1 - share + share * _of(hadronic_fraction, share * vertex_energy))
    equivalent = np.where(is_track, shower * _of(hadronic_fraction, shower), mixed)

    primary = np.concatenate([at_vertex, muons[losses.track]])
    energy = np.concatenate([equivalent, losses.energy_gev])
    place = np.concatenate([np.zeros(at_vertex.size), losses.distance_m]) + _of(shower_maximum_m, energy)
    order = np.argsort(primary, kind="stable")
    primary, energy, place = primary[order], energy[order], place[order]
    position = primaries.vertex_m[primary] + travel[primary] * place[:, None]
    return tracks, Cascades(
        primary, position, travel[primary], place / LIGHT_M_PER_NS, energy * METRES_PER_GEV
    )


def _of(light: Callable[[Tensor], Tensor], energy_gev: Float[ndarray, "n"]) -> Float[ndarray, "n"]:
    """Apply a function of tensors to an array."""
    return light(torch.from_numpy(energy_gev)).numpy()


def _energies(rng: np.random.Generator, options: IceTelescopeOptions) -> Float[ndarray, "primary"]:
    count = options.primaries_per_block
    hard = rng.random(count) < options.hard_fraction
    quantile = rng.random(count)
    limits = (options.minimum_energy_gev, options.maximum_energy_gev)
    return np.where(
        hard,
        _power_law(quantile, options.hard_index, *limits),
        _power_law(quantile, options.soft_index, *limits),
    )


def _power_law(quantile: Float[ndarray, "n"], index: float, low: float, high: float) -> Float[ndarray, "n"]:
    """Inverse of the cumulative of E^-index between low and high."""
    power = 1.0 - index
    if abs(power) < 1e-9:
        return low * (high / low) ** quantile
    ratio = (high / low) ** power
    result: ndarray = low * (1.0 + quantile * (ratio - 1.0)) ** (1.0 / power)
    return result


def _in_cylinder(
    rng: np.random.Generator, count: int, radius: float, half_height: float
) -> Float[ndarray, "n 3"]:
    angle = rng.uniform(0.0, 2 * np.pi, count)
    distance = radius * np.sqrt(rng.random(count))
    z = rng.uniform(-half_height, half_height, count)
    return np.stack([distance * np.cos(angle), distance * np.sin(angle), z], axis=1)


def _entry(rng: np.random.Generator, travel: Float[ndarray, "n 3"], volume: Volume) -> Float[ndarray, "n 3"]:
    """Return where muons enter the sphere around the centre; lines are uniform over a disc across their direction."""
    count = len(travel)
    helper = np.where(np.abs(travel[:, 2:]) < 0.9, [[0.0, 0.0, 1.0]], [[1.0, 0.0, 0.0]])
    first = np.cross(travel, helper)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    second = np.cross(travel, first)
    angle = rng.uniform(0.0, 2 * np.pi, count)[:, None]
    distance = volume.track_radius_m * np.sqrt(rng.random(count))[:, None]
    across = distance * (np.cos(angle) * first + np.sin(angle) * second)
    result: ndarray = across - travel * np.sqrt(np.maximum(volume.world_radius_m**2 - distance**2, STEP_M**2))
    return result


def _way_out(
    start: Float[ndarray, "n 3"], travel: Float[ndarray, "n 3"], volume: Volume
) -> Float[ndarray, "n"]:
    """Distance to where a line, from a start relative to the centre, leaves the sphere."""
    along = np.sum(start * travel, axis=1)
    across2 = np.sum(start**2, axis=1) - along**2
    result: ndarray = np.maximum(np.sqrt(np.maximum(volume.world_radius_m**2 - across2, 0.0)) - along, STEP_M)
    return result
