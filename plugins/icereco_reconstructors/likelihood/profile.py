"""The profile likelihood of the direction of one event: log L maximised over everything else, at any directions."""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor

from icereco.events.reconstruction import Reconstruction
from icereco.physics.likelihood.climb import climb
from icereco.physics.likelihood.columns import each
from icereco.physics.likelihood.evidence import laplace
from icereco.physics.likelihood.likelihood import Curvature, Likelihood
from icereco.physics.likelihood.marquardt import Maximum
from icereco.physics.likelihood.observation import Observation
from icereco.physics.likelihood.sources import Hypothesis, Sources
from icereco.protocols import Peaks
from icereco_reconstructors.likelihood.search import Maxima, Stage
from icereco_reconstructors.likelihood.seeds import starting_points
from icereco_reconstructors.likelihood.solutions import TEMPERATURE, Solutions

__all__ = ["DirectionProfile"]

_ROUGH, _FINER, _LAST = Stage(15.0, 5, 2), Stage(6.0, 4, 1), Stage(2.0, 5, 1)
_FURTHER, _VALUE = Stage(2.0, 40, 1), Stage(2.0, 0, 1)
"""Rounds of climbs at each direction: as those of the fit without the widest jitter, as the starting points are better."""

_NEAREST = 3
"""So many maxima at the nearest directions are starting points, besides one from the pulses alone."""

_HOPELESS = 12.0
"""Density, e^−12 of the greatest, below which neither a direction nor a hypothesis matters to the map; the square of it after
rough climbs, which leave a direction at less than it is worth."""


class DirectionProfile:
    """See `icereco.protocols.ProfileLikelihood`.

    At each direction the hypothesis counts whose log L less its penalty is greatest. The penalty makes hypotheses with
    different numbers of parameters comparable: log L − log ∫ L, the integral over everything but the direction, at the highest
    maximum of the hypothesis and by Laplace's approximation, as for the evidence of the fit. Only differences of
    penalties matter, and the hypothesis with the greatest integral has none.

    Args:
        likelihood: of the detector.
        seen: observation of the event.
        centre_m: centre of its light, float64.
        searched: the maxima of the ordinary fit, by hypothesis.
        solved: what they say.
        fitted: the ordinary reconstruction.
    """

    temperature = TEMPERATURE

    def __init__(
        self,
        likelihood: Likelihood,
        seen: Observation,
        centre_m: Float[Tensor, "1 3"],
        searched: Sequence[tuple[Hypothesis, Maxima]],
        solved: Solutions,
        fitted: Reconstruction,
    ) -> None:
        penalty = _penalties(searched)
        value = np.nan_to_num(solved.log_likelihood[0] - penalty[solved.hypothesis[0]], nan=-np.inf)
        self.fitted = fitted
        self.peaks = Peaks(solved.direction[0], value, solved.sigma_rad[0, :, 1])
        self._branches = [
            _Branch(likelihood, hypothesis, seen, centre_m, maxima.maximum, penalty[index])
            for index, (hypothesis, maxima) in enumerate(searched)
            if value[solved.hypothesis[0] == index].max() > value.max() - _HOPELESS * TEMPERATURE
        ]

    def __call__(self, direction: Float[ndarray, "point 3"]) -> Float[ndarray, "point"]:
        """Return the greatest log L less penalty of all hypotheses at directions of origin."""
        travel = torch.from_numpy(-direction).to(self._branches[0].device)
        with ThreadPoolExecutor(len(self._branches)) as pool:
            values = list(pool.map(lambda branch: branch(travel), self._branches))
        return np.asarray(torch.stack(values).amax(0).cpu().numpy())


def _penalties(searched: Sequence[tuple[Hypothesis, Maxima]]) -> Float[ndarray, "hypothesis"]:
    """Return the penalty of each hypothesis."""
    weights, penalties = [], []
    for hypothesis, maxima in searched:
        fixed = hypothesis.of_fixed_direction()
        kept = [place for place, move in enumerate(hypothesis.moves) if move in fixed.moves]
        known = maxima.maximum.curvature
        best = known.value.argmax()[None]
        curvature = Curvature(
            known.value[best], known.gradient[best][:, kept], known.information[best][:, kept][:, :, kept]
        )
        weights.append(laplace(fixed, curvature)[0].item())
        penalties.append(curvature.value.item() - weights[-1])
    return np.array(penalties) - penalties[int(np.argmax(weights))]


