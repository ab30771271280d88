"""Time residuals of an event to a method and to the truth."""

from dataclasses import replace

import numpy as np
import pytest

from icereco.draw.canvas.braille import Canvas
from icereco.draw.canvas.camera import Camera
from icereco.draw.canvas.hits import hits_of
from icereco.draw.canvas.palette import palette_on
from icereco.draw.canvas.scene import frame_of
from icereco.draw.event.detector import draw_detector, front_of, scene_of
from icereco.draw.event.residual_card import draw_residuals
from icereco.draw.event.residuals import residual_shade, residuals_of
from icereco.draw.event.state import EventState, Shown, Style, lines_of
from icereco.events.reconstruction import Anchor, Estimate
from icereco.events.truth import EventTruth
from icereco.physics.direct_light import DirectLight
from icereco.physics.sphere import direction_from_angles
from icereco.tables.assembly import event_batch
from icereco.testing.random_events import random_events

PALETTE = palette_on(0x0B0E14)
DIRECTION = direction_from_angles(np.array(1.2), np.array(2.0))
PLACE_M, TIME_NS = np.array([30.0, -20.0, 50.0]), 10_000.0
NEAR_M = 120.0


def light_of(detector, delay_ns: np.ndarray, *, cascade: bool) -> tuple[np.ndarray, np.ndarray]:
    """Sensors near a track or a cascade, and the times of their direct light, plus a delay for each in turn."""
    light, way = DirectLight.of(detector.medium), detector.position_m.astype(np.float64) - PLACE_M
    along = -way @ DIRECTION
    far = np.linalg.norm(way, axis=1)
    across = np.sqrt(np.maximum(far**2 - along**2, 0.0))
    near = np.flatnonzero((far if cascade else across) < NEAR_M)
    direct = light.of_point(far[near]) if cascade else light.of_track(along[near], across[near])
    return near, TIME_NS + direct + np.resize(delay_ns, len(near))


def state_of(
    detector, *estimates: Estimate, delay_ns=(0.0,), cascade=False, truth=None, auxiliary=False, **style
):
    sensors, times = light_of(detector, np.array(delay_ns), cascade=cascade)
    table = random_events(np.array([len(sensors)]), seed=1)
    columns = {
        "sensor_id": sensors,
        "time": times,
        "charge": np.ones(len(sensors)),
        "auxiliary": np.full(len(sensors), auxiliary),
    }
    for name, values in columns.items():
        table = table.set_column(table.schema.get_field_index(name), name, [[values.tolist()]])
    shown = Shown(
        0,
        1,
        hits_of(event_batch(table.cast(random_events(np.array([1]), seed=1).schema), detector)[0]),
        truth,
    )
    state = EventState(frame_of(detector), Camera.around(detector.position_m), style=Style(**style))
    return state.showing(shown, estimates)


def fit(**place) -> Estimate:
    return Estimate("fit", DIRECTION, **place)


def test_direct_light_of_a_track_has_no_residual(detector):
    residuals = residuals_of(state_of(detector, fit(anchor=Anchor(PLACE_M, TIME_NS))))
    assert np.abs(residuals.time_ns).max() < 1e-3
    assert residuals.direct_doms == len(residuals.time_ns)
    assert residuals.hypothesis.facts == ["track", "own vertex", "own time"]


def test_any_point_of_the_track_will_do(detector):
    later = Anchor(PLACE_M - 299.792458 * DIRECTION, TIME_NS + 1000.0)
    residuals = residuals_of(state_of(detector, fit(anchor=later)))
    assert np.abs(residuals.time_ns).max() < 1e-3


def test_without_a_time_early_hits_set_it(detector):
    delay = np.random.default_rng(2).exponential(60.0, 400)
    residuals = residuals_of(state_of(detector, fit(vertex_m=PLACE_M), delay_ns=delay))
    assert residuals.hypothesis.facts == ["track", "own vertex", "time of early hits"]
    assert residuals.time_ns.min() == pytest.approx(0.0, abs=10.0)


def test_without_a_vertex_a_track_goes_through_the_centre_of_the_charge(detector):
    state = state_of(detector, fit())
    residuals = residuals_of(state)
    assert residuals.hypothesis.facts == ["track", "charge centre", "time of early hits"]
    assert residuals.hypothesis.position_m == pytest.approx(state.shown.hits.center_m)
    assert np.abs(residuals.time_ns).max() < 75.0  # the centre of the hit modules is not quite on the track


@pytest.mark.parametrize(
    "estimate",
    [
        fit(anchor=Anchor(PLACE_M, TIME_NS, cascade=True)),
        fit(vertex_m=PLACE_M, kind_probability=np.array([0.1, 0.2, 0.7])),
        Estimate("without direction", None, vertex_m=PLACE_M),
    ],
)
def test_light_of_a_cascade_comes_from_a_point(detector, estimate):
    residuals = residuals_of(state_of(detector, estimate, cascade=True))
    assert residuals.hypothesis.facts[0] == "cascade"
    assert np.ptp(residuals.time_ns) < 1e-3


