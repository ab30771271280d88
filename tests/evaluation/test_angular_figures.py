"""Figures of a validation by slices of the truth."""

import numpy as np
import pytest

from icereco.evaluation.angular_figures import ENERGY_SLICES, ZENITH_SLICES, angular_figures
from icereco.events.truth import Truth
from icereco.physics.sphere import direction_from_angles


def truth_of(zenith_deg, energy_gev=None) -> Truth:
    zenith = np.radians(np.asarray(zenith_deg, float))
    return Truth(direction_from_angles(np.zeros(len(zenith)), zenith), energy_gev)


def test_medians_are_of_the_events_of_each_slice():
    truth = truth_of([10, 59, 61, 119, 121, 170], np.array([500.0, 1e3, 9e3, 1e4, 1e6, 2e6]))
    figures = angular_figures(np.radians([1.0, 3, 5, 7, 9, 11]), np.full(6, 5), truth)
    assert {name: round(value, 9) for name, value in figures.items() if "zenith" in name or "energy" in name} == {
        "median_deg/energy<1TeV": 1, "median_deg/energy1-10TeV": 4, "median_deg/energy10-100TeV": 7,
        "median_deg/energy>=100TeV": 10, "median_deg/zenith<60": 2, "median_deg/zenith60-120": 6, "median_deg/zenith>=120": 10,
    }  # fmt: skip


def test_slices_without_events_and_unknown_truths_are_left_out():
    truth = truth_of([10, np.nan, 20], np.array([np.nan, 5e3, 5e3]))
    figures = angular_figures(np.radians([1.0, np.nan, 3.0]), np.full(3, 5), truth)
    sliced = {name for name in figures if "zenith" in name or "energy" in name}
    assert sliced == {"median_deg/energy1-10TeV", "median_deg/zenith<60"}
    assert figures["median_deg/energy1-10TeV"] == pytest.approx(3.0)
    assert not [
        name for name in angular_figures(np.zeros(1), np.ones(1, int), truth_of([10])) if "energy" in name
    ]


@pytest.mark.parametrize("slices", [ENERGY_SLICES, ZENITH_SLICES])
def test_slices_follow_each_other_without_gaps(slices):
    bounds = list(slices.values())
    assert [low for low, _ in bounds[1:]] == [high for _, high in bounds[:-1]]
