"""The module: charges, dark noise, pulses, local coincidence."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from icereco.detector.detector import Detector
from icereco.physics.photomultiplier import (
    AFTERPULSE_DELAY_NS,
    AFTERPULSE_SPREAD,
    AFTERPULSES_PER_PE,
    COARSE_BIN_NS,
    FINE_BIN_NS,
    FINE_NS,
    SATURATION_PE,
)
from icereco_simulation.photons import PhotoElectrons

__all__ = ["Coincidence", "DarkNoise", "Pulses", "afterpulses", "merge", "single_charges"]

THRESHOLD_PE = 0.25

# Charge of one photo-electron above the threshold: the wider of the two exponentials and the Gaussian of
# Aartsen et al., JINST 15 (2020) P06032 (arXiv:2002.00997); the narrow exponential stays below the threshold.
_EXPONENTIAL_SHARE = 0.15
_EXPONENTIAL_PE = 0.357
_GAUSSIAN_PE = 1.02
_GAUSSIAN_WIDTH_PE = 0.29

_TICKS_PER_NS = 4

_AFTERPULSE_DRAWS = 4  # per hit; more afterpulses than that arrive in groups


@dataclass(frozen=True, slots=True)
class Pulses:
    """`[P]` pulses, sorted by primary, sensor, time."""

    primary: Int[ndarray, "pulse"]
    sensor: Int[ndarray, "pulse"]
    time_ns: Float[ndarray, "pulse"]
    charge_pe: Float[ndarray, "pulse"]


def single_charges(rng: np.random.Generator, count: int) -> Float[ndarray, "hit"]:
    """Charges of single photo-electrons, float32."""
    charge = rng.standard_normal(count, dtype=np.float32)
    charge *= np.float32(_GAUSSIAN_WIDTH_PE)
    charge += np.float32(_GAUSSIAN_PE)
    low = np.flatnonzero((rng.random(count, dtype=np.float32) < _EXPONENTIAL_SHARE) | (charge < THRESHOLD_PE))
    charge[low] = THRESHOLD_PE + _EXPONENTIAL_PE * rng.standard_exponential(low.size, dtype=np.float32)
    return charge


class DarkNoise:
    """Poissonian dark noise at the rates of a detector card; no noise if the card gives no rates."""

    def __init__(self, detector: Detector, scale: float) -> None:
        known = detector.noise_rate_hz if detector.noise_rate_hz is not None else 0.0
        rate = np.where(detector.alive, known, 0.0).astype(np.float64) * 1e-9 * scale
        self._cumulative = np.cumsum(rate)

    def sample(
        self,
        rng: np.random.Generator,
        primary: Int[ndarray, "event"],
        begin_ns: Float[ndarray, "event"],
        end_ns: Float[ndarray, "event"],
    ) -> PhotoElectrons:
        """Draw noise of the whole detector between two times for each of some primaries."""
        total = self._cumulative[-1]
        count = rng.poisson((end_ns - begin_ns) * total)
        which = np.repeat(np.arange(primary.size), count)
        time = begin_ns[which] + rng.random(which.size) * (end_ns - begin_ns)[which]
        sensor = np.searchsorted(self._cumulative, rng.random(which.size) * total, side="right")
        return PhotoElectrons(
            primary[which], sensor, time.astype(np.float32), np.ones(which.size, np.float32)
        )


def afterpulses(rng: np.random.Generator, hits: PhotoElectrons) -> PhotoElectrons:
    """Return hits and the afterpulses of the photomultiplier that they cause (Abbasi et al., NIM A 618 (2010) 139)."""
    count = rng.poisson(AFTERPULSES_PER_PE * hits.weight)
    cause = np.flatnonzero(count)
    count = count[cause]
    draws = np.minimum(count, _AFTERPULSE_DRAWS)
    each = np.repeat(cause, draws)
    group = rng.integers(0, len(AFTERPULSE_DELAY_NS), each.size)
    delay = np.array(AFTERPULSE_DELAY_NS, np.float32)[group]
    delay *= 1.0 + np.float32(AFTERPULSE_SPREAD) * rng.standard_normal(each.size, dtype=np.float32)
    weight = np.repeat((count / draws).astype(np.float32), draws)
    late = PhotoElectrons(hits.primary[each], hits.sensor[each], hits.time_ns[each] + np.abs(delay), weight)
    return PhotoElectrons.concatenate([hits, late])


def merge(rng: np.random.Generator, hits: PhotoElectrons, sensors: int) -> Pulses:
    """Merge photo-electrons to pulses: those in one bin of a module's digitizer are one pulse at their earliest time."""
    module = hits.primary * sensors + hits.sensor
    earliest = hits.time_ns.min(initial=0.0)
    ticks = ((hits.time_ns - earliest) * _TICKS_PER_NS).astype(np.int64)
    order = np.argsort((module << 32) | ticks)
    module, time, weight = module[order], hits.time_ns[order], hits.weight[order]
    # A group of n photo-electrons has n times the mean charge, √n times its spread.
    charge = weight + np.sqrt(weight) * (single_charges(rng, weight.size) - 1.0)
    starts = _pulse_starts(module, time)
    total = _saturate(np.add.reduceat(charge, starts)) if starts.size else charge
    total = np.round(total * 40.0) / 40.0
    strong = total >= THRESHOLD_PE
    starts = starts[strong]
    primary, sensor = np.divmod(module[starts], sensors)
    return Pulses(primary, sensor, time[starts], total[strong].astype(np.float32))


