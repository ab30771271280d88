"""Energy losses of muons in ice: continuous ones, and the stochastic ones that light up as cascades."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray

from icereco.physics.light.yields import METRES_PER_GEV, muon_yield

__all__ = ["STEP_M", "MuonLosses", "propagate"]

STEP_M = 16.0
"""Energy is followed in steps of this length; the losses within one step shine as one cascade."""

# dE/dx = a + b E (Groom, Mokhov & Striganov, At. Data Nucl. Data Tables 78 (2001) 183), ice of 0.92 g/cm³.
_IONIZATION_GEV_PER_M = 0.24
_BREMSSTRAHLUNG_PER_M = 1.55e-4  # bremsstrahlung and photonuclear together
_PAIRS_PER_M = 1.65e-4
_PAIR_SCALE = 2e-3  # relative energy at which the spectrum of pairs steepens from 1/v to 1/v³
_CUT_GEV = 3.0
_RELATIVE_CUT = 1e-3
_STOPPED_GEV = 0.16


@dataclass(frozen=True, slots=True)
class MuonLosses:
    """The losses of `T` muons along `K` steps of `STEP_M`.

    Attributes:
        yield_per_m: float32 `[T, K]`, light in units of a bare track's.
        track: `[C]` the muon of each cascade; distance_m `[C]` from its start; energy_gev `[C]`.
        range_m: float64 `[T]`, how far each muon travelled.
    """

    yield_per_m: Float[ndarray, "track step"]
    track: Int[ndarray, "cascade"]
    distance_m: Float[ndarray, "cascade"]
    energy_gev: Float[ndarray, "cascade"]
    range_m: Float[ndarray, "track"]


class _LossSpectrum:
    """Rates of stochastic losses above a relative energy v, per metre, and the energy lost below it.

    Bremsstrahlung dN/dv ∝ (1 − v + 3v²/4)/v (Rossi), pairs ∝ 1/(v (v + v₀)²): the shapes of PROPOSAL's figures,
    simplified; each is normalised to its share of b = ∫ v dN/dv.
    """

    def __init__(self) -> None:
        self.log_v = np.linspace(np.log(1e-6), 0.0, 600)
        v = np.exp(self.log_v)
        brems = (1 - v + 0.75 * v**2) / v
        pairs = 1 / (v * (v + _PAIR_SCALE) ** 2)
        density = np.zeros_like(v)
        for share, shape in ((_BREMSSTRAHLUNG_PER_M, brems), (_PAIRS_PER_M, pairs)):
            density += share * shape / np.trapezoid(v * shape, v)
        cells_n = 0.5 * (density[1:] * v[1:] + density[:-1] * v[:-1]) * np.diff(self.log_v)
        cells_e = 0.5 * (density[1:] * v[1:] ** 2 + density[:-1] * v[:-1] ** 2) * np.diff(self.log_v)
        self.rate_above = np.append(np.cumsum(cells_n[::-1])[::-1], 0.0)
        self.loss_below = np.append(0.0, np.cumsum(cells_e))

    def sample(self, rate: Float[ndarray, "loss"]) -> Float[ndarray, "loss"]:
        """Return the relative energy v above which losses have this rate."""
        result: ndarray = np.exp(np.interp(-rate, -self.rate_above, self.log_v))
        return result


_SPECTRUM = _LossSpectrum()


def propagate(
    rng: np.random.Generator, energy_gev: Float[ndarray, "track"], length_m: Float[ndarray, "track"]
) -> MuonLosses:
    """Follow muons of an energy over at most a length; all of them at once, step by step."""
    steps = max(1, int(np.ceil(length_m.max(initial=0.0) / STEP_M)))
    energy = energy_gev.astype(np.float64)
    yields = np.zeros((energy.size, steps), np.float32)
    ranges = np.zeros(energy.size)
    tracks, distances, lost = [], [], []
    for step in range(steps):
        alive = np.flatnonzero((energy > _STOPPED_GEV) & (length_m > step * STEP_M))
        if not alive.size:
            break
        now = energy[alive]
        log_cut = np.log(np.minimum(np.maximum(_CUT_GEV / now, _RELATIVE_CUT), 1.0))
        soft = np.interp(log_cut, _SPECTRUM.log_v, _SPECTRUM.loss_below) * now
        yields[alive, step] = muon_yield(torch.from_numpy(now)).numpy() + soft * METRES_PER_GEV
        ranges[alive] += np.minimum(STEP_M, now / (_IONIZATION_GEV_PER_M + soft))
        who, where, loss = _step_losses(rng, now, log_cut)
        tracks.append(alive[who])
        distances.append(step * STEP_M + where)
        lost.append(loss)
        energy[alive] = now - np.bincount(who, loss, now.size) - STEP_M * (_IONIZATION_GEV_PER_M + soft)
    return MuonLosses(
        yields,
        np.concatenate(tracks or [np.zeros(0, np.int64)]),
        np.concatenate(distances or [np.zeros(0)]),
        np.concatenate(lost or [np.zeros(0)]),
        np.minimum(ranges, length_m),
    )


def _step_losses(
    rng: np.random.Generator, energy: Float[ndarray, "track"], log_cut: Float[ndarray, "track"]
) -> tuple[Int[ndarray, "cascade"], Float[ndarray, "cascade"], Float[ndarray, "cascade"]]:
    """Return the losses of one step, summed for each muon: muon, place within the step, energy."""
    rate = np.interp(log_cut, _SPECTRUM.log_v, _SPECTRUM.rate_above)
    count = rng.poisson(rate * STEP_M)
    muon = np.repeat(np.arange(energy.size), count)
    loss = _SPECTRUM.sample(rng.random(muon.size) * rate[muon]) * energy[muon]
    place = rng.random(muon.size) * STEP_M
    who = np.flatnonzero(count)
    total = np.bincount(muon, loss, energy.size)[who]
    where = np.bincount(muon, loss * place, energy.size)[who] / total
    return who, where, np.minimum(total, energy[who])