def test_pulses_are_counted_by_class(detector):
    delays = [-100.0, 0.0, 50.0, 200.0]
    state = state_of(detector, fit(anchor=Anchor(PLACE_M, TIME_NS)), delay_ns=delays)
    early, direct, late = np.bincount(residuals_of(state).group).tolist()
    assert early == pytest.approx(direct / 2, abs=2)
    assert late == pytest.approx(early, abs=2)
    canvas = Canvas(60, 9)
    draw_residuals(canvas, state, PALETTE)
    text = "\n".join(canvas.cells().lines())
    assert f"{direct} direct in {direct} DOMs · {early} early · {late} late · 0 aux" in text
    assert "track · own vertex · own time" in text


def test_auxiliary_pulses_are_a_class_of_their_own(detector):
    residuals = residuals_of(state_of(detector, fit(), auxiliary=True))
    assert set(residuals.group.tolist()) == {3}
    assert residuals.direct_doms == 0


def test_residuals_can_be_to_the_truth(detector):
    truth = EventTruth(DIRECTION, kind="through_track", vertex_m=PLACE_M)
    wrong = Estimate("wrong", -DIRECTION)
    state = state_of(detector, wrong, truth=truth)
    assert residuals_of(state).hypothesis.name == "wrong"
    state = replace(state, style=replace(state.style, against_truth=True))
    assert residuals_of(state).hypothesis.name == "true"
    assert np.abs(residuals_of(state).time_ns).max() < 1e-3


def test_without_a_truth_residuals_stay_those_to_the_method(detector):
    assert residuals_of(state_of(detector, fit(), against_truth=True)).hypothesis.name == "fit"


@pytest.mark.parametrize("estimates", [(), (Estimate("failed", None),)])
def test_without_a_direction_and_a_place_there_are_no_residuals(detector, estimates):
    state = state_of(detector, *estimates, color_by="residual")
    assert residuals_of(state) is None
    assert scene_of(state, PALETTE).shade is None
    canvas = Canvas(60, 9)
    draw_residuals(canvas, state, PALETTE)
    assert "no track or cascade" in canvas.cells().lines()[0]


def test_modules_are_coloured_by_the_residual_of_their_first_pulse(detector):
    state = state_of(detector, fit(anchor=Anchor(PLACE_M, TIME_NS)), delay_ns=[40.0], color_by="residual")
    assert scene_of(state, PALETTE).shade == pytest.approx(float(residual_shade(np.array(40.0))), abs=1e-4)


def test_shades_grow_from_early_to_late():
    shade = residual_shade(np.array([-1000.0, -15.0, 0.0, 75.0, 1000.0]))
    assert (np.diff(shade) > 0.05).all()
    assert shade[[0, 2, 4]].tolist() == pytest.approx([0.0, 0.5, 1.0])


def test_lines_go_through_the_vertex_of_their_method(detector):
    lines = lines_of(state_of(detector, fit(vertex_m=PLACE_M), fit()), PALETTE)
    assert lines[0].through_m == pytest.approx(PLACE_M)
    assert lines[1].through_m != pytest.approx(PLACE_M)


def detector_lines(state: EventState) -> list[str]:
    canvas = Canvas(60, 30)
    draw_detector(canvas, state, PALETTE)
    return canvas.cells().lines()


@pytest.mark.parametrize("cascade", [False, True])
def test_direct_light_is_on_the_front_when_it_arrives(detector, cascade):
    state = state_of(detector, fit(anchor=Anchor(PLACE_M, TIME_NS, cascade)), cascade=cascade)
    sensors, times = light_of(detector, np.array([0.0]), cascade=cascade)
    for sensor, time in list(zip(sensors, times, strict=True))[::20]:
        front = front_of(replace(state, time_ns=float(time)), PALETTE)
        way = detector.position_m[sensor] - front.place_m
        if cascade:
            assert np.linalg.norm(way) == pytest.approx(front.radius_m, abs=0.1)
        else:
            along = way @ front.travel
            assert along == pytest.approx(-front.lag * np.linalg.norm(way - along * front.travel), abs=0.1)


@pytest.mark.parametrize("cascade", [False, True])
def test_the_front_is_drawn_at_a_moment_and_if_it_is_wanted(detector, cascade):
    whole = state_of(detector, fit(anchor=Anchor(PLACE_M, TIME_NS, cascade)), cascade=cascade)
    state = replace(whole, time_ns=TIME_NS + 300.0)
    without = replace(state, style=replace(state.style, front=False))
    assert detector_lines(state) != detector_lines(without)
    assert front_of(whole, PALETTE) is None
    assert front_of(without, PALETTE) is None


@pytest.mark.parametrize(("cascade", "time_ns"), [(True, TIME_NS - 50.0), (True, 1e6), (False, 1e6)])
def test_there_is_no_front_before_a_cascade_and_far_away(detector, cascade, time_ns):
    state = replace(
        state_of(detector, fit(anchor=Anchor(PLACE_M, TIME_NS, cascade)), cascade=cascade), time_ns=time_ns
    )
    assert detector_lines(state) == detector_lines(replace(state, style=replace(state.style, front=False)))


def test_without_a_hypothesis_there_is_no_front(detector):
    assert front_of(replace(state_of(detector), time_ns=TIME_NS), PALETTE) is None