def _saturate(charge: Float[ndarray, "pulse"]) -> Float[ndarray, "pulse"]:
    return charge / (1.0 + charge / SATURATION_PE)


def _pulse_starts(module: Int[ndarray, "hit"], time: Float[ndarray, "hit"]) -> Int[ndarray, "pulse"]:
    """Indices of the first hit of each pulse; hits sorted by module and time."""
    if not module.size:
        return np.zeros(0, np.int64)
    launch = np.empty(module.size, bool)
    launch[0] = True
    launch[1:] = (module[1:] != module[:-1]) | (np.diff(time) > FINE_NS)
    first = np.maximum.accumulate(np.where(launch, np.arange(module.size), 0))
    since = time - time[first]
    cell = np.where(since < FINE_NS, since / FINE_BIN_NS, 1000.0 + since / COARSE_BIN_NS).astype(np.int64)
    launch[1:] |= cell[1:] != cell[:-1]
    return np.flatnonzero(launch)


class Coincidence:
    """Local coincidence: another module at most two away on the string has a pulse within a microsecond."""

    REACH = 2
    WINDOW_NS = 1000.0

    def __init__(self, detector: Detector) -> None:
        self._sensors = detector.string.size
        row = {
            pair: i for i, pair in enumerate(zip(detector.string.tolist(), detector.om.tolist(), strict=True))
        }
        offsets = [d for d in range(-self.REACH, self.REACH + 1) if d]
        self._neighbours = np.array(
            [[row.get((string, om + d), -1) for string, om in row] for d in offsets], dtype=np.int64
        )

    def flags(self, pulses: Pulses) -> Bool[ndarray, "pulse"]:
        """Return which pulses are in local coincidence."""
        earliest = pulses.time_ns.min(initial=0.0)
        time = pulses.time_ns.astype(np.float64) - earliest
        span = float(time.max(initial=0.0)) + 4 * self.WINDOW_NS
        base = pulses.primary * self._sensors
        key = (base + pulses.sensor) * span + time
        coincident = np.zeros(key.size, bool)
        for neighbours in self._neighbours:
            other = neighbours[pulses.sensor]
            open_ = np.flatnonzero(~coincident & (other >= 0))
            centre = (base[open_] + other[open_]) * span + time[open_]
            place = np.searchsorted(key, centre - self.WINDOW_NS)
            hit = key[np.minimum(place, key.size - 1)] - centre
            coincident[open_] = (place < key.size) & (np.abs(hit) <= self.WINDOW_NS)
        return coincident
