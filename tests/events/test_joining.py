"""Reconstructions of parts of a batch are joined and spread with every column."""

import numpy as np
import pytest

from icereco.events.joining import joined, spread
from icereco.events.reconstruction import Reconstruction

UP = np.array([[0.0, 0.0, 1.0]])


def part(count, status=None, **extras):
    return Reconstruction(
        np.repeat(UP, count, axis=0),
        status=None if status is None else np.full(count, status, dtype=object),
        extras={name: np.full(count, value) for name, value in extras.items()},
    )


def test_extras_and_status_that_a_part_lacks_are_unknown_there():
    whole = joined([part(2, width=1.0), part(1, "failed", depth=3.0), part(1)])
    assert list(whole.extras) == ["width", "depth"]
    np.testing.assert_array_equal(whole.extras["width"], [1, 1, np.nan, np.nan])
    np.testing.assert_array_equal(whole.extras["depth"], [np.nan, np.nan, 3, np.nan])
    assert whole.status.tolist() == [None, None, "failed", None]
    assert joined([part(1), part(2)]).status is None


@pytest.mark.parametrize(
    "parts", [[part(2, "ok", width=1.0)], [part(1, "ok", width=1.0), part(1, "ok", width=1.0)]]
)
def test_events_that_are_not_covered_have_neither(parts):
    whole = spread(joined(parts), np.array([False, True, False, True]))
    np.testing.assert_array_equal(whole.extras["width"], [np.nan, 1, np.nan, 1])
    assert whole.status.tolist() == [None, "ok", None, "ok"]
    assert np.isnan(whole.direction[[0, 2]]).all()
