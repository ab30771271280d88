"""The smallest error of the direction that the light of an event allows: the Cramér-Rao bound, at the truth.

The covariance of an unbiased estimate is at least the inverse of the Fisher information (Rao, Bull. Calcutta Math. Soc. 37
(1945) 81), here that of the pure light model: no model error, every time trusted, 2 ns of jitter. It is taken "as hit", at the
photo-electrons that were there:

    I = Σ_m v_m ∇Λ_m ∇Λ_mᵀ / Λ_m + Σ_k w_k ∇log f(t_k) ∇log f(t_k)ᵀ + priors

of all parameters of the true kind of event, at the true direction and the true vertex of starting tracks and cascades, where
the position of through-going tracks, time and light are fitted. The inverse profiles all of them out of the direction's part.
The likelihoods of dim events have several maxima, and errors there are larger than this local bound.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy import ndarray
from torch import Tensor

from icereco.detector.detector import Detector
from icereco.errors import IcerecoError
from icereco.events.batch import EventBatch, hit_events
from icereco.events.observations import Observed, Observer
from icereco.events.truth import Truth
from icereco.physics.light.light import LightModel
from icereco.physics.likelihood.climb import climb
from icereco.physics.likelihood.evidence import laplace
from icereco.physics.likelihood.likelihood import Curvature, Likelihood
from icereco.physics.likelihood.observation import Observation
from icereco.physics.likelihood.sources import CASCADE, MOVES, STARTING, TRACK, Hypothesis, Sources
from icereco.physics.likelihood.timing import timed
from icereco.system.processors import available_processors

__all__ = ["Bound", "information", "median_error"]

_HYPOTHESES = {"through_track": TRACK, "starting_track": STARTING, "cascade": CASCADE}
_TURNS = frozenset({"turn_first", "turn_second"})
_VERTEX = frozenset({"shift_first_m", "shift_second_m", "shift_along_m"})

_JITTERS_NS = (40.0, 15.0, 6.0, 2.0)
_STEPS = 8
_PAIRS_AT_ONCE = 100_000
"""Modules and pulses of the events that a thread works on."""

_PULSES_AT_ONCE = 200_000
_LEAST_VARIANCE = 1e-16
_HALVINGS = 40
_ANGLES = 128


class Bound:
    """Bounds of events of one detector.

    Raises:
        IcerecoError: the detector's medium has no scattering or no absorption length.
    """

    def __init__(self, detector: Detector) -> None:
        self._observer = Observer(detector, time_error=0.0)
        # As in the fits, the terms hold in float32; parameters and information are float64.
        self._likelihood = Likelihood(LightModel(detector), model_error=0.0).to(torch.float32)

    def __call__(self, batch: EventBatch) -> Float[ndarray, "event"]:
        """Return the bound of each event's median angular error, rad.

        It is NaN for events without pulses, of unknown direction or kind, and for starting tracks and cascades of unknown
        vertex.

        Raises:
            IcerecoError: the events have no truth, or no kinds.
        """
        truth = batch.truth
        if truth is None or truth.kind is None:
            raise IcerecoError(
                "the bound needs the true direction and kind of the events, which these do not have; take simulated events"
            )
        bound = np.full(len(batch), np.nan)
        work = list(self._pieces(batch, truth)) if batch.dom_count.any() else []
        # Tensors here are small: one core each, and as many pieces at once as torch may use cores.
        with ThreadPoolExecutor(min(torch.get_num_threads(), available_processors())) as pool:
            errors = pool.map(lambda piece: self._of_piece(*piece), work)
            for (*_, event), error in zip(work, errors, strict=True):
                bound[event] = error
        return bound

    def _pieces(self, batch: EventBatch, truth: Truth) -> Iterator["_Piece"]:
        """Yield events of one kind and of similar size each, few enough for the memory."""
        hit = np.flatnonzero(batch.dom_count)
        for observed in self._observer(hit_events(batch)):
            seen = observed.observation
            most = max(_PAIRS_AT_ONCE // (seen.count.shape[1] + seen.time_ns.shape[1]), 1)
            for kind, hypothesis in _HYPOTHESES.items():
                rows = np.flatnonzero(_usable(truth, kind, hypothesis)[hit[observed.event]])
                for part in (rows[start : start + most] for start in range(0, len(rows), most)):
                    yield _piece(hypothesis, observed, part, truth, hit[observed.event[part]])

    def _of_piece(
        self, hypothesis: Hypothesis, start: Sources, seen: Observation, event: Int[ndarray, "event"]
    ) -> Float[ndarray, "event"]:
        start = timed(self._likelihood.light, hypothesis, start, seen)
        start = self._likelihood.brightened(hypothesis, start, seen)
        fitted, rows = _fitted(hypothesis), torch.arange(len(event))
        for jitter_ns in _JITTERS_NS:
            start = climb(self._likelihood, fitted, start, seen, rows, jitter_ns, _STEPS).sources
        there = information(self._likelihood, hypothesis, start, seen, _JITTERS_NS[-1])
        _, covariance = laplace(hypothesis, there)
        return median_error(torch.linalg.eigvalsh(covariance[:, :2, :2]).numpy())


_Piece = tuple[Hypothesis, Sources, Observation, Int[ndarray, "event"]]
"""What shone, where to start, what was seen, and the rows of the events in their batch."""


def _usable(truth: Truth, kind: str, hypothesis: Hypothesis) -> Bool[ndarray, "event"]:
    """Return which events are of a kind and have the truth that its bound needs."""
    usable: ndarray = truth.known("direction") & np.asarray(truth.kind == kind)
    if hypothesis is not TRACK:
        usable &= np.zeros(len(usable), bool) if truth.vertex_m is None else truth.known("vertex_m")
    return usable


def _piece(
    hypothesis: Hypothesis,
    observed: Observed,
    rows: Int[ndarray, "chosen"],
    truth: Truth,
    event: Int[ndarray, "chosen"],
) -> _Piece:
    travel = -truth.direction[event]
    position = observed.centre_m[rows]
    if truth.vertex_m is not None:
        known = np.isfinite(truth.vertex_m[event]).all(axis=1, keepdims=True)
        position = np.where(known, _reference(hypothesis, truth.vertex_m[event], travel, position), position)
    like = torch.ones(len(rows), dtype=torch.float64)
    start = Sources(
        torch.from_numpy(travel), torch.from_numpy(position), 0 * like, like, 7 * like, 500 * like
    )
    seen = observed.observation.take(torch.from_numpy(rows)).to(torch.device("cpu"), torch.float32)
    return hypothesis, start, seen, event


def _reference(
    hypothesis: Hypothesis,
    vertex_m: Float[ndarray, "event 3"],
    travel: Float[ndarray, "event 3"],
    centre_m: Float[ndarray, "event 3"],
) -> Float[ndarray, "event 3"]:
    """Return the vertex, or of a through-going track the point that is closest to the light."""
    if hypothesis is not TRACK:
        return vertex_m
    along: ndarray = ((centre_m - vertex_m) * travel).sum(axis=1, keepdims=True)
    return np.asarray(vertex_m + along * travel)


def _fitted(hypothesis: Hypothesis) -> Hypothesis:
    """Return the hypothesis with those parameters free that the truth does not say."""
    known = _TURNS if hypothesis is TRACK else _TURNS | _VERTEX
    return replace(hypothesis, moves=tuple(move for move in hypothesis.moves if MOVES[move] not in known))


def information(
    likelihood: Likelihood, hypothesis: Hypothesis, sources: Sources, seen: Observation, jitter_ns: float
) -> Curvature:
    """Return log L with its gradient and the Fisher information at the photo-electrons that were there.

    Differs from `Likelihood.curvature` in the part of the times, which here is the sum of products of first derivatives of each
    pulse's log density: unlike that curvature it holds what the shape of the density says, from which alone the times
    of a cascade know its direction.

    Args:
        likelihood: of the detector.
        hypothesis: of all events.
        sources: the parameters of each event.
        seen: the observation of each event.
        jitter_ns: standard deviation of the time of direct light.
    """
    there = likelihood.curvature(hypothesis, sources, seen, jitter_ns)
    timeless = replace(seen, pulse_weight=torch.zeros_like(seen.pulse_weight))
    of_charge = likelihood.curvature(hypothesis, sources, timeless, jitter_ns).information
    event, score = _scores(likelihood, hypothesis, sources, seen, jitter_ns)
    weight = seen.pulse_weight[seen.pulse_weight > 0].double()
    products = weight[:, None, None] * score[:, :, None] * score[:, None, :]
    return replace(there, information=of_charge.index_add(0, event, products))


def _scores(
    likelihood: Likelihood, hypothesis: Hypothesis, sources: Sources, seen: Observation, jitter_ns: float
) -> tuple[Int[Tensor, "pulse"], Float[Tensor, "pulse free"]]:
    """Return the event of each pulse and the derivatives of the log density of its time.

    They are the gradients of events of this pulse alone, whose module counts for nothing, without the priors' part.
    """
    event, pulse = (seen.pulse_weight > 0).nonzero().unbind(1)
    scores = []
    for part in torch.arange(len(event)).split(_PULSES_AT_ONCE):
        single = _single(seen, event[part], pulse[part])
        nothing = replace(single, pulse_weight=torch.zeros_like(single.pulse_weight))
        source = sources.take(event[part])
        gradients = [
            likelihood.curvature(hypothesis, source, one, jitter_ns).gradient for one in (single, nothing)
        ]
        scores.append(gradients[0] - gradients[1])
    return event, torch.cat(scores)


def _single(seen: Observation, event: Int[Tensor, "pulse"], pulse: Int[Tensor, "pulse"]) -> Observation:
    """Return each pulse as an event of its own."""
    module = seen.module_of_pulse[event, pulse]
    one = torch.ones_like(seen.time_ns[event, pulse])
    columns = (
        seen.module_m[event, module], seen.efficiency[event, module], 0 * one, 0 * one, seen.noise[event, module],
        torch.zeros_like(module), seen.time_ns[event, pulse], one, seen.noise_per_ns[event, pulse], 0 * one, one,
        one,
    )  # fmt: skip
    return Observation(*(column[:, None] for column in columns))


def median_error(variance: Float[ndarray, "event 2"]) -> Float[ndarray, "event"]:
    """Return the median distance from the mean of a two-dimensional Gaussian with variances along its axes.

    A point σ₁ r cos θ, σ₂ r sin θ has a uniform θ and a Rayleigh distributed r, so the probability within a distance m is the
    mean of 1 − exp(−m²/2(σ₁² cos² θ + σ₂² sin² θ)) over θ. The median is between 0.674 σ₁, for σ₂ = 0, and 1.177 σ₁, for σ₂ = σ₁.

    >>> float(median_error(np.array([[4.0, 4.0]]))[0].round(3))
    2.355
    """
    angle = (np.arange(_ANGLES) + 0.5) * (0.5 * np.pi / _ANGLES)
    square = np.maximum(variance, _LEAST_VARIANCE) @ np.stack([np.cos(angle) ** 2, np.sin(angle) ** 2])
    sigma = np.sqrt(np.maximum(variance.max(axis=1), _LEAST_VARIANCE))
    low, high = 0.6 * sigma, 1.2 * sigma
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        inside = -np.expm1(-0.5 * middle[:, None] ** 2 / square).mean(axis=1)
        low, high = np.where(inside < 0.5, middle, low), np.where(inside < 0.5, high, middle)
    return np.asarray(0.5 * (low + high))
