"""Particles whose light was propagated photon by photon, simulated here once more, and the light compared.

Run: python benchmarks/photon_by_photon.py ../shared/data/icecube_ppc [ROUNDS]
Each particle is simulated ROUNDS times (5 by default); only pulses in local coincidence count, of events that trigger here.
"""

import sys
from unittest.mock import patch

import numpy as np
from icereco_simulation.options import IceTelescopeOptions
from icereco_simulation.primaries import KINDS, Primaries
from icereco_simulation.simulator import IceTelescope
from rich.console import Console
from rich.progress import track
from rich.table import Table

import icereco
from icereco.detector.detector import Detector, load_detector
from icereco.events.batch import EventBatch
from icereco.physics.light.light import LightModel
from icereco.physics.sphere import angles_from_direction
from icereco.tables.assembly import event_batch

EARLY = 0.03
"""Quantile of the first pulses of modules at which light is taken to be direct, to find the time of an event."""
DELAYS_M = {
    "through_track": ((10, 20), (20, 40), (40, 60), (60, 90)),
    "cascade": ((20, 40), (40, 60), (60, 90), (90, 130), (130, 200)),
}
QUARTILES = (0.25, 0.5, 0.75)


def particles(events: EventBatch) -> Primaries:
    """The true particles of events."""
    truth = events.truth
    azimuth, zenith = angles_from_direction(truth.direction)
    kind = np.array([KINDS.index(name) for name in truth.kind])
    inelasticity = np.random.default_rng(0).beta(0.9, 1.6, len(kind))  # not in the files
    return Primaries(kind, azimuth, zenith, truth.energy_gev, truth.vertex_m.astype(np.float64), inelasticity)


def simulated(given: Primaries, detector: Detector, seed: int) -> tuple[EventBatch, np.ndarray]:
    """Simulate the particles: the events that trigger, and the particle of each."""
    options = IceTelescopeOptions(primaries_per_block=len(given.kind))
    with patch("icereco_simulation.simulator.draw", lambda *_: given):
        block = IceTelescope(options, detector).block(seed, 0)
    events = event_batch(block, detector)
    order = np.argsort(given.energy_gev)
    return events, order[np.searchsorted(given.energy_gev[order], np.asarray(block["energy"]) * (1 - 1e-9))]


class Coincident:
    """Pulses in local coincidence of chosen events, as seen from the true particles.

    Attributes:
        event: index of the event of each pulse; kind: of its particle.
        charge_pe: charge; distance_m: from the cascade, or from the line of the track.
        cos_emission: cosine between the particle's direction and the way to the module.
        delay_ns: after direct light, where the time of an event is that of its early pulses.
    """

    def __init__(
        self,
        events: EventBatch,
        chosen: np.ndarray,
        given: Primaries,
        particle: np.ndarray,
        light: LightModel,
    ) -> None:
        pulse = np.flatnonzero(~events.auxiliary & chosen[events.event_of_pulse])
        dom = events.dom_of_pulse[pulse]
        self.event = np.unique(events.event_of_pulse[pulse], return_inverse=True)[1]
        self.charge_pe = events.charge_pe[pulse]
        particle = particle[events.event_of_pulse[pulse]]
        self.kind = given.kind[particle]
        way = events.position_m[dom] - given.vertex_m[particle]
        along = (way * given.travel[particle]).sum(1)
        far = np.linalg.norm(way, axis=1)
        across = np.sqrt(np.maximum(far**2 - along**2, 0.0))
        is_cascade = self.kind == KINDS.index("cascade")
        self.distance_m = np.where(is_cascade, far, across)
        self.cos_emission = along / far
        direct = np.where(is_cascade, light.direct.of_point(far), light.direct.of_track(along, across))
        residual = events.time_ns[pulse] - direct
        zero = [np.quantile(residual[self.event == event], EARLY) for event in range(self.event.max() + 1)]
        self.delay_ns = residual - np.array(zero)[self.event]

    def delays(self, kind: str, low_m: float, high_m: float) -> np.ndarray:
        """Quartiles of the delays at some distances, weighted by charge."""
        chosen = (self.kind == KINDS.index(kind)) & (self.distance_m >= low_m) & (self.distance_m < high_m)
        order = np.argsort(self.delay_ns[chosen])
        below = np.cumsum(self.charge_pe[chosen][order])
        return self.delay_ns[chosen][order][np.searchsorted(below, np.array(QUARTILES) * below[-1])]

    def behind(self) -> float:
        """Share of the charge 20 to 100 m from cascades that is behind them."""
        near = (self.kind == KINDS.index("cascade")) & (self.distance_m > 20) & (self.distance_m < 100)
        return float(self.charge_pe[near & (self.cos_emission < -0.5)].sum() / self.charge_pe[near].sum())


def rows(seen: Coincident) -> dict[str, np.ndarray]:
    """The figures of events, by name."""
    number, charge = np.bincount(seen.event), np.bincount(seen.event, seen.charge_pe)
    first = np.unique(seen.event, return_index=True)[1]
    result = {}
    for kind, name in enumerate(KINDS):
        of_kind = seen.kind[first] == kind
        result[f"pulses in coincidence, median: {name}"] = np.median(number[of_kind])
        result[f"photo-electrons in coincidence, median: {name}"] = np.median(charge[of_kind])
    for kind, edges in DELAYS_M.items():
        for edge in edges:
            result[f"delay of {kind}, quartiles, ns: {edge[0]}–{edge[1]} m"] = seen.delays(kind, *edge)
    result["share of the charge behind cascades, %"] = 100 * seen.behind()
    return {name: np.atleast_1d(value) for name, value in result.items()}


def main(path: str, rounds: int) -> None:
    """Print the figures of the events and of their particles simulated here."""
    detector = load_detector("icecube86")
    light = LightModel(detector)
    events = icereco.read_events(path)
    given = particles(events)
    here, there = [], []
    for seed in track(range(rounds), "simulating"):
        batch, particle = simulated(given, detector, seed)
        triggered = np.isin(np.arange(len(events)), particle)
        here.append(rows(Coincident(batch, np.ones(len(batch), bool), given, particle, light)))
        there.append(rows(Coincident(events, triggered, given, np.arange(len(events)), light)))
    table = Table("", "photon by photon", "here", title=f"{len(given.kind):,} particles, {rounds} times")
    for name in here[0]:
        both = (np.mean([one[name] for one in side], axis=0) for side in (there, here))
        table.add_row(name, *(", ".join(f"{value:.3g}" for value in values) for values in both))
    Console().print(table)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5)
