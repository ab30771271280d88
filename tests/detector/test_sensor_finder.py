"""Sensors found by position and by number."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icereco.detector.detector import load_detector
from icereco.detector.sensor_finder import UNKNOWN, SensorFinder, finder_for, sensors_of_modules
from icereco.errors import IcerecoError


@settings(max_examples=20)
@given(
    seed=st.integers(0, 99),
    name=st.sampled_from(["icecube86", "orca", "trident"]),
    origin=st.sampled_from([(0.0, 0.0, 0.0), (1.0, -20.0, -1948.07)]),
)
def test_places_near_a_sensor_are_that_sensor_and_others_are_none(seed, name, origin):
    detector, random = load_detector(name), np.random.default_rng(seed)
    wanted = random.integers(0, len(detector.position_m), 200)
    shift = random.normal(size=(200, 3))
    shift *= 0.9 * random.random((200, 1)) / np.linalg.norm(shift, axis=1, keepdims=True)
    finder = SensorFinder(detector, origin)
    near = detector.position_m[wanted] + shift + np.array(origin)
    for _ in range(2):  # the second time from memory
        np.testing.assert_array_equal(finder(near), wanted)
    far = near + np.array([0.0, 0.0, 2.1])
    others = np.linalg.norm((far - np.array(origin))[:, None] - detector.position_m, axis=2).min(axis=1) > 1
    np.testing.assert_array_equal(finder(far) == UNKNOWN, others)


def test_places_that_are_none_are_unknown(detector):
    places = np.array([[np.nan, 0, 0], [np.inf, 0, 0], [1e300, 0, 0], [-1e6, 0, 0]])
    assert SensorFinder(detector)(places).tolist() == [UNKNOWN] * 4
    assert len(SensorFinder(detector)(np.zeros((0, 3)))) == 0


def test_the_origin_is_that_of_the_card_or_that_of_the_file():
    arca = load_detector("arca")
    own, prometheus = (
        arca.position_m.astype(float),
        arca.position_m + np.array(arca.file_origins_m["prometheus"]),
    )
    for places in (own, prometheus):
        finder = finder_for(places[:50], arca, Path("file"), "prometheus")
        np.testing.assert_array_equal(finder(places), np.arange(len(places)))
    with pytest.raises(IcerecoError, match="50 of the 50 sensors"):
        finder_for(prometheus[:50], arca, Path("file"))


def test_modules_are_found_by_number(detector):
    orca = load_detector("km3net-orca6")
    order = np.random.default_rng(0).permutation(len(orca.dom_id))
    np.testing.assert_array_equal(sensors_of_modules(orca.dom_id[order], orca, Path("file")), order)
    numbers = np.append(orca.dom_id[:9], 7)
    assert sensors_of_modules(numbers, orca, Path("file"))[-1] == UNKNOWN
    with pytest.raises(IcerecoError, match="they are all in km3net-orca6"):
        sensors_of_modules(orca.dom_id, detector, Path("file"))
