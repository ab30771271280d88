"""Photo-electrons: Poisson numbers of them, at times drawn from the light model."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor

from icereco.detector.detector import Detector
from icereco.physics.light.acceptance import MODULE_AREA_M2
from icereco.physics.light.density import cascade_density
from icereco.physics.light.light import ABSORPTION_SCALE, Expectation, LightModel
from icereco.physics.light.yields import PHOTONS_PER_M
from icereco.physics.photomultiplier import JITTER_NS
from icereco_simulation.muons import STEP_M
from icereco_simulation.pairs import StringIndex, expand
from icereco_simulation.primaries import Cascades, Tracks

__all__ = ["PhotoElectrons", "PhotonSampler"]

_FAINTEST = 4e-3  # expected photo-electrons below which a pair of source and module is skipped
_LEAST_SHARE = 0.01  # of an endless track's light; modules too far beyond its ends to see so much are skipped
_TIMES_PER_PAIR = 128  # a brighter pair draws this many times, each standing for several photo-electrons
_PAIRS_PER_CHUNK = 1 << 16  # fits the caches; part of what the seed means


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
        self._light = LightModel(detector).float()
        self._index = StringIndex(detector)
        self._module_m = _columns(self._index.position_m)
        self._efficiency = _tensor(scale * detector.quantum_efficiency[self._index.sensor])
        self._reach = _Reach(detector, scale)

    def sample(self, rng: np.random.Generator, tracks: Tracks, cascades: Cascades) -> PhotoElectrons:
        """The photo-electrons of all sources of a block."""
        return PhotoElectrons.concatenate([*self._tracks(rng, tracks), *self._cascades(rng, cascades)])

    def _tracks(self, rng: np.random.Generator, tracks: Tracks) -> Iterator[PhotoElectrons]:
        reach = self._reach.of_tracks(tracks.yield_per_m.max(axis=1, initial=0.0))
        start, travel, length = _columns(tracks.start_m), _columns(tracks.travel), _tensor(tracks.length_m)
        yields, nearest = _tensor(tracks.yield_per_m.T), _tensor(reach)
        # A track that ends still shines from its last step on modules that see the end.
        last = (length * (1.0 / STEP_M) - 0.01).clamp(0, len(yields) - 1)
        for track, module in _chunks(*self._index.near_lines(tracks.start_m, tracks.travel, reach)):
            line = self._light.line(_rows(start, track), _rows(travel, track), _rows(self._module_m, module))
            share = line.share(length.index_select(0, track))
            seen = (line.distance_m < nearest.index_select(0, track)) & (share > _LEAST_SHARE)
            near = seen.nonzero()[:, 0]
            track, module, line = track.index_select(0, near), module.index_select(0, near), line.take(near)
            step = torch.minimum(
                (line.emitted_m * (1.0 / STEP_M)).clamp(min=0.0), last.index_select(0, track)
            )
            brightness = yields.flatten().index_select(0, step.long() * len(length) + track)
            light = self._light.tracks(brightness * share.index_select(0, near), line)
            yield self._draw(rng, tracks.primary[track.numpy()], module, np.float32(0.0), light)

    def _cascades(self, rng: np.random.Generator, cascades: Cascades) -> Iterator[PhotoElectrons]:
        reach = self._reach.of_cascades(cascades.light_m)
        position, travel = _columns(cascades.position_m), _columns(cascades.travel)
        light_m = _tensor(cascades.light_m)
        time = cascades.time_ns.astype(np.float32)
        for cascade, module in _chunks(*self._index.near_points(cascades.position_m, reach)):
            light = self._light.cascades(
                light_m.index_select(0, cascade),
                _rows(position, cascade),
                _rows(travel, cascade),
                _rows(self._module_m, module),
            )
            yield self._draw(rng, cascades.primary[cascade.numpy()], module, time[cascade.numpy()], light)

    def _draw(
        self,
        rng: np.random.Generator,
        primary: Int[ndarray, "pair"],
        module: Int[Tensor, "pair"],
        start_ns: Float[ndarray, "pair"] | np.float32,
        light: Expectation,
    ) -> PhotoElectrons:
        expected = light.photo_electrons * self._efficiency.index_select(0, module)
        count = rng.poisson(expected.clamp(max=1e9).numpy())
        hit = np.flatnonzero(count)
        number = count[hit]
        draws = np.minimum(number, _TIMES_PER_PAIR)
        each = np.repeat(hit, draws)
        time = (light.time_ns.numpy() + start_ns)[each]
        early, late = light.delays()
        is_early = rng.random(each.size, dtype=np.float32) < early.share.numpy()[each]
        shape, scale_ns = (
            np.where(is_early, getattr(early, name).numpy()[each], getattr(late, name).numpy()[each])
            for name in ("shape", "scale_ns")
        )
        time += scale_ns * rng.standard_gamma(shape, dtype=np.float32)
        time += np.float32(JITTER_NS) * rng.standard_normal(each.size, dtype=np.float32)
        weight = np.repeat((number / draws).astype(np.float32), draws)
        return PhotoElectrons(primary[each], self._index.sensor[module.numpy()[each]], time, weight)


def _tensor(values: ndarray) -> Float[Tensor, "..."]:
    return torch.from_numpy(np.ascontiguousarray(values, np.float32))


def _columns(points: Float[ndarray, "n 3"]) -> Float[Tensor, "3 n"]:
    """Axis by axis in memory, where arithmetic is three times faster."""
    return _tensor(points.T)


def _rows(columns: Float[Tensor, "3 n"], row: Int[Tensor, "pair"]) -> Float[Tensor, "pair 3"]:
    return columns.index_select(1, row).T


def _chunks(
    source: Int[ndarray, "range"], first: Int[ndarray, "range"], count: Int[ndarray, "range"]
) -> Iterator[tuple[Int[Tensor, "pair"], Int[Tensor, "pair"]]]:
    """Pairs of source and module, about `_PAIRS_PER_CHUNK` at a time."""
    chunk = np.cumsum(count) // _PAIRS_PER_CHUNK
    edges = np.flatnonzero(np.diff(chunk, prepend=-1, append=-1))
    for low, high in pairwise(edges):
        which, module = expand(first[low:high], count[low:high])
        yield torch.from_numpy(source[low:high][which]), torch.from_numpy(module)


class _Reach:
    """How far away a source still gives a module `_FAINTEST` photo-electrons, in the clearest ice."""

    def __init__(self, detector: Detector, scale: float) -> None:
        medium = detector.medium
        inside = np.abs(medium.z_m) <= np.abs(detector.position_m[:, 2]).max() + 50.0
        scattering, absorption = medium.lengths_m()
        lengths = (scattering, absorption / ABSORPTION_SCALE)
        clear = [torch.tensor(np.quantile(1.0 / length[inside], 0.1)) for length in lengths]
        self._distance = np.linspace(2.0, 1500.0, 1500)
        photons = scale * PHOTONS_PER_M * MODULE_AREA_M2 * 0.4
        self._per_cascade = photons * cascade_density(torch.from_numpy(self._distance), *clear).numpy()

    def of_cascades(self, light_m: Float[ndarray, "n"]) -> Float[ndarray, "n"]:
        faintest = _FAINTEST / np.maximum(light_m, 1e-9)
        result: ndarray = np.interp(-faintest, -self._per_cascade, self._distance)
        return result

    def of_tracks(self, yield_per_m: Float[ndarray, "n"]) -> Float[ndarray, "n"]:
        # Far away a track shines like the hundred metres of it that are closest.
        return self.of_cascades(100.0 * yield_per_m)
