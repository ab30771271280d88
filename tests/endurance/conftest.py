"""The time of the tests of endurance: some seconds each in the suite, and as long as it takes in `nox -s endurance`."""

import pytest
from budget import Budget


@pytest.fixture
def budget(request) -> Budget:
    """The time of one test."""
    return Budget(request.config.getoption("--endurance-seconds"))
