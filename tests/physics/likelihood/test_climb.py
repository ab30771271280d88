"""The climb to a maximum, and what Laplace's approximation says of it."""

import math

import pytest
import torch

from icereco.events.observations import Observed
from icereco.physics.likelihood.climb import climb
from icereco.physics.likelihood.evidence import laplace
from icereco.physics.likelihood.likelihood import PRIOR_SIGMA, Curvature, Likelihood
from icereco.physics.likelihood.sources import CASCADE, HYPOTHESES, MOVES, TRACK, Hypothesis, Sources
from icereco.physics.likelihood.timing import timed

JITTER_NS = 15.0


@pytest.mark.parametrize("hypothesis", HYPOTHESES.values(), ids=list(HYPOTHESES))
def test_a_climb_rises_to_where_the_gradient_vanishes(
    likelihood: Likelihood, observed: Observed, sources: Sources, hypothesis: Hypothesis
) -> None:
    seen = observed.observation
    event = torch.arange(len(sources))
    start = likelihood.brightened(hypothesis, timed(likelihood.light, hypothesis, sources, seen), seen)
    before = likelihood(hypothesis, start, seen, JITTER_NS)
    top = climb(likelihood, hypothesis, start, seen, event, JITTER_NS, 200)
    assert (top.curvature.value >= before).all()
    assert top.converged.all()
    again = likelihood.curvature(hypothesis, top.sources, seen, JITTER_NS)
    torch.testing.assert_close(again.value, top.curvature.value, rtol=1e-12, atol=1e-9)


def test_events_climb_alone_as_in_company(
    likelihood: Likelihood, observed: Observed, sources: Sources
) -> None:
    seen = observed.observation
    event = torch.arange(len(sources))
    together = climb(likelihood, TRACK, sources, seen, event, JITTER_NS, 8)
    for one in range(len(sources)):
        row = torch.tensor([one])
        alone = climb(likelihood, TRACK, sources.take(row), seen.take(row), torch.tensor([0]), JITTER_NS, 8)
        torch.testing.assert_close(
            alone.curvature.value[0], together.curvature.value[one], rtol=1e-9, atol=1e-6
        )


def test_of_a_sharp_maximum_laplace_gives_the_covariance_and_the_integral() -> None:
    free = len(CASCADE.moves)
    sigma = torch.linspace(1e-3, 5e-3, free, dtype=torch.float64)
    curvature = Curvature(
        torch.tensor([3.0], dtype=torch.float64), torch.zeros(1, free), torch.diag(sigma**-2)[None]
    )
    log_evidence, covariance = laplace(CASCADE, curvature)
    torch.testing.assert_close(torch.diagonal(covariance[0]), sigma**2, rtol=1e-4, atol=0)
    widths = [1.0 / math.sqrt(4 * math.pi)] * 2 + [1e-3] * 3 + [1.0 / 5000.0]
    widths += [1.0 / (math.sqrt(2 * math.pi) * PRIOR_SIGMA[MOVES[CASCADE.moves[-1]]])]
    integral = 3.0 + sum(
        math.log(math.sqrt(2 * math.pi) * s * w) for s, w in zip(sigma.tolist(), widths, strict=True)
    )
    assert log_evidence.item() == pytest.approx(integral, abs=1e-3)


def test_what_an_event_does_not_measure_is_bounded_by_its_range() -> None:
    free = len(CASCADE.moves)
    flat = torch.zeros(1, free, free, dtype=torch.float64)
    flat[0, -1, -1] = PRIOR_SIGMA["log_light"] ** -2
    _, covariance = laplace(CASCADE, Curvature(torch.zeros(1), torch.zeros(1, free), flat))
    # A Gaussian that is as high as a uniform density over a range W has the standard deviation W/√(2π).
    assert covariance[0, 2, 2].sqrt().item() == pytest.approx(1000.0 / math.sqrt(2 * math.pi))
    assert covariance[0, -1, -1].sqrt().item() == pytest.approx(PRIOR_SIGMA["log_light"])
