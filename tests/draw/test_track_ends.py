"""Tracks that start, and tracks that stop."""

from dataclasses import replace

import numpy as np
import pytest
from event_states import PALETTE, drawn, state_of

from icereco.detector.detector import LIGHT_M_PER_NS
from icereco.draw.canvas.lines import START, STOP
from icereco.draw.event.detector import draw_detector
from icereco.draw.event.hypothesis import Hypothesis
from icereco.draw.event.residuals import residuals_of
from icereco.draw.event.state import lines_of
from icereco.events.reconstruction import Anchor, Estimate
from icereco.events.truth import EVENT_KINDS, EventTruth
from icereco.physics.direct_light import DirectLight
from icereco.physics.muon_range import mean_range_m

UP = np.array([0.0, 0.0, -1.0])  # comes from below, and goes along z
PLACE, TIME_NS = np.array([0.0, 0.0, -100.0]), 10_000.0
STARTING = np.array([float(kind == "starting_track") for kind in EVENT_KINDS])


def contained(length_m: float | None = 200.0) -> Estimate:
    return Estimate("fit", UP, anchor=Anchor(PLACE, TIME_NS, starts=True, length_m=length_m))


def test_a_track_that_starts_is_drawn_from_there_to_where_it_stops(detector):
    (line,) = lines_of(state_of(detector, [100], contained()), PALETTE)
    assert line.ends_m(700.0) == pytest.approx(np.array([PLACE, PLACE - 200.0 * UP]))
    (open_end,) = lines_of(state_of(detector, [100], contained(None)), PALETTE)
    assert open_end.ends_m(700.0) == pytest.approx(np.array([PLACE, PLACE - 700.0 * UP]))


@pytest.mark.parametrize(
    ("estimate", "start", "stop"),
    [
        (contained(), True, True),
        (contained(None), True, False),
        (contained(20_000.0), True, False),
        (Estimate("fit", UP, anchor=Anchor(PLACE, TIME_NS)), False, False),
        (Estimate("fit", UP, vertex_m=PLACE, kind_probability=STARTING), True, False),
        (
            Estimate("fit", UP, vertex_m=PLACE, kind_probability=STARTING, energy_gev=60.0, inelasticity=0.5),
            True,
            True,
        ),
        (Estimate("fit", UP, kind_probability=STARTING, energy_gev=60.0, inelasticity=0.5), False, False),
    ],
)
def test_its_ends_are_marked_as_far_as_they_are_known(detector, estimate, start, stop):
    text = "".join(drawn(draw_detector, state_of(detector, [100], estimate), rows=40))
    assert (START in text, STOP in text) == (start, stop)


def test_the_truth_of_a_starting_track_ends_where_muons_of_its_energy_do_on_average(detector):
    truth = EventTruth(UP, 100.0, "starting_track", PLACE, 0.2)
    (line,) = lines_of(state_of(detector, [100], truth=truth), PALETTE)
    assert line.starts
    assert line.length_m == pytest.approx(mean_range_m(80.0))
    through = replace(truth, kind="through_track")
    (line,) = lines_of(state_of(detector, [100], truth=through), PALETTE)
    assert not line.starts
    assert line.length_m == np.inf


def test_direct_light_behind_the_start_and_beyond_the_stop_comes_from_there(detector):
    light = DirectLight.of(detector.medium)
    track = Hypothesis.of_estimate(contained(), np.zeros(3))
    places = np.array([[50.0, 0.0, -300.0], [50.0, 0.0, 100.0], [50.0, 0.0, 500.0]])
    behind, beside, beyond = track.delay_ns(places, light)
    assert behind == pytest.approx(np.hypot(50.0, 200.0) * light.slowness)
    assert beside == pytest.approx(200.0 / LIGHT_M_PER_NS + 50.0 * light.delay)
    assert beyond == pytest.approx(200.0 / LIGHT_M_PER_NS + np.hypot(50.0, 400.0) * light.slowness)


@pytest.mark.parametrize(("gone_m", "seen"), [(-50.0, False), (100.0, True), (250.0, False)])
def test_the_light_front_is_there_between_start_and_stop(detector, gone_m, seen):
    state = state_of(detector, [100], contained())
    front = residuals_of(state).front(TIME_NS + gone_m / LIGHT_M_PER_NS, state.frame.light, 0)
    assert (front is not None) is seen
