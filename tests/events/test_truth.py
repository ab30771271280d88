"""What is known of an event is carried by name, and what is not known is absent."""

import numpy as np
import pytest

from icereco.events.kinds import event_kinds
from icereco.events.truth import EVENT_KINDS, TARGETS, EventTruth, Truth

UP = np.array([0.0, 0.0, 1.0])


@pytest.fixture
def truth() -> Truth:
    """Of the first event all is known, of the second nothing, of the third some."""
    nan = np.nan
    return Truth(
        direction=np.array([UP, [nan] * 3, UP]),
        energy_gev=np.array([12_345.6, nan, 3.21]),
        kind=np.array(["cascade", None, "noise"], object),
        vertex_m=np.array([[1.0, -2.0, 300.0], [nan] * 3, [1.0, nan, 3.0]]),
        inelasticity=np.array([0.257, nan, nan]),
    )


def test_known_targets_of_an_event_are_its_own_and_others_are_absent(truth):
    assert truth.targets == TARGETS
    assert {target: truth.known(target).tolist() for target in ("kind", "vertex_m")} == {
        "kind": [True, False, True],
        "vertex_m": [True, False, False],
    }
    nothing, some = truth[1], truth[2]
    assert all(getattr(nothing, target) is None for target in TARGETS[1:])
    assert (some.kind, some.energy_gev, some.vertex_m, some.inelasticity) == ("noise", 3.21, None, None)


def test_a_target_that_is_not_there_at_all_is_no_column(truth):
    bare = Truth(truth.direction, energy_gev=truth.energy_gev)
    assert bare.targets == ("direction", "energy_gev")
    assert bare[1:].targets == ("direction", "energy_gev")
    with pytest.raises(KeyError):
        bare.known("kind")


def test_an_event_prints_all_that_is_known_of_it_in_one_line(truth):
    assert str(truth[0]) == "cascade, 12,346 GeV, y 0.26, azimuth 0.0°, zenith 0.0°, vertex (1, -2, 300) m"
    assert str(truth[1]) == ""
    assert str(truth[2]) == "noise, 3.2 GeV, azimuth 0.0°, zenith 0.0°"
    assert str(EventTruth(UP)) == "azimuth 0.0°, zenith 0.0°"


INSIDE, OUTSIDE, UNKNOWN = (0.0, 0.0, -100.0), (0.0, 0.0, 600.0), (np.nan, np.nan, np.nan)
CASES = [
    (14, 1, INSIDE, "starting_track"),
    (-14, 1, INSIDE, "starting_track"),
    (14, 1, OUTSIDE, "through_track"),
    (14, 1, UNKNOWN, None),
    (14, 0, INSIDE, "cascade"),
    (-14, 0, UNKNOWN, "cascade"),
    (14, np.nan, INSIDE, None),
    (12, 1, INSIDE, "cascade"),
    (-12, np.nan, UNKNOWN, "cascade"),
    (16, 1, OUTSIDE, "cascade"),
    (-16, 0, INSIDE, "cascade"),
    (13, np.nan, UNKNOWN, "through_track"),
    (-13, np.nan, INSIDE, "through_track"),
    (2212, np.nan, OUTSIDE, None),
    (np.nan, np.nan, INSIDE, None),
]


def test_the_kind_follows_from_particle_current_and_vertex(detector):
    pdg, charged, vertex, expected = (list(column) for column in zip(*CASES, strict=True))
    kinds = event_kinds(np.array(pdg, float), np.array(charged, float), np.array(vertex), detector)
    assert kinds.tolist() == expected
    assert set(expected) - {None} == set(EVENT_KINDS)
