"""Events as a likelihood needs them."""

import tracemalloc
from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from icereco.data.simulated import simulate
from icereco.detector.detector import Detector
from icereco.events.batch import EventBatch
from icereco.events.observations import MOST_PULSES, Observed, Observer
from icereco.physics.likelihood.observation import Observation


@pytest.fixture(scope="module")
def batch() -> EventBatch:
    return simulate(10, seed=8)


@pytest.fixture(scope="module")
def observer(detector: Detector) -> Observer:
    return Observer(detector, time_error=0.3)


@pytest.fixture(scope="module", params=[False, True], ids=["all", "first"])
def either(request: pytest.FixtureRequest, detector: Detector) -> Observer:
    """Observers of all pulses, and of the first ones alone."""
    return Observer(detector, 0.3, first_only=bool(request.param))


def of_event(groups: list[Observed], event: int) -> Observation:
    for group in groups:
        if event in group.event:
            return group.observation.take(torch.from_numpy(np.flatnonzero(group.event == event)))
    raise AssertionError(f"event {event} is in no group")


def test_every_event_is_in_one_group(observer: Observer, batch: EventBatch) -> None:
    events = np.concatenate([group.event for group in observer(batch)])
    assert sorted(events) == list(range(len(batch)))


def test_an_event_alone_is_observed_as_in_company(either: Observer, batch: EventBatch) -> None:
    together = list(either(batch))
    for event in range(len(batch)):
        alone = of_event(list(either(batch[event : event + 1])), 0)
        for field in fields(Observation):
            assert torch.equal(getattr(alone, field.name), getattr(of_event(together, event), field.name)), (
                field.name
            )


def test_counts_are_the_charge_and_no_hit_module_is_left_out(observer: Observer, batch: EventBatch) -> None:
    groups = list(observer(batch))
    for event in range(len(batch)):
        seen = of_event(groups, event)
        charge = batch[event].batch.charge_pe.sum()
        assert int((seen.count[0] > 0).sum()) == batch.dom_count[event]
        assert seen.count.sum().item() == pytest.approx(charge, rel=0.35)
        assert seen.count.sum() >= batch.pulse_count[event]


def test_silent_modules_stand_for_those_left_out(
    observer: Observer, batch: EventBatch, detector: Detector
) -> None:
    position = detector.position_m.astype(np.float64)
    groups = list(observer(batch))
    stood_for, there = 0.0, 0
    for event in range(len(batch)):
        doms = batch[event].batch
        coincident = np.maximum.reduceat(~doms.auxiliary, doms.pulse_offsets[:-1])
        hit = doms.position_m[coincident].astype(np.float64)
        distance = np.linalg.norm(position[:, None] - hit, axis=2).min(axis=1)
        near = (distance < 250.0) & detector.alive
        near[doms.sensor_id] = False
        seen = of_event(groups, event)
        silent = seen.weight[0][seen.count[0] == 0].sum().item()
        # One in eight of n distant modules, with weight 8 each, scatters by √(7 n).
        assert silent == pytest.approx(near.sum(), abs=3.0 * np.sqrt(7.0 * (near & (distance > 80.0)).sum()))
        stood_for, there = stood_for + silent, there + near.sum()
    assert stood_for == pytest.approx(there, rel=0.05)


def test_dead_modules_count_for_nothing(batch: EventBatch, detector: Detector) -> None:
    dead = int(batch.sensor_id[0])
    alive = detector.alive.copy()
    alive[dead] = False
    seen = of_event(list(Observer(replace(detector, alive=alive), 0.3)(batch[:1])), 0)
    place = torch.from_numpy(detector.position_m[dead].astype(np.float64))
    module = (seen.module_m[0] == place).all(1) & (seen.count[0] > 0)
    assert module.any()
    assert seen.weight[0][module].sum() == 0
    assert seen.pulse_weight[0][module[seen.module_of_pulse[0]]].sum() == 0


