"""Simulated events as observations, and sources near their truth."""

import pytest
import torch

from icereco.data.simulated import simulate
from icereco.detector.detector import Detector
from icereco.events.batch import EventBatch
from icereco.events.observations import Observed, Observer
from icereco.physics.light.light import LightModel
from icereco.physics.likelihood.likelihood import Likelihood
from icereco.physics.likelihood.sources import Sources


@pytest.fixture(scope="session")
def simulated() -> EventBatch:
    return simulate(12, seed=3)


@pytest.fixture(scope="session")
def observed(simulated: EventBatch, detector: Detector) -> Observed:
    """The largest group of events of similar size."""
    return max(Observer(detector, time_error=0.3)(simulated), key=lambda group: len(group.event))


@pytest.fixture(scope="session")
def likelihood(detector: Detector) -> Likelihood:
    return Likelihood(LightModel(detector), model_error=0.3)


@pytest.fixture(scope="session")
def sources(simulated: EventBatch, observed: Observed) -> Sources:
    assert simulated.truth is not None
    like = torch.ones(len(observed.event), dtype=torch.float64)
    travel = torch.from_numpy(-simulated.truth.direction[observed.event])
    return Sources(travel, torch.from_numpy(observed.centre_m), 0 * like, like, 6 * like, 500 * like)
