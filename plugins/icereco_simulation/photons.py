"""Photo-electrons: Poisson numbers of them, at times drawn from the light model."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from icereco.detector.detector import Detector
from icereco.physics.light.acceptance import MODULE_AREA_M2
from icereco.physics.light.light import ABSORPTION_SCALE, Expectation, LightModel, cascade_density
from icereco.physics.light.yields import PHOTONS_PER_M
from icereco_simulation.muons import STEP_M
from icereco_simulation.pairs import StringIndex, expand
from icereco_simulation.primaries import Cascades, Tracks

__all__ = ["PhotoElectrons", "PhotonSampler"]

_FAINTEST = 4e-3  # expected photo-electrons below which a pair of source and module is skipped
_TIMES_PER_PAIR = 128  # a brighter pair draws this many times, each standing for several photo-electrons
_PAIRS_PER_CHUNK = 1 << 16  # fits the caches; part of what the seed means
_JITTER_NS = 2.0  # transit time spread of the photomultiplier (Abbasi et al., NIM A 618 (2010) 139)


@dataclass(frozen=True, slots=True)
class PhotoElectrons:
    """Photo-electrons, or groups of `weight` that arrive together: `[H]` each, in no order."""

    primary: Int[ndarray, "hit"]
    sensor: Int[ndarray, "hit"]
    time_ns: Float[ndarray, "hit"]
    weight: Float[ndarray, "hit"]

    @classmethod
    def concatenate(cls, parts: list["PhotoElectrons"]) -> "PhotoElectrons":
        """All parts one after the other; of none, none."""
        no_index, no_value = np.zeros(0, np.int64), np.zeros(0, np.float32)
        return cls(
            np.concatenate([no_index, *(part.primary for part in parts)]),
            np.concatenate([no_index, *(part.sensor for part in parts)]),
            np.concatenate([no_value, *(part.time_ns for part in parts)]),
            np.concatenate([no_value, *(part.weight for part in parts)]),
        )

    def keep(self, mask: ndarray) -> "PhotoElectrons":
        """Those where the mask is True."""
        return PhotoElectrons(self.primary[mask], self.sensor[mask], self.time_ns[mask], self.weight[mask])


class PhotonSampler:
    """Light sources to photo-electrons in the modules of a detector."""

    def __init__(self, detector: Detector, scale: float) -> None:
        self._light = LightModel(detector.medium)
        self._index = StringIndex(detector)
        self._module_m = self._index.position_m.astype(np.float32)
        self._efficiency = (scale * detector.quantum_efficiency[self._index.sensor]).astype(np.float32)
        self._reach = _Reach(detector, scale)

    def sample(self, rng: np.random.Generator, tracks: Tracks, cascades: Cascades) -> PhotoElectrons:
        """The photo-electrons of all sources of a block."""
        return PhotoElectrons.concatenate([*self._tracks(rng, tracks), *self._cascades(rng, cascades)])

    def _tracks(self, rng: np.random.Generator, tracks: Tracks) -> Iterator[PhotoElectrons]:
        reach = self._reach.of_tracks(tracks.yield_per_m.max(axis=1, initial=0.0))
        start, travel = tracks.start_m.astype(np.float32), tracks.travel.astype(np.float32)
        steps = tracks.yield_per_m.shape[1]
        length = tracks.length_m.astype(np.float32)
        for track, module in _chunks(*self._index.near_lines(tracks.start_m, tracks.travel, reach)):
            way = self._module_m[module] - start[track]
            along = np.einsum("ij,ij->i", way, travel[track])
            distance = np.sqrt(np.maximum(np.einsum("ij,ij->i", way, way) - along**2, 1.0))
            seen = self._seen_share(along, distance, length[track])
            near = np.flatnonzero((distance < reach[track]) & (seen > 0))
            track, module, along, distance = track[near], module[near], along[near], distance[near]
            emitted = self._light.emission_point(along, distance)
            step = np.clip(emitted * (1.0 / STEP_M), 0, steps - 1).astype(np.intp)
            # A track that ends still shines from its last step on modules that see the end.
            step = np.minimum(step, np.maximum(length[track] * (1.0 / STEP_M) - 0.01, 0).astype(np.intp))
            brightness = tracks.yield_per_m[track, step] * seen[near]
            seen_light = self._light.tracks(
                brightness, along, distance, travel[track, 2], way[near, 2], self._module_m[module, 2]
            )
            yield self._draw(rng, tracks.primary[track], module, np.float32(0.0), seen_light)

    def _seen_share(
        self, along: Float[ndarray, "pair"], distance: Float[ndarray, "pair"], length: Float[ndarray, "pair"]
    ) -> Float[ndarray, "pair"]:
        """Share of an endless track's light that a track with two ends still gives.

        Direct light comes from one point; the further the module, the longer the part of the track that it sees.
        """
        straight = np.exp(distance * (-1.0 / 30.0))
        middle = along - straight * (along - self._light.emission_point(along, distance))
        width = 1.0 / (distance + 5.0)
        result: ndarray = np.clip(middle * width + 0.5, 0.0, 1.0) * np.clip(
            (length - middle) * width + 0.5, 0.0, 1.0
        )
        return result

    def _cascades(self, rng: np.random.Generator, cascades: Cascades) -> Iterator[PhotoElectrons]:
        reach = self._reach.of_cascades(cascades.light_m)
        position, travel = cascades.position_m.astype(np.float32), cascades.travel.astype(np.float32)
        light, time = cascades.light_m.astype(np.float32), cascades.time_ns.astype(np.float32)
        for cascade, module in _chunks(*self._index.near_points(cascades.position_m, reach)):
            seen = self._light.cascades(
                light[cascade], position[cascade], travel[cascade], self._module_m[module]
            )
            yield self._draw(rng, cascades.primary[cascade], module, time[cascade], seen)

    def _draw(
        self,
        rng: np.random.Generator,
        primary: Int[ndarray, "pair"],
        module: Int[ndarray, "pair"],
        start_ns: Float[ndarray, "pair"] | np.float32,
        seen: Expectation,
    ) -> PhotoElectrons:
        count = rng.poisson(np.minimum(seen.photo_electrons * self._efficiency[module], 1e9))
        hit = np.flatnonzero(count)
        number = count[hit]
        draws = np.minimum(number, _TIMES_PER_PAIR)
        each = np.repeat(hit, draws)
        time = (seen.time_ns + start_ns)[each]
        time += seen.scale_ns[each] * rng.standard_gamma(seen.shape[each], dtype=np.float32)
        time += np.float32(_JITTER_NS) * rng.standard_normal(each.size, dtype=np.float32)
        weight = np.repeat((number / draws).astype(np.float32), draws)
        return PhotoElectrons(primary[each], self._index.sensor[module[each]], time, weight)


def _chunks(
    source: Int[ndarray, "range"], first: Int[ndarray, "range"], count: Int[ndarray, "range"]
) -> Iterator[tuple[Int[ndarray, "pair"], Int[ndarray, "pair"]]]:
    """Pairs of source and module, about `_PAIRS_PER_CHUNK` at a time."""
    chunk = np.cumsum(count) // _PAIRS_PER_CHUNK
    edges = np.flatnonzero(np.diff(chunk, prepend=-1, append=-1))
    for low, high in pairwise(edges):
        which, module = expand(first[low:high], count[low:high])
        yield source[low:high][which], module


class _Reach:
    """How far away a source still gives a module `_FAINTEST` photo-electrons, in the clearest ice."""

    def __init__(self, detector: Detector, scale: float) -> None:
        medium = detector.medium
        inside = np.abs(medium.z_m) <= np.abs(detector.position_m[:, 2]).max() + 50.0
        scattering, absorption = medium.lengths_m()
        lengths = (scattering, absorption / ABSORPTION_SCALE)
        clear = [np.quantile(1.0 / length[inside], 0.1) for length in lengths]
        self._distance = np.linspace(2.0, 1500.0, 1500)
        photons = scale * PHOTONS_PER_M * MODULE_AREA_M2 * 0.4
        self._per_cascade = photons * cascade_density(self._distance, *(np.full(1500, c) for c in clear))

    def of_cascades(self, light_m: Float[ndarray, "n"]) -> Float[ndarray, "n"]:
        faintest = _FAINTEST / np.maximum(light_m, 1e-9)
        result: ndarray = np.interp(-faintest, -self._per_cascade, self._distance)
        return result

    def of_tracks(self, yield_per_m: Float[ndarray, "n"]) -> Float[ndarray, "n"]:
        # Far away a track shines like the hundred metres of it that are closest.
        return self.of_cascades(100.0 * yield_per_m)
