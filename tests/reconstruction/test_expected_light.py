"""Expected light of simulated events, whose light comes from the same model."""

import numpy as np
import pytest

from icereco.data.simulated import simulate
from icereco.detector.detector import Detector
from icereco.errors import IcerecoError
from icereco.events.batch import EventBatch
from icereco.events.truth import EVENT_KINDS
from icereco.reconstruction.expected_light import ExpectedLight, LightSource
from icereco.tables.assembly import event_batch
from icereco.testing.random_events import random_events

KINDS = dict(zip(EVENT_KINDS, ("track", "starting", "cascade"), strict=True))


@pytest.fixture(scope="module")
def events() -> EventBatch:
    return simulate(80, seed=5)


@pytest.fixture(scope="module")
def light(detector: Detector) -> ExpectedLight:
    return ExpectedLight(detector)


def brightest(events: EventBatch, kind: str) -> EventBatch:
    assert events.truth is not None
    rows = np.flatnonzero(events.truth.kind == kind)
    row = int(rows[np.argmax(events.pulse_count[rows])])
    return events[row : row + 1]


def source_of(event: EventBatch, kind: str, *, placed: bool = True, turned: bool = False) -> LightSource:
    truth = event.truth
    assert truth is not None
    assert truth.vertex_m is not None
    travel = -truth.direction[0] if not turned else np.roll(truth.direction[0], 1)
    place = tuple(truth.vertex_m[0].tolist()) if placed else None
    return LightSource(KINDS[kind], tuple(travel.tolist()), place)


def seen_pe(event: EventBatch, sensors: int) -> np.ndarray:
    return np.bincount(event.sensor_id[event.dom_of_pulse], event.charge_pe, sensors)


@pytest.mark.parametrize("kind", EVENT_KINDS)
def test_the_true_source_explains_where_the_light_is(
    events: EventBatch, light: ExpectedLight, detector: Detector, kind: str
) -> None:
    event = brightest(events, kind)
    made = light(event, source_of(event, kind))
    seen = seen_pe(event, len(detector.string))
    bright = made.photo_electrons > 1.0
    assert bright.sum() >= 8
    assert 0.4 < seen[bright].sum() / made.photo_electrons[bright].sum() < 2.5
    assert (seen[bright] > 0).mean() > 0.6
    assert (made.photo_electrons[~detector.alive] == 0).all()


def test_the_true_direction_is_more_likely_than_another(events: EventBatch, light: ExpectedLight) -> None:
    event = brightest(events, "through_track")
    right, wrong = (
        light(event, source_of(event, "through_track", turned=turned)) for turned in (False, True)
    )
    assert right.log_likelihood > wrong.log_likelihood + 50.0


def test_what_a_method_does_not_say_is_fitted_and_named(events: EventBatch, light: ExpectedLight) -> None:
    event = brightest(events, "cascade")
    own, fitted = (light(event, source_of(event, "cascade", placed=placed)) for placed in (True, False))
    assert own.fitted == ("time", "brightness")
    assert fitted.fitted == ("place", "time", "brightness")
    assert fitted.log_likelihood > own.log_likelihood - 5.0


def test_a_known_length_is_not_fitted(events: EventBatch, light: ExpectedLight) -> None:
    event = brightest(events, "starting_track")
    source = source_of(event, "starting_track")
    assert "end" in light(event, source).fitted
    assert "end" not in light(event, LightSource(source.kind, source.travel, source.place_m, 200.0)).fitted


def test_an_event_without_pulses_is_refused(light: ExpectedLight, detector: Detector) -> None:
    empty = event_batch(random_events(np.array([0]), seed=1), detector)
    with pytest.raises(IcerecoError, match="no pulses"):
        light(empty, LightSource("track", (0.0, 0.0, 1.0)))
