"""The light model of IceCube's ice, and pairs of sources and modules, some of them awkward."""

import numpy as np
import pytest
import torch
from torch import Tensor

from icereco.detector.detector import Detector
from icereco.physics.light.light import LightModel


@pytest.fixture(scope="session")
def light(detector: Detector) -> LightModel:
    return LightModel(detector)


@pytest.fixture(scope="session")
def pairs() -> tuple[Tensor, Tensor, Tensor]:
    """Positions and unit vectors of sources, and modules 3 to 200 m away; float64 `[200, 3]` each."""
    rng = np.random.default_rng(1)
    travel, way = rng.normal(size=(2, 200, 3))
    travel /= np.linalg.norm(travel, axis=1, keepdims=True)
    way *= rng.uniform(3.0, 200.0, (200, 1)) / np.linalg.norm(way, axis=1, keepdims=True)
    module = rng.uniform(-500.0, 500.0, (200, 3))
    return torch.from_numpy(module - way), torch.from_numpy(travel), torch.from_numpy(module)


AWKWARD = {
    # where the module lies, seen from a source that goes upwards at an angle in the x-z plane
    "at the source": (0.0, 0.0, 0.0),
    "a micrometre away": (1e-6, 0.0, 0.0),
    "level": (40.0, 30.0, 0.0),
    "almost level": (40.0, 30.0, 1e-6),
    "straight ahead": (36.0, 0.0, 48.0),
    "straight behind": (-36.0, 0.0, -48.0),
    "straight above": (0.0, 0.0, 60.0),
    "straight below": (0.0, 0.0, -60.0),
    "in the next cell of the ice": (0.0, 10.0, 4.9),
    "far away": (3000.0, 0.0, 100.0),
    "above all ice": (10.0, 0.0, 9000.0),
}
"""Places at which a formula may divide by zero, take a root of nothing, or leave a table."""


@pytest.fixture(scope="session")
def awkward() -> tuple[Tensor, Tensor, Tensor]:
    """Positions, unit vectors, modules; float64 `[N, 3]` each."""
    way = torch.tensor(list(AWKWARD.values()), dtype=torch.float64)
    position = torch.tensor([10.0, -20.0, -301.3], dtype=torch.float64).expand_as(way)
    travel = torch.tensor([0.6, 0.0, 0.8], dtype=torch.float64).expand_as(way)
    return position, travel, position + way
