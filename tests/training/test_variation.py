"""Training events rotated and thinned: what stays as it is, and that company does not matter."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import icereco
from icereco.detector.detector import load_detector
from icereco.events.batch import EventBatch
from icereco.events.official_fits import official_fits
from icereco.physics.sphere import angles_from_direction, opening_angle
from icereco.profiles.train_options import TrainOptions
from icereco.reconstruction.models import load_model
from icereco.training.variation import Varied, rotated, thinned, varied

DETECTOR = load_detector("icecube86")
AXIS_M = DETECTOR.position_m[:, :2].mean(axis=0, dtype=np.float64)
BOTH = TrainOptions(rotate=True, kept_pulses=0.5)


@pytest.fixture(scope="module")
def events() -> EventBatch:
    made = icereco.simulate(40, seed=4)
    looks = np.random.default_rng(0).normal(size=(3, len(made.time_ns))).astype(np.float32)
    looks /= np.linalg.norm(looks, axis=0)
    return replace(made, pulse_extras=dict(zip(("pmt_x", "pmt_y", "pmt_z"), looks, strict=True)))


@dataclass
class Cut:
    """Batches of a number of events."""

    events: EventBatch
    size: int

    def __len__(self) -> int:
        return len(self.events)

    def epoch(self, epoch, start_batch=0):
        for start in range(start_batch * self.size, len(self.events), self.size):
            yield self.events[start : start + self.size]


def looks_of(batch: EventBatch) -> np.ndarray:
    return np.stack([batch.pulse_extras[f"pmt_{axis}"] for axis in "xyz"], axis=1)


def contents(batches) -> dict[int, tuple]:
    """What each event holds, by its event_id."""
    found = {}
    for batch in batches:
        for event in batch:
            one = event.batch
            parts = (one.sensor_id, one.position_m, one.time_ns, one.charge_pe, one.truth.direction, one.truth.vertex_m, looks_of(one))  # fmt: skip
            found[event.event_id] = tuple(part.tobytes() for part in parts)
    return found


def test_directions_places_and_photomultipliers_turn_together(events):
    angle = np.random.default_rng(1).uniform(0, 2 * np.pi, len(events))
    turned = rotated(events, angle, AXIS_M)

    def geometry(batch):
        way = batch.position_m - batch.truth.vertex_m[batch.event_of_dom]
        to_source = batch.truth.direction[batch.event_of_dom]
        across = opening_angle(way / np.linalg.norm(way, axis=1, keepdims=True), to_source)
        looking = opening_angle(looks_of(batch).astype(float), batch.truth.direction[batch.event_of_pulse])
        return np.linalg.norm(way, axis=1), across, looking, batch.position_m[:, 2]

    for before, after in zip(geometry(events), geometry(turned), strict=True):
        np.testing.assert_allclose(after, before, atol=2e-3)
    from_axis = (np.hypot(*(batch.position_m[:, :2] - AXIS_M).T) for batch in (events, turned))
    np.testing.assert_allclose(*from_axis, atol=1e-3)


def test_fits_that_come_with_the_events_turn_and_other_columns_do_not(events):
    azimuth, zenith = angles_from_direction(events.truth.direction)
    zenith = np.where(np.arange(len(events)) == 2, np.nan, zenith)
    columns = {
        "fit_best_azimuth": azimuth,
        "fit_best_zenith": zenith,
        "fit_half_azimuth": azimuth,
        "run": azimuth,
    }
    angle = np.random.default_rng(1).uniform(0, 2 * np.pi, len(events))
    turned = rotated(replace(events, event_extras=columns), angle, AXIS_M)
    fits = official_fits(turned)
    assert list(fits) == ["best"]
    missed = np.degrees(opening_angle(fits["best"].direction, turned.truth.direction))
    assert np.isnan(missed[2])
    assert np.nanmax(missed) < 1e-3
    for name in ("fit_best_zenith", "fit_half_azimuth", "run"):
        np.testing.assert_array_equal(turned.event_extras[name], columns[name])


def test_a_rotation_by_a_quarter_takes_x_to_y(events):
    turned = rotated(events, np.full(len(events), np.pi / 2), np.zeros(2))
    np.testing.assert_allclose(turned.position_m[:, 1], events.position_m[:, 0], atol=1e-3)
    np.testing.assert_allclose(turned.truth.direction[:, 1], events.truth.direction[:, 0], atol=1e-12)


def test_the_line_fit_of_a_rotated_event_is_the_rotated_line_fit(events):
    fit, angle = load_model("linefit"), np.linspace(0.3, 6.0, len(events))
    before, after = (fit.reconstruct(batch).direction for batch in (events, rotated(events, angle, AXIS_M)))
    expected = before.copy()
    expected[:, 0] = np.cos(angle) * before[:, 0] - np.sin(angle) * before[:, 1]
    expected[:, 1] = np.sin(angle) * before[:, 0] + np.cos(angle) * before[:, 1]
    np.testing.assert_allclose(after, expected, atol=1e-4)


@given(st.floats(0.0, 1.0), st.integers(0, 2**32))
@settings(max_examples=20, deadline=None)
def test_thinned_events_have_a_part_of_their_pulses_and_at_least_one(events, share, seed):
    part = thinned(events, np.full(len(events), share), np.arange(len(events)) + seed)
    assert part.pulse_count.min() >= 1
    assert (np.diff(part.pulse_offsets) > 0).all()
    for before, after in zip(events, part, strict=True):
        known = set(zip(before.pulses.sensor_id.tolist(), before.batch.time_ns.tolist(), strict=True))
        left = list(zip(after.pulses.sensor_id.tolist(), after.batch.time_ns.tolist(), strict=True))
        assert known.issuperset(left)
        assert sorted(left) == left
    deviation = 6 * np.sqrt(len(events.time_ns) / 4)
    assert abs(len(part.time_ns) - share * len(events.time_ns)) < deviation + len(events)


def test_modules_of_thinned_events_are_where_they_were(events):
    part = thinned(events, np.full(len(events), 0.5), np.arange(len(events)))
    np.testing.assert_array_equal(part.position_m, DETECTOR.position_m[part.sensor_id])


def test_how_an_event_is_varied_does_not_depend_on_its_company(events):
    alone, together = (Varied(Cut(events, size), BOTH, AXIS_M) for size in (1, 16))
    assert contents(alone.epoch(2)) == contents(together.epoch(2))
    assert contents(list(together.epoch(2))[1:]) == contents(together.epoch(2, 1))


def test_another_pass_or_seed_varies_events_otherwise(events):
    batches = Cut(events, 16)
    first = contents(Varied(batches, BOTH, AXIS_M).epoch(0))
    assert contents(Varied(batches, BOTH, AXIS_M).epoch(0)) == first
    others = (
        Varied(batches, BOTH, AXIS_M).epoch(1),
        Varied(batches, BOTH.model_copy(update={"seed": 2}), AXIS_M).epoch(0),
    )
    for other in map(contents, others):
        assert all(other[event] != first[event] for event in first)


def test_half_of_the_events_keep_all_pulses_and_the_others_no_fewer_than_asked_for():
    many = icereco.simulate(400, seed=5)
    options = TrainOptions(kept_pulses=0.7)
    kept = next(Varied(Cut(many, len(many)), options, AXIS_M).epoch(0)).pulse_count / many.pulse_count
    assert 0.4 < (kept == 1.0).mean() < 0.65
    assert 0.8 < kept[kept < 1.0].mean() < 0.9


def test_events_stay_as_they_are_by_default(events):
    batches = Cut(events, 16)
    assert varied(batches, TrainOptions(), DETECTOR) is batches
    only = varied(batches, TrainOptions(rotate=True), DETECTOR)
    np.testing.assert_array_equal(next(only.epoch(0)).time_ns, next(batches.epoch(0)).time_ns)