def test_of_very_many_pulses_the_first_of_each_module_and_the_largest_are_used(
    observer: Observer, batch: EventBatch
) -> None:
    event = batch[:1]
    times = 100_000 // len(event.time_ns) + 1
    many = replace(
        event,
        pulse_offsets=event.pulse_offsets * times,
        time_ns=np.repeat(event.time_ns, times) + np.tile(np.arange(times) * 1e-3, len(event.time_ns)),
        charge_pe=np.repeat(event.charge_pe, times),
        auxiliary=np.repeat(event.auxiliary, times),
    )
    seen = of_event(list(observer(many)), 0)
    used = seen.pulse_weight[0] > 0
    assert MOST_PULSES <= int(used.sum()) <= 2 * MOST_PULSES
    first = many.time_ns[many.pulse_offsets[:-1]]
    offset = event.time_ns.min() - seen.time_ns[0][used].min().item()
    kept = np.sort(seen.time_ns[0][used].numpy()) + offset
    assert np.isclose(kept[:, None], np.sort(first), atol=1e-6).any(axis=0).all()


def test_absurd_charges_stay_finite(either: Observer, batch: EventBatch) -> None:
    bright = replace(batch, charge_pe=np.full_like(batch.charge_pe, 1e5))
    for group in either(bright):
        for field in fields(Observation):
            assert torch.isfinite(getattr(group.observation, field.name).double()).all()


def in_modules(detector: Detector, sensor: list[int], pulses: list[tuple[float, float]]) -> EventBatch:
    """One event with the same pulses, (time in ns, charge in photo-electrons), in each of some modules."""
    time, charge = np.array(pulses).T
    doms = len(sensor)
    return EventBatch(
        event_id=np.array([7]),
        dom_offsets=np.array([0, doms]),
        sensor_id=np.array(sensor, np.int32),
        position_m=detector.position_m[sensor].astype(np.float32),
        pulse_offsets=np.arange(doms + 1) * len(time),
        time_ns=np.tile(time, doms),
        charge_pe=np.tile(charge, doms).astype(np.float32),
        auxiliary=np.zeros(doms * len(time), bool),
    )


def count_of(observer: Observer, detector: Detector, charge_pe: float) -> float:
    """Return the photo-electrons of a module with one pulse."""
    return of_event(list(observer(in_modules(detector, [100], [(0.0, charge_pe)]))), 0).count[0, 0].item()


def test_small_pulses_are_one_photo_electron_and_bright_ones_more_than_the_saturated_charge(
    observer: Observer, detector: Detector
) -> None:
    assert count_of(observer, detector, 0.01) == 1
    ten, hundred, thousand = (count_of(observer, detector, charge) for charge in (10.0, 100.0, 1000.0))
    assert ten == pytest.approx(10, abs=1)
    assert hundred == pytest.approx(10 * ten, rel=0.1)
    assert thousand > 15 * hundred


def test_the_pulses_of_a_module_count_as_its_photo_electrons_over_the_distrust(detector: Detector) -> None:
    event = in_modules(detector, [100], [(0.0, 0.3), (50.0, 30.0), (700.0, 5.0)])
    for time_error in (0.0, 0.3):
        seen = of_event(list(Observer(detector, time_error)(event)), 0)
        count = seen.count[0, 0].item()
        assert seen.pulse_weight.sum().item() == pytest.approx(count / (1 + time_error**2 * count))


def test_further_photo_electrons_of_a_pulse_come_after_the_first(
    observer: Observer, detector: Detector
) -> None:
    seen = of_event(list(observer(in_modules(detector, [100], [(0.0, 1.0), (50.0, 30.0)]))), 0)
    used = seen.pulse_weight[0] > 0
    time, weight = seen.time_ns[0][used], seen.pulse_weight[0][used]
    assert len(time) == 3
    assert time[1] - time[0] == 50.0
    assert 0 < time[2] - time[1] < 50.0
    assert weight[2] / weight[1] == seen.count[0, 0] - 2


