"""The simulator: blocks of triggered events."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pyarrow as pa
import torch
from jaxtyping import Int
from numpy import ndarray

from icereco.detector.detector import Detector
from icereco.errors import IcerecoError
from icereco.tables.schema import SCHEMA
from icereco_simulation.options import IceTelescopeOptions
from icereco_simulation.photons import PhotoElectrons, PhotonSampler
from icereco_simulation.primaries import KINDS, Primaries, draw, shine
from icereco_simulation.sensor import Coincidence, DarkNoise, Pulses, afterpulses, merge
from icereco_simulation.trigger import Triggers, simple_multiplicity
from icereco_simulation.volume import Volume

__all__ = ["TRIGGER_TIME_NS", "IceTelescope"]

TRIGGER_TIME_NS = 10_000.0
"""Time of the first pulse of the trigger in every event."""

_EVENTS_PER_BLOCK = 1 << 20  # more than any block holds: event ids encode the block and the place in it


class IceTelescope:
    """Tracks and cascades in a neutrino telescope, see docs/simulation.md."""

    def __init__(self, options: IceTelescopeOptions, detector: Detector) -> None:
        _require_simulable(options, detector)
        self._options = options
        self._volume = Volume.around(detector, options)
        self._sensors = detector.string.size
        self._photons = PhotonSampler(detector, options.light_scale)
        self._noise = DarkNoise(detector, options.noise_scale)
        self._coincidence = Coincidence(detector)

    def blocks(self, seed: int, first_block: int = 0) -> Iterator[pa.RecordBatch]:
        """An endless sequence of blocks of triggered events; block `k` depends on (seed, k) alone."""
        block = first_block
        while True:
            yield self.block(seed, block)
            block += 1

    def block(self, seed: int, block: int) -> pa.RecordBatch:
        """The triggered events of one block, as `icereco.tables.schema.SCHEMA`."""
        rng = np.random.Generator(np.random.SFC64(np.random.SeedSequence(seed, spawn_key=(block,))))
        with torch.inference_mode(), _one_thread():
            primaries = draw(rng, self._options, self._volume)
            hits = self._enough(self._photons.sample(rng, *shine(rng, primaries, self._volume)))
        pulses = merge(rng, afterpulses(rng, self._with_noise(rng, hits)), self._sensors)
        coincident = self._coincidence.flags(pulses)
        triggers = simple_multiplicity(
            pulses, coincident, self._options.trigger_multiplicity, self._options.trigger_window_ns
        )
        return self._table(block, primaries, pulses, ~coincident, triggers)

    def _enough(self, hits: PhotoElectrons) -> PhotoElectrons:
        """Keep only the light of particles that may trigger; noise rarely adds more than one coincident module."""
        count = np.bincount(hits.primary, minlength=self._options.primaries_per_block)
        return hits.keep(count[hits.primary] >= self._options.trigger_multiplicity - 1)

    def _with_noise(self, rng: np.random.Generator, hits: PhotoElectrons) -> PhotoElectrons:
        """Add noise from well before the first to well after the last photo-electron of each particle."""
        options = self._options
        order = np.argsort(hits.primary, kind="stable")
        primary, first = np.unique(hits.primary[order], return_index=True)
        if not primary.size:
            return hits
        time = hits.time_ns[order].astype(np.float64)
        begin = np.minimum.reduceat(time, first) - options.readout_before_ns - 1000.0
        end = np.maximum.reduceat(time, first) + options.readout_after_ns + 1000.0
        return PhotoElectrons.concatenate([hits, self._noise.sample(rng, primary, begin, end)])

    def _table(
        self, block: int, primaries: Primaries, pulses: Pulses, auxiliary: ndarray, triggers: Triggers
    ) -> pa.RecordBatch:
        options = self._options
        trigger_of = np.full(primaries.kind.size, -1)
        trigger_of[triggers.primary] = np.arange(triggers.primary.size)
        trigger = trigger_of[pulses.primary]
        begin, end = triggers.begin_ns - options.readout_before_ns, triggers.end_ns + options.readout_after_ns
        inside = (
            (trigger >= 0) & (pulses.time_ns >= begin[trigger]) & (pulses.time_ns <= end[trigger])
            if begin.size
            else trigger >= 0
        )
        kept = np.flatnonzero(inside)
        event = trigger[kept]
        time = np.rint(pulses.time_ns[kept] - triggers.begin_ns[event] + TRIGGER_TIME_NS)
        order = np.lexsort((time, event))
        kept = kept[order]
        offsets = np.searchsorted(event[order], np.arange(triggers.primary.size + 1)).astype(np.int32)
        pulse_columns = [
            pulses.sensor[kept].astype(np.int32),
            time[order],
            pulses.charge_pe[kept],
            auxiliary[kept],
        ]
        return pa.RecordBatch.from_arrays(
            [
                pa.array(block * _EVENTS_PER_BLOCK + np.arange(triggers.primary.size, dtype=np.int64)),
                *(pa.ListArray.from_arrays(offsets, pa.array(column)) for column in pulse_columns),
                *_truth(primaries, triggers.primary),
            ],
            schema=SCHEMA,
        )


@contextmanager
def _one_thread() -> Iterator[None]:
    """Limit torch to one thread: chunks are small and processes many, so threads would only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _require_simulable(options: IceTelescopeOptions, detector: Detector) -> None:
    if detector.medium.kind != "ice":
        raise IcerecoError(
            f"detector {detector.name!r} is in {detector.medium.kind}, and the simulator 'ice-telescope' supports "
            "only ice and IceCube's modules; use events of your own (--data), another simulator "
            "(icereco plugins --kind simulator), or a detector in ice (icereco detectors)"
        )
    if detector.noise_rate_hz is None and options.noise_scale > 0:
        raise IcerecoError(
            f"the card of detector {detector.name!r} gives no dark noise; simulate without it (--option "
            "noise_scale=0 here, -o simulation.noise_scale=0 when training), or add [noise] to a card of your own"
        )


def _truth(primaries: Primaries, chosen: Int[ndarray, "event"]) -> list[pa.Array]:
    kinds = pa.DictionaryArray.from_arrays(pa.array(primaries.kind[chosen].astype(np.int8)), pa.array(KINDS))
    return [
        pa.array(primaries.azimuth[chosen]),
        pa.array(primaries.zenith[chosen]),
        pa.array(primaries.energy_gev[chosen]),
        kinds.cast(pa.string()),
        *(pa.array(primaries.vertex_m[chosen, axis]) for axis in range(3)),
        # Where a through-going muon's neutrino interacted is not simulated.
        pa.array(
            np.where(
                primaries.kind[chosen] == KINDS.index("through_track"), np.nan, primaries.inelasticity[chosen]
            ),
            from_pandas=True,
        ),
    ]
