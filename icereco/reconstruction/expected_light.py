"""The light that modules are expected to see of a track or a cascade that a method, or the truth, has found in an event.

Direction and, where it is known, the place are held as they are; what a hypothesis leaves open is fitted by the likelihood
(`icereco.physics.likelihood.likelihood`): the time, how bright it is, where the track ends, and a place that is not known.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from icereco.detector.detector import Detector
from icereco.errors import IcerecoError
from icereco.events.batch import EventBatch
from icereco.events.observations import Observer
from icereco.physics.light.light import LightModel
from icereco.physics.likelihood.likelihood import Likelihood
from icereco.physics.likelihood.marquardt import climb_by_tensors
from icereco.physics.likelihood.observation import Observation
from icereco.physics.likelihood.sources import HYPOTHESES, MOVES, STARTING, TRACK, Hypothesis, Sources
from icereco.physics.likelihood.timing import timed

__all__ = ["ExpectedLight", "LightSource", "Prediction"]

_MODEL_ERROR, _TIME_ERROR = 0.3, 0.3
"""Relative error of the expectation, and how little the times of bright modules are trusted: as usual in the likelihood fit."""

_ROUNDS = ((15.0, 20), (6.0, 20), (2.0, 40))
"""Jitter of times, ns, and steps of the climbs, one after the other."""

_USUAL_END_M = 700.0
_PLACE = ("shift_first_m", "shift_second_m", "shift_along_m")


@dataclass(frozen=True, slots=True)
class LightSource:
    """What a method says of the light of an event.

    Attributes:
        kind: a name of `icereco.physics.likelihood.sources.HYPOTHESES`.
        travel: unit vector along the particle's direction.
        place_m: a vertex, or any point of a track; None where the method gives none.
        length_m: of a starting track; None where it is not known.
    """

    kind: str
    travel: tuple[float, float, float]
    place_m: tuple[float, float, float] | None = None
    length_m: float | None = None


@dataclass(frozen=True, slots=True)
class Prediction:
    """Expected light.

    Attributes:
        photo_electrons: float64 `[S]`, of every module, without noise; 0 of those that are not alive.
        fitted: what was fitted to the event, in words.
        log_likelihood: of the event.
    """

    photo_electrons: Float[ndarray, "sensor"]
    fitted: tuple[str, ...]
    log_likelihood: float


class ExpectedLight:
    """The light model of a detector, asked for single events.

    Raises:
        IcerecoError: the medium of the detector has no scattering or no absorption length.
    """

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._likelihood = Likelihood(LightModel(detector), _MODEL_ERROR).double()
        self._observer = Observer(detector, _TIME_ERROR)

    def __call__(self, batch: EventBatch, source: LightSource) -> Prediction:
        """Return what is expected of a source in an event, a batch of one.

        Raises:
            IcerecoError: the event has no pulses, or nothing near it explains them.
        """
        if not len(batch.time_ns):
            raise IcerecoError("the event has no pulses to fit the light to")
        (observed,) = self._observer(batch)
        seen, centre = observed.observation, torch.from_numpy(observed.centre_m)
        hypothesis = _held(source)
        sources, value = self._fitted(hypothesis, self._first(source, centre, seen), seen)
        if not np.isfinite(value):
            raise IcerecoError("the light of the event cannot be explained from there")
        detector = self._detector
        place = torch.from_numpy(detector.position_m.astype(np.float64))[None]
        with torch.inference_mode():
            light = self._likelihood.light_at(hypothesis, sources, place)[0].numpy()
        return Prediction(light * detector.quantum_efficiency * detector.alive, _words(hypothesis), value)

    def _first(self, source: LightSource, centre_m: Float[Tensor, "1 3"], seen: Observation) -> Sources:
        """Return the source with a rough time and brightness."""
        hypothesis = HYPOTHESES[source.kind]
        travel = torch.tensor([source.travel], dtype=torch.float64)
        travel = travel / travel.norm(dim=1, keepdim=True)
        place = centre_m if source.place_m is None else torch.tensor([source.place_m], dtype=torch.float64)
        if (
            hypothesis is TRACK
        ):  # from the middle of the light, as what is assumed of its end counts from there
            place = place + ((centre_m - place) * travel).sum(1, keepdim=True) * travel
        one = torch.ones(1, dtype=torch.float64)
        end = one * (_USUAL_END_M if source.length_m is None else source.length_m)
        guess = Sources(travel, place, 0.0 * one, one, 7.0 * one, end)
        guess = timed(self._likelihood.light, hypothesis, guess, seen)
        return self._likelihood.brightened(hypothesis, guess, seen)

    def _fitted(self, hypothesis: Hypothesis, start: Sources, seen: Observation) -> tuple[Sources, float]:
        event, value = torch.zeros(1, dtype=torch.long), float("nan")
        for jitter_ns, steps in _ROUNDS:
            reached = climb_by_tensors(self._likelihood, hypothesis, start, seen, event, jitter_ns, steps)
            start, value = reached.sources, float(reached.curvature.value[0])
        return start, value


def _held(source: LightSource) -> Hypothesis:
    """Return the hypothesis with what the source says held as it is."""
    hypothesis = HYPOTHESES[source.kind]
    held = {"turn_first", "turn_second"}
    if source.place_m is not None:
        held |= set(_PLACE)
    if source.length_m is not None and hypothesis is STARTING:
        held.add("end_m")
    return replace(hypothesis, moves=tuple(move for move in hypothesis.moves if MOVES[move] not in held))


def _words(hypothesis: Hypothesis) -> tuple[str, ...]:
    free = {MOVES[move] for move in hypothesis.moves}
    fitted = ["time", "brightness"]
    if "end_m" in free:
        fitted.append("end")
    if free & set(_PLACE):
        fitted.insert(0, "place")
    return tuple(fitted)