def test_of_first_pulses_the_others_are_known_to_be_later(detector: Detector) -> None:
    event = in_modules(detector, [100, 101], [(0.0, 3.0), (50.0, 30.0), (700.0, 5.0)])
    event = replace(event, time_ns=event.time_ns + np.repeat([0.0, 400.0], 3))
    seen = of_event(list(Observer(detector, 0.3, first_only=True)(event)), 0)
    used = seen.pulse_weight[0] > 0
    assert (seen.time_ns[0][used] - seen.time_ns[0][0]).tolist() == [0.0, 400.0]
    assert seen.pulse_weight[0][used].tolist() == [1.0, 1.0]
    assert torch.equal(seen.later[0][used], seen.count[0][seen.count[0] > 0] - 1)
    # The window ends with the last pulse; all expected noise is later than the event's first pulse.
    assert detector.noise_rate_hz is not None
    before = 400.0 * detector.noise_rate_hz[101] * 1e-9
    expected = seen.noise[0][seen.module_of_pulse[0]][used] - torch.tensor([0.0, before])
    torch.testing.assert_close(seen.later_noise[0][used], expected, rtol=1e-6, atol=0.0)


def test_of_all_pulses_none_is_only_known_to_be_later(observer: Observer, batch: EventBatch) -> None:
    for group in observer(batch):
        assert not group.observation.later.any()


@pytest.mark.parametrize("delay", [600.0, 2000.0, 8000.0])
def test_a_bright_pulse_raises_the_noise_of_its_own_module_afterwards(
    observer: Observer, detector: Detector, delay: float
) -> None:
    pulses = [(-delay, 1.0), (0.0, 1.0), (delay, 1.0)]
    dim = of_event(list(observer(in_modules(detector, [100], pulses))), 0)
    pulses[1] = (0.0, 1350.0)
    bright = of_event(list(observer(in_modules(detector, [100], pulses))), 0)
    assert detector.noise_rate_hz is not None
    dark = detector.noise_rate_hz[100] * 1e-9
    for seen in (dim, bright):
        assert seen.noise_per_ns[0, 0].item() == pytest.approx(dark)
    last_dim, last_bright = (one.noise_per_ns[0][one.pulse_weight[0] > 0][-1] for one in (dim, bright))
    assert last_bright > 100 * last_dim > 100 * dark
    assert bright.noise[0, 0] > 10 * dim.noise[0, 0]


def test_pulses_of_other_modules_leave_the_noise_as_it_is(observer: Observer, detector: Detector) -> None:
    event = in_modules(detector, [100, 101], [(0.0, 500.0)])
    seen = of_event(list(observer(replace(event, time_ns=np.array([0.0, 600.0])))), 0)
    assert detector.noise_rate_hz is not None
    first = torch.stack([seen.noise_per_ns[0][seen.module_of_pulse[0] == module][0] for module in (0, 1)])
    np.testing.assert_allclose(first, detector.noise_rate_hz[[100, 101]] * 1e-9)


def test_another_clock_changes_nothing(either: Observer, batch: EventBatch) -> None:
    late = replace(batch, time_ns=batch.time_ns + 1e6)
    for now, then in zip(either(batch), either(late), strict=True):
        np.testing.assert_allclose(then.reference_ns, now.reference_ns + 1e6, atol=1e-6)
        torch.testing.assert_close(then.observation.time_ns, now.observation.time_ns, rtol=0, atol=1e-6)


def test_memory_does_not_grow_with_the_pulses_of_a_module(observer: Observer, batch: EventBatch) -> None:
    count = 30_000
    random = np.random.default_rng(0)
    crowded = replace(
        batch[:1],
        dom_offsets=np.array([0, 1]),
        sensor_id=batch.sensor_id[:1],
        position_m=batch.position_m[:1],
        pulse_offsets=np.array([0, count]),
        time_ns=np.arange(count, dtype=np.float64),
        charge_pe=random.exponential(3.0, count).astype(np.float32),
        auxiliary=np.zeros(count, bool),
    )
    tracemalloc.start()
    list(observer(crowded))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Every pair of a used pulse and one before it would take eight bytes at least.
    assert peak < MOST_PULSES * count / 2 * 8
