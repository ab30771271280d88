import pytest

from icereco.testing.conformance import checks


@pytest.mark.parametrize("check", checks("aggregator", "gated-mean"), ids=str)
def test_gated_mean(check):
    check()
