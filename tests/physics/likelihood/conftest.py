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


@pytest.fixture(scope="session", params=[False, True], ids=["all", "first"])
def first_only(request: pytest.FixtureRequest) -> bool:
    """Both forms: all pulses, and only the first of each module."""
    return bool(request.param)


@pytest.fixture(scope="session")
def observed(simulated: EventBatch, detector: Detector, first_only: bool) -> Observed:
    """The largest group of events of similar size."""
    observer = Observer(detector, time_error=0.3, first_only=first_only)
    return max(observer(simulated), key=lambda group: len(group.event))


@pytest.fixture(scope="session")
def likelihood(detector: Detector, first_only: bool) -> Likelihood:
    return Likelihood(LightModel(detector), 0.3, first_only)


@pytest.fixture(scope="session")
def single(detector: Detector, first_only: bool) -> Likelihood:
    """The same in single precision."""
    return Likelihood(LightModel(detector), 0.3, first_only).float()


@pytest.fixture(scope="session")
def sources(simulated: EventBatch, observed: Observed) -> Sources:
    assert simulated.truth is not None
    like = torch.ones(len(observed.event), dtype=torch.float64)
    travel = torch.from_numpy(-simulated.truth.direction[observed.event])
    return Sources(travel, torch.from_numpy(observed.centre_m), 0 * like, like, 6 * like, 500 * like)