class _Branch:
    """The maxima of one hypothesis at the directions that were asked for, from which further climbs start."""

    def __init__(
        self,
        likelihood: Likelihood,
        hypothesis: Hypothesis,
        seen: Observation,
        centre_m: Float[Tensor, "1 3"],
        known: Maximum,
        penalty: float,
    ) -> None:
        self._likelihood, self._hypothesis, self._seen = likelihood, hypothesis, seen
        self._centre_m, self._penalty = centre_m, penalty
        self._fixed = hypothesis.of_fixed_direction()
        self._sources = known.sources
        self._value = torch.nan_to_num(known.curvature.value, nan=-math.inf)
        self.device = centre_m.device
        self._rough = self._climbed(known.sources, _ROUGH, len(self._value)).curvature.value.max()

    def __call__(self, travel: Float[Tensor, "point 3"]) -> Float[Tensor, "point"]:
        reached = self._maximised(travel)
        value = torch.nan_to_num(reached.curvature.value, nan=-math.inf)
        self._sources = _joined(self._sources, reached.sources)
        self._value = torch.cat([self._value, value])
        return value - self._penalty

    def _maximised(self, travel: Float[Tensor, "point 3"]) -> Maximum:
        """Climb roughly at all directions, and on where it matters."""
        points = len(travel)
        starts = _joined(self._from_pulses(travel), *self._from_nearest(travel))
        rough = self._climbed(starts, _ROUGH, points)
        reached = self._climbed(rough.sources.take(torch.arange(points, device=self.device)), _VALUE, points)
        rows = _near(rough.curvature.value[:points], self._rough, 2 * _HOPELESS)
        if len(rows):
            starts = rough.sources.take(torch.cat([rows, rows + points]))
            reached = _replaced(reached, rows, self._refined(starts, travel[rows]))
        rows = _near(reached.curvature.value, self._value.max(), _HOPELESS)
        if len(rows):
            further = self._climbed(reached.sources.take(rows), _FURTHER, len(rows))
            reached = _replaced(reached, rows, further)
        return reached

    def _refined(self, starts: Sources, travel: Float[Tensor, "point 3"]) -> Maximum:
        """Climb with narrower jitter, at the end also from the nearest directions alone; keep the best."""
        finer = self._climbed(starts, _FINER, len(travel))
        return self._climbed(_joined(finer.sources, *self._from_nearest(travel)), _LAST, len(travel))

    def _from_pulses(self, travel: Float[Tensor, "point 3"]) -> Sources:
        seen = self._seen.take(torch.zeros(len(travel), dtype=torch.long, device=self.device))
        return starting_points(
            self._likelihood, self._hypothesis, travel, self._centre_m.expand(len(travel), 3), seen
        )

    def _from_nearest(self, travel: Float[Tensor, "point 3"]) -> list[Sources]:
        cosine = travel @ self._sources.travel.T
        nearest = cosine.topk(min(_NEAREST, cosine.shape[1]), 1).indices
        return [replace(self._sources.take(one), travel=travel) for one in nearest.T]

    def _climbed(self, starts: Sources, stage: Stage, points: int) -> Maximum:
        event = torch.zeros(len(starts), dtype=torch.long, device=self.device)
        reached = climb(
            self._likelihood, self._fixed, starts, self._seen, event, stage.jitter_ns, stage.steps
        )
        value = torch.nan_to_num(reached.curvature.value, nan=-math.inf).view(-1, points)
        best = value.topk(min(stage.kept, len(value)), 0).indices * points
        return reached.take((best + torch.arange(points, device=self.device)).flatten())


def _near(value: Float[Tensor, "point"], highest: Float[Tensor, ""], apart: float) -> Int[Tensor, "near"]:
    """Return where the tempered log L is not too far below the highest one."""
    return (highest - value < apart * TEMPERATURE).nonzero()[:, 0]


def _replaced(whole: Maximum, rows: Int[Tensor, "row"], part: Maximum) -> Maximum:
    return each(lambda old, new: old.index_copy(0, rows, new), whole, part)


def _joined(*parts: Sources) -> Sources:
    return each(lambda *columns: torch.cat(columns), *parts)
