"""Expected light beside what was seen: colours, dark modules, and what is said of both."""

from dataclasses import replace

import numpy as np
import pytest
from event_states import PALETTE, drawn, state_of

from icereco.draw.event.coloring import colored_by, dom_shade
from icereco.draw.event.detector import draw_detector, scene_of
from icereco.draw.event.expected import LEAST_PE, ExpectedLight, light_shade
from icereco.draw.event.light_source import key_of, source_document
from icereco.draw.event.titles import titles_of
from icereco.events.reconstruction import Anchor, Estimate
from icereco.events.truth import EVENT_KINDS, EventTruth

UP = np.array([0.0, 0.0, -1.0])  # comes from below
PLACE = np.array([10.0, 20.0, -30.0])


def expected_of(detector, pe: dict[int, float], problem: str | None = None) -> ExpectedLight:
    photo_electrons = np.zeros(len(detector.string))
    for sensor, number in pe.items():
        photo_electrons[sensor] = number
    return ExpectedLight("fit", ["fitted: time"], photo_electrons, problem)


@pytest.fixture
def state(detector):
    known = state_of(
        detector, [100, 200], Estimate("fit", UP), charge=[4.0, 0.5], expected=True, color_by="light"
    )
    return replace(known, expected=expected_of(detector, {100: 4.0, 200: 5.0, 355: 2.0, 356: 7.0, 357: 0.4}))


def test_as_much_light_as_expected_is_in_the_middle_of_the_colours_and_a_tenth_at_their_end():
    shade = light_shade(np.array([10.0, 1.0, 0.1]), np.ones(3))
    assert shade.tolist() == pytest.approx([0.0, 0.5, 1.0])


def test_modules_are_coloured_by_the_light_they_saw_of_what_was_expected(state):
    assert dom_shade(state).tolist() == pytest.approx([0.5, 1.0])


def test_modules_without_pulses_that_should_have_some_are_marked(state, detector):
    silent = scene_of(state, PALETTE).silent
    assert silent.expected_pe.tolist() == [7.0, 2.0]
    assert silent.position_m == pytest.approx(detector.position_m[[356, 355]])
    assert state.expected.photo_electrons[357] < LEAST_PE
    without = replace(state, expected=expected_of(detector, {100: 4.0, 200: 5.0}))
    assert drawn(draw_detector, state)[8:] != drawn(draw_detector, without)[8:]


def test_the_picture_says_what_is_expected_and_which_modules_are_dark(state):
    text = " ".join(drawn(draw_detector, state, columns=100))
    assert "expected of fit: 18.4 p.e." in text
    assert "seen: 4.5" in text
    assert "2 without pulses have 1 p.e. or more" in text
    assert f"{state.frame.name(356)}: 7" in text
    assert "fitted: time" in text
    assert "seen/expected 10" in text


def test_while_nothing_is_known_yet_hits_keep_the_colours_of_their_times(state):
    waiting = replace(state, expected=None)
    assert colored_by(waiting) == "time"
    assert "computing" in drawn(draw_detector, waiting)[0]


def test_the_reason_is_given_where_nothing_can_be_expected(state, detector):
    failed = replace(state, expected=expected_of(detector, {}, "it gives no direction"))
    assert "no expected light of fit: it gives no direction" in drawn(draw_detector, failed)[0]
    assert dom_shade(failed) is None


def test_the_title_of_a_picked_module_has_its_expected_light(state, detector):
    titles = titles_of(replace(state, picked=1), "file", detector)
    assert titles["waveform"][1] == "5 p.e. expected"
    assert "seen/expected" in titles["view"][1]


def kinds(kind: str) -> np.ndarray:
    return np.array([float(name == kind) for name in EVENT_KINDS])


@pytest.mark.parametrize(
    ("estimate", "kind", "placed", "length_m"),
    [
        (Estimate("fit", UP), "track", False, None),
        (Estimate("fit", UP, vertex_m=PLACE), "track", True, None),
        (Estimate("fit", UP, vertex_m=PLACE, kind_probability=kinds("cascade")), "cascade", True, None),
        (
            Estimate("fit", UP, vertex_m=PLACE, kind_probability=kinds("starting_track")),
            "starting",
            True,
            None,
        ),
        (Estimate("fit", UP, anchor=Anchor(PLACE, 0.0, starts=True, length_m=80.0)), "starting", True, 80.0),
        (Estimate("fit", UP, kind_probability=kinds("starting_track")), "track", False, None),
    ],
)
def test_what_a_method_says_is_what_the_light_model_is_asked_for(detector, estimate, kind, placed, length_m):
    name, document = source_document(state_of(detector, [100], estimate))
    assert name == "fit"
    assert document["kind"] == kind
    assert document["travel"] == [0.0, 0.0, 1.0]
    assert (document["place_m"] == PLACE.tolist()) is placed
    assert document["length_m"] == length_m


def test_a_method_without_a_direction_has_no_light_to_expect(detector):
    assert source_document(state_of(detector, [100], Estimate("failed", None))) == ("failed", None)
    assert source_document(state_of(detector, [100])) is None


def test_the_truth_can_be_asked_for(detector):
    truth = EventTruth(UP, 1000.0, "starting_track", PLACE, 0.5)
    state = state_of(detector, [100], Estimate("fit", UP), truth=truth, against_truth=True)
    name, document = source_document(state)
    assert (name, document["kind"], document["place_m"]) == ("true", "starting", PLACE.tolist())
    assert document["length_m"] is None  # a mean range is no length of this track


def test_another_vertex_is_another_question(detector):
    states = [state_of(detector, [100], Estimate("fit", UP, vertex_m=PLACE + up)) for up in (0.0, 1.0)]
    keys = {key_of(state, source_document(state)[1]) for state in states}
    assert len(keys) == 2
