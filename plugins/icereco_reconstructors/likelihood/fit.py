"""Likelihood fits of tracks, starting tracks and cascades with the light model of the detector's medium."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray

from icereco.detector.detector import Detector
from icereco.errors import IcerecoError
from icereco.events.batch import EventBatch
from icereco.events.observations import Observed, Observer
from icereco.events.reconstruction import Reconstruction
from icereco.physics.light.light import LightModel
from icereco.physics.likelihood.likelihood import Likelihood
from icereco.physics.likelihood.sources import HYPOTHESES
from icereco_reconstructors.likelihood.results import Part, reconstruction
from icereco_reconstructors.likelihood.search import search
from icereco_reconstructors.likelihood.seeds import first_directions, given_directions
from icereco_reconstructors.likelihood.solutions import Solutions, joined, solutions
from icereco_reconstructors.options import LikelihoodOptions

__all__ = ["LikelihoodFit"]

_PAIRS_AT_ONCE = 4_000_000


class LikelihoodFit:
    """The reconstructor `likelihood`; see `icereco.physics.likelihood.likelihood` and docs/physics.md."""

    events_per_batch = 256
    pulses_per_call = 300_000

    def __init__(self, options: LikelihoodOptions, detector: Detector) -> None:
        self._options = options
        self._detector = detector
        self._device = _device(options.device)
        self._observer = Observer(detector, options.time_error)
        # The terms hold in float32; parameters, sums and curvatures are float64.
        self._likelihood = Likelihood(LightModel(detector), options.model_error).to(self._device, torch.float32)
        names = list(HYPOTHESES) if options.hypothesis == "auto" else [options.hypothesis]
        self._hypotheses = [HYPOTHESES[name] for name in names]

    def __call__(self, batch: EventBatch, seeds: Sequence[Reconstruction] = ()) -> Reconstruction:
        """Fit each event from a grid of directions, or from the seeds; see `Reconstruction`."""
        own = first_directions(batch, self._options.seed_count)
        given, seeded = given_directions(seeds, self._options.samples, len(batch))
        parts: list[Part] = []
        for observed in self._observer(batch):
            for directions, usable in ((own, ~seeded), (given, seeded)):
                rows = np.flatnonzero(usable[observed.event])
                pairs = sum(column.shape[1] for column in (observed.observation.count, observed.observation.time_ns))
                events = max(_PAIRS_AT_ONCE // max(pairs * directions.shape[1], 1), 1)
                for start in range(0, len(rows), events):
                    part = rows[start : start + events]
                    chosen = observed.event[part]
                    solved = self._solve(observed, part, directions[chosen])
                    parts.append((chosen, observed.reference_ns[part], solved))
        return reconstruction(batch, self._detector, self._hypotheses, parts)

    def _solve(
        self, observed: Observed, rows: Int[ndarray, "event"], direction: Float[ndarray, "event seed 3"]
    ) -> Solutions:
        """Fit some of the events of a group with every hypothesis."""
        seen = observed.observation.take(torch.from_numpy(rows)).to(self._device, torch.float32)
        travel = torch.from_numpy(-direction).to(self._device)
        centre = torch.from_numpy(observed.centre_m[rows]).to(self._device)
        return joined(
            [
                solutions(search(self._likelihood, hypothesis, travel, centre, seen), hypothesis, index)
                for index, hypothesis in enumerate(self._hypotheses)
            ]
        )


def _device(name: str) -> torch.device:
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise IcerecoError("device=cuda, and this machine has no GPU that torch can use; leave the option out")
    return torch.device("cuda" if available and name != "cpu" else "cpu")
