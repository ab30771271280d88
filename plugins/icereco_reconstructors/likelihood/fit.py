"""Likelihood fits of tracks, starting tracks and cascades with the light model of the detector's medium."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor

from icereco.detector.detector import Detector
from icereco.events.batch import EventBatch
from icereco.events.joining import take
from icereco.events.observations import Observed, Observer
from icereco.events.reconstruction import Reconstruction
from icereco.physics.light.light import LightModel
from icereco.physics.likelihood.likelihood import Likelihood
from icereco.physics.likelihood.observation import Observation
from icereco.physics.likelihood.sources import HYPOTHESES, Hypothesis
from icereco.system.devices import find_device
from icereco.system.processors import available_processors
from icereco_reconstructors.likelihood.ice import OtherIce
from icereco_reconstructors.likelihood.plan import Plan, plans
from icereco_reconstructors.likelihood.profile import DirectionProfile
from icereco_reconstructors.likelihood.results import Part, is_track, reconstruction, replaced
from icereco_reconstructors.likelihood.search import Maxima, search
from icereco_reconstructors.likelihood.solutions import Solutions, joined, solutions
from icereco_reconstructors.options import LikelihoodOptions

__all__ = ["BRIGHT_PULSES", "LikelihoodFit"]

_PAIRS_AT_ONCE = 4_000_000

BRIGHT_PULSES = 300
"""From this many pulses on, the light model's errors matter more to a track than what its first pulses alone leave out."""

_BRIGHT_MODEL_ERROR = 1.0
"""Relative error of the expected charges of bright tracks: the losses of an energetic muon are as large as its other light, and
where they happen is not in the model."""


