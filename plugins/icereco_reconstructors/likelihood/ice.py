"""How far the fitted direction moves where the ice is other than the card has it."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from icereco.detector.detector import Detector
from icereco.physics.likelihood.likelihood import Likelihood
from icereco.physics.likelihood.observation import Observation
from icereco.physics.likelihood.sources import Hypothesis
from icereco_reconstructors.likelihood.search import Maxima, settled
from icereco_reconstructors.likelihood.solutions import Solutions

__all__ = ["OtherIce"]


class OtherIce:
    """Fits in ice that scatters, or absorbs, more or less.

    Args:
        detector: with the ice of the fit.
        error: relative change of the coefficients of scattering, and of those of absorption.
        likelihood: makes the likelihood of the fit for a detector.
    """

    def __init__(
        self, detector: Detector, error: float, likelihood: Callable[[Detector], Likelihood]
    ) -> None:
        factors = ((1 + error, 1.0), (1 - error, 1.0), (1.0, 1 + error), (1.0, 1 - error))
        self._likelihoods = [likelihood(_with_ice(detector, *pair)) for pair in factors]

    def shift_rad(
        self, searched: Sequence[tuple[Hypothesis, Maxima]], solved: Solutions, seen: Observation
    ) -> Float[ndarray, "event"]:
        """Return how far the best maximum of each event moves: the mean square over more and less, added in quadrature.

        Args:
            searched: each hypothesis with its maxima.
            solved: the same maxima.
            seen: the observation of each event.
        """
        best = solved.best()
        which = solved.hypothesis[np.arange(len(best)), best]
        square = np.zeros(len(best))
        before = 0
        for index, (hypothesis, maxima) in enumerate(searched):
            event = np.flatnonzero(which == index)
            job = torch.from_numpy(event * maxima.kept + best[event] - before).to(seen.count.device)
            before += maxima.kept
            if len(event):
                place = maxima.maximum.sources.take(job)
                of_event = torch.from_numpy(event).to(job)
                fits = [settled(one, hypothesis, place, seen, of_event) for one in self._likelihoods]
                square[event] = sum(0.5 * _angle(fit.sources.travel, place.travel) ** 2 for fit in fits)
        return np.asarray(np.sqrt(square))


def _angle(first: Float[Tensor, "job 3"], second: Float[Tensor, "job 3"]) -> Float[ndarray, "job"]:
    half: ndarray = (0.5 * (first - second).norm(dim=1)).clamp(max=1.0).asin().cpu().numpy()
    return 2.0 * half


def _with_ice(detector: Detector, scattering: float, absorption: float) -> Detector:
    """Return the detector in a medium whose coefficients are larger by these factors."""
    medium = detector.medium
    scattering_m, absorption_m = medium.lengths_m()
    return replace(
        detector,
        medium=replace(
            medium,
            scattering_length_m=scattering_m / scattering,
            absorption_length_m=absorption_m / absorption,
        ),
    )
