"""The weighted mean of events; with positions and charges, their centres of charge."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from icereco.physics.weighted_mean import weighted_mean


@given(counts=st.lists(st.integers(1, 6), min_size=1, max_size=5), seed=st.integers(0, 2**32 - 1))
def test_each_event_has_its_own_mean(counts, seed):
    rng = np.random.default_rng(seed)
    event = np.repeat(np.arange(len(counts)), counts)
    position, charge = rng.normal(size=(len(event), 3)), rng.uniform(0.1, 5, len(event))
    centre = weighted_mean(position, charge, event, len(counts))
    for one in range(len(counts)):
        own = event == one
        np.testing.assert_allclose(
            centre[one], np.average(position[own], axis=0, weights=charge[own]), atol=1e-12
        )


def test_an_event_without_charge_has_no_centre():
    event = np.array([0, 2, 2])
    centre = weighted_mean(np.ones((3, 3)), np.array([1.0, 0.0, 0.0]), event, 4)
    assert np.isfinite(centre).all(1).tolist() == [True, False, False, False]