class LikelihoodFit:
    """The reconstructor `likelihood`; see `icereco.physics.likelihood.likelihood` and docs/physics.md."""

    events_per_batch = 256
    pulses_per_call = 300_000

    def __init__(self, options: LikelihoodOptions, detector: Detector) -> None:
        self._options = options
        self._detector = detector
        self._device = find_device(options.device)
        # On other devices, float32 is faster and holds for the terms; parameters, sums and curvatures are float64 there, too.
        self._dtype = torch.float64 if self._device.type == "cpu" else torch.float32
        self._first_only = options.form == "first"
        self._observer = Observer(detector, options.time_error, self._first_only)
        self._likelihood = self._likelihood_in(detector)
        names = list(HYPOTHESES) if options.hypothesis == "auto" else [options.hypothesis]
        self._hypotheses = [HYPOTHESES[name] for name in names]
        self._other_ice = (
            OtherIce(detector, options.ice_error, self._likelihood_in) if options.ice_error else None
        )
        self._of_bright_tracks = _of_bright_tracks(options, detector)

    def __call__(self, batch: EventBatch, seeds: Sequence[Reconstruction] = ()) -> Reconstruction:
        """Fit each event from a grid of directions, or from the seeds; see `Reconstruction`."""
        fitted, again = self._fitted(batch, seeds), self._of_bright_tracks
        if again is None:
            return fitted
        rows = np.flatnonzero((batch.pulse_count >= BRIGHT_PULSES) & is_track(fitted))
        better = [
            again(batch[row : row + 1], [take(seed, np.array([row])) for seed in seeds])
            for row in rows.tolist()
        ]
        return replaced(fitted, rows, better)

    def _fitted(self, batch: EventBatch, seeds: Sequence[Reconstruction]) -> Reconstruction:
        planned = plans(batch, seeds, self._hypotheses, self._options)
        work = [
            (observed, rows, plan)
            for observed in self._observer(batch)
            for plan in planned
            for rows in _pieces(
                observed, np.flatnonzero(plan.events[observed.event]), plan.direction.shape[1]
            )
        ]
        with ThreadPoolExecutor(self._workers()) as pool:
            parts = list(pool.map(lambda piece: self._part(*piece), work))
        return self._result(batch, parts)

    def profile(self, batch: EventBatch) -> DirectionProfile:
        """Return log L of one event as a function of the direction alone; see `icereco.protocols.Scannable`."""
        (observed,) = self._observer(batch)
        row = np.zeros(1, np.int64)
        seen, centre = self._placed(observed, row)
        plan = plans(batch, (), self._hypotheses, self._options)[0]
        searched = self._searched(seen, centre, row, plan)
        solved = _solved(searched)
        fitted = self._result(batch, [Part(row, observed.reference_ns, solved, {})])
        return DirectionProfile(self._likelihood, seen, centre, searched, solved, fitted)

    def _likelihood_in(self, detector: Detector) -> Likelihood:
        likelihood = Likelihood(LightModel(detector), self._options.model_error, self._first_only)
        return likelihood.to(self._device, self._dtype)

    def _workers(self) -> int:
        """Tensors here are small: one core each, and as many groups of events at once as torch may use cores."""
        return min(torch.get_num_threads(), available_processors()) if self._device.type == "cpu" else 1

    def _result(self, batch: EventBatch, parts: Sequence[Part]) -> Reconstruction:
        times = batch.dom_count if self._first_only else batch.pulse_count
        return reconstruction(batch, self._detector, self._hypotheses, parts, times)

    def _part(self, observed: Observed, rows: Int[ndarray, "event"], plan: Plan) -> Part:
        event = observed.event[rows]
        seen, centre = self._placed(observed, rows)
        searched = self._searched(seen, centre, event, plan)
        solved = _solved(searched).weighted(plan.log_prior[np.ix_(event, plan.hypotheses)])
        extras = (
            {}
            if self._other_ice is None
            else {"ice_shift_rad": self._other_ice.shift_rad(searched, solved, seen)}
        )
        return Part(event, observed.reference_ns[rows], solved.numbered(plan.hypotheses), extras)

    def _placed(
        self, observed: Observed, rows: Int[ndarray, "event"]
    ) -> tuple[Observation, Float[Tensor, "event 3"]]:
        """Return some of the events of a group, and the centres of their light, on the device."""
        seen = observed.observation.take(torch.from_numpy(rows)).to(self._device, self._dtype)
        return seen, torch.from_numpy(observed.centre_m[rows]).to(self._device)

    def _searched(
        self, seen: Observation, centre_m: Float[Tensor, "event 3"], event: Int[ndarray, "event"], plan: Plan
    ) -> list[tuple[Hypothesis, Maxima]]:
        """Search the maxima of the hypotheses of a plan; `event` has the rows of the batch."""
        travel = torch.from_numpy(-plan.direction[event]).to(self._device)
        hypotheses = [self._hypotheses[number] for number in plan.hypotheses]
        hops = plan.schedule.hops if self._options.hops is None else self._options.hops
        found = search(self._likelihood, hypotheses, travel, centre_m, seen, plan.schedule, hops)
        return list(zip(hypotheses, found, strict=True))


def _of_bright_tracks(options: LikelihoodOptions, detector: Detector) -> "LikelihoodFit | None":
    """Return the fit that bright tracks are fitted with once more."""
    if options.form != "auto" or options.hypothesis not in ("auto", "track"):
        return None
    model_error = max(options.model_error, _BRIGHT_MODEL_ERROR)
    changed = {"form": "first", "hypothesis": "track", "model_error": model_error}
    return LikelihoodFit(options.model_copy(update=changed), detector)


def _solved(searched: Sequence[tuple[Hypothesis, Maxima]]) -> Solutions:
    return joined(
        [solutions(maxima, hypothesis, index) for index, (hypothesis, maxima) in enumerate(searched)]
    )


def _pieces(observed: Observed, rows: Int[ndarray, "event"], seeds: int) -> list[Int[ndarray, "piece"]]:
    """Cut events into pieces that fit the memory."""
    seen = observed.observation
    events = max(_PAIRS_AT_ONCE // ((seen.count.shape[1] + seen.time_ns.shape[1]) * max(seeds, 1)), 1)
    return [rows[start : start + events] for start in range(0, len(rows), events)]
