import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from icereco_reconstructors.huber import PENALTY_LIMIT_M, huber_line
from icereco_reconstructors.late_pulses import LATENESS_NS, NEIGHBOURHOOD_M, late_pulses
from icereco_reconstructors.linefit import LineFit
from icereco_reconstructors.options import LineFitOptions
from icereco_reconstructors.pulses import event_zero

from icereco.events.batch import EventBatch
from icereco.physics.linefit import line_moments
from icereco.physics.sphere import angles_from_direction, direction_from_angles, opening_angle
from icereco.physics.weighted_mean import weighted_mean

PPC = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "icecube_ppc"
SENSORS = 300


def positions(seed=0):
    return np.random.default_rng(seed).uniform(-500, 500, (SENSORS, 3))


def batch_of(events, position_m):
    """A batch from events given as (sensor_id, time, charge, auxiliary) arrays."""
    columns = {"sensor_id": [], "time_ns": [], "charge_pe": [], "auxiliary": []}
    doms_per_event, pulses_per_dom = [0], [0]
    for sensor, time, charge, auxiliary in events:
        order = np.lexsort((time, sensor))
        doms, counts = np.unique(sensor, return_counts=True)
        doms_per_event.append(len(doms))
        pulses_per_dom += counts.tolist()
        columns["sensor_id"].append(doms)
        for name, values in (("time_ns", time), ("charge_pe", charge), ("auxiliary", auxiliary)):
            columns[name].append(np.asarray(values)[order])
    joined = {name: np.concatenate(parts) for name, parts in columns.items()}
    return EventBatch(
        event_id=np.arange(len(events)),
        dom_offsets=np.cumsum(doms_per_event),
        sensor_id=joined["sensor_id"].astype(np.int32),
        position_m=position_m[joined["sensor_id"].astype(int)].astype(np.float32),
        pulse_offsets=np.cumsum(pulses_per_dom),
        time_ns=joined["time_ns"].astype(np.float64),
        charge_pe=joined["charge_pe"].astype(np.float32),
        auxiliary=joined["auxiliary"].astype(bool),
    )


def random_events(sizes, seed=1):
    random = np.random.default_rng(seed)
    return [
        (
            random.integers(0, SENSORS, size),
            random.uniform(9_000, 15_000, size),
            random.lognormal(0, 1, size),
            random.random(size) < 0.7,
        )
        for size in sizes
    ]


def linefit(batch, **options):
    return LineFit(LineFitOptions(**options))(batch).direction


@pytest.mark.parametrize("start", [0.0, 1e4, 1e12])
def test_exact_for_pulses_along_a_line(start):
    random = np.random.default_rng(2)
    origin = direction_from_angles(random.uniform(0, 2 * np.pi, 8), random.uniform(0.1, 3.0, 8))
    path = np.linspace(-400, 400, 30)
    events, place = [], []
    for number, one in enumerate(origin):
        place.append(np.array([3.0, -7.0, 11.0]) - path[:, None] * one)  # travels away from its origin
        nothing = np.zeros(30, dtype=bool)
        events.append((np.arange(30) + 30 * number, start + path / 0.2998, np.ones(30), nothing))
    direction = linefit(batch_of(events, np.concatenate(place)))
    # Positions are float32, and times of 1e12 ns have steps of 1e-4 ns.
    assert opening_angle(direction, origin).max() < 1e-6


def test_equals_a_plain_least_squares_fit_of_each_event():
    events = random_events([40, 3, 500, 7, 2000])
    place = positions().astype(np.float32).astype(np.float64)
    for (sensor, time, _, auxiliary), direction in zip(events, linefit(batch_of(events, place)), strict=True):
        used = ~auxiliary if np.unique(time[~auxiliary]).size > 1 else np.ones(len(time), dtype=bool)
        ones = np.ones(used.sum())
        solution, *_ = np.linalg.lstsq(
            np.stack([ones, time[used] - 1e4], axis=1), place[sensor[used]], rcond=None
        )
        velocity = solution[1]
        assert direction == pytest.approx(-velocity / np.linalg.norm(velocity), abs=1e-9)


def test_charge_weights_count_like_repeated_pulses():
    sensor, time, _, _ = random_events([20])[0]
    charge = np.arange(1, 21)
    nothing = np.zeros(20, dtype=bool)
    repeated = [np.repeat(one, charge) for one in (sensor, time, np.ones(20), nothing)]
    weighted = linefit(batch_of([(sensor, time, charge, nothing)], positions()), weight_by_charge=True)
    assert weighted == pytest.approx(linefit(batch_of([tuple(repeated)], positions())), abs=1e-9)


def test_an_event_does_not_depend_on_its_neighbours():
    events = random_events([5, 900, 60, 2, 33])
    together = linefit(batch_of(events, positions()))
    alone = np.concatenate([linefit(batch_of([event], positions())) for event in events])
    assert together == pytest.approx(alone, abs=1e-12)


def test_auxiliary_pulses_are_left_out_while_there_are_others():
    sensor, time, charge, _ = random_events([60])[0]
    auxiliary = np.arange(60) % 2 == 0
    kept = tuple(column[~auxiliary] for column in (sensor, time, charge, auxiliary))
    with_noise = linefit(batch_of([(sensor, time, charge, auxiliary)], positions()))
    assert with_noise == pytest.approx(linefit(batch_of([kept], positions())), abs=1e-12)


@pytest.mark.parametrize("others", [0, 1])
def test_auxiliary_pulses_are_used_where_the_others_make_no_line(others):
    sensor, time, charge, _ = random_events([60])[0]
    auxiliary = np.arange(60) >= others
    assert linefit(batch_of([(sensor, time, charge, auxiliary)], positions())) == pytest.approx(
        linefit(batch_of([(sensor, time, charge, np.zeros(60, dtype=bool))], positions()))
    )


@pytest.mark.parametrize(
    ("sensor", "time"),
    [([], []), ([7], [100.0]), ([3, 4, 5], [100.1, 100.1, 100.1]), ([7, 7, 7, 7], [1.1, 2.3, 77.7, 9.9])],
    ids=["no pulse", "one pulse", "one time", "one DOM"],
)
def test_no_direction_where_there_is_no_line(sensor, time):
    size = len(sensor)
    odd = (
        np.array(sensor, dtype=int),
        np.array(time, dtype=float),
        np.ones(size),
        np.zeros(size, dtype=bool),
    )
    good = random_events([40])[0]
    direction = linefit(batch_of([odd, good, odd], positions()))
    assert np.isnan(direction[[0, 2]]).all()
    assert direction[1] == pytest.approx(linefit(batch_of([good], positions()))[0])


@pytest.mark.skipif(not PPC.exists(), reason="needs the photon-by-photon events in ../shared/data")
def test_resolution_on_photon_by_photon_simulation():
    polars = pytest.importorskip("polars")
    geometry = polars.read_csv(PPC / "sensor_geometry.csv").sort("sensor_id")
    meta = polars.read_parquet(PPC / "train_meta.parquet")
    pulses = polars.read_parquet(PPC / "train" / "batch_1.parquet")
    columns = [pulses[name].to_numpy() for name in ("sensor_id", "time", "charge", "auxiliary")]
    bounds = zip(meta["first_pulse_index"], meta["last_pulse_index"], strict=True)
    events = [tuple(column[first : last + 1] for column in columns) for first, last in bounds]
    direction = linefit(batch_of(events, geometry.select("x", "y", "z").to_numpy()))
    truth = direction_from_angles(meta["azimuth"].to_numpy(), meta["zenith"].to_numpy())
    error = np.degrees(opening_angle(direction, truth))
    assert np.nanmedian(error) == pytest.approx(33.1, abs=2)
    kind = meta["kind"].to_numpy()
    expected = {"through": 4.2, "start": 8.5, "cascade": 84.0}
    for word, degrees in expected.items():
        chosen = np.array([word in one for one in kind])
        assert np.nanmedian(error[chosen]) == pytest.approx(degrees, rel=0.15)
    azimuth, zenith = angles_from_direction(direction[~np.isnan(error)])
    assert (azimuth >= 0).all()
    assert (zenith <= np.pi).all()


def test_says_how_many_pulses_it_used():
    sensor, time, charge, _ = random_events([60])[0]
    some, none, all_ = np.arange(60) % 3 == 0, np.zeros(60, dtype=bool), np.ones(60, dtype=bool)
    batch = batch_of([(sensor, time, charge, auxiliary) for auxiliary in (some, none, all_)], positions())
    assert LineFit(LineFitOptions())(batch).pulses_used.tolist() == [40, 60, 60]


def track():
    """A line of light along x with one pulse every 20 m, at most 71 m from it, and the positions of its DOMs."""
    path = np.arange(0.0, 800, 20)
    place = np.random.default_rng(3).uniform(-50, 50, (len(path), 3))
    place[:, 0] = path
    size = len(path)
    return (np.arange(size), path / 0.2998, np.ones(size), np.zeros(size, dtype=bool)), place


def appended(event, sensor, time):
    size = len(sensor)
    more = (sensor, time, np.ones(size), np.zeros(size, dtype=bool))
    return tuple(np.concatenate(pair) for pair in zip(event, more, strict=True))


def test_robust_fit_of_a_clean_track_is_the_plain_one():
    event, place = track()
    batch = batch_of([event], place)
    assert linefit(batch, robust=True) == pytest.approx(linefit(batch), abs=1e-12)


def test_robust_fit_leaves_late_pulses_out():
    event, place = track()
    late = np.arange(10)
    scattered = batch_of([appended(event, late, event[1][late] + LATENESS_NS + 400)], place)
    robust = LineFit(LineFitOptions(robust=True))(scattered)
    assert robust.direction == pytest.approx(linefit(batch_of([event], place)), abs=1e-9)
    assert robust.pulses_used.tolist() == [len(event[0])]
    assert opening_angle(linefit(scattered), robust.direction)[0] > 1e-3


def test_robust_fit_keeps_late_pulses_where_there_is_no_line_without_them():
    place = np.array([[0.0, 0, 0], [0, 0, 100]])
    event = (np.arange(2), np.array([0.0, 2 * LATENESS_NS]), np.ones(2), np.zeros(2, dtype=bool))
    assert linefit(batch_of([event], place), robust=True)[0] == pytest.approx([0, 0, -1])


def test_robust_fit_of_each_event_does_not_depend_on_its_neighbours():
    events = random_events([5, 900, 60, 2, 33])
    together = linefit(batch_of(events, positions()), robust=True)
    alone = np.concatenate([linefit(batch_of([event], positions()), robust=True) for event in events])
    np.testing.assert_array_equal(together, alone)


def test_robust_fit_minimizes_hubers_penalty():
    batch = batch_of(random_events([60, 200]), positions())
    line = huber_line(batch, np.ones(len(batch.time_ns)))
    event, place = batch.event_of_pulse, batch.position_m[batch.dom_of_pulse].astype(np.float64)
    time = (batch.time_ns - event_zero(batch)[event])[:, None]

    def penalty(line):
        distance = np.linalg.norm(line.residual(place, time, event), axis=1)
        outside = PENALTY_LIMIT_M * (2 * distance - PENALTY_LIMIT_M)
        return np.bincount(event, np.where(distance > PENALTY_LIMIT_M, outside, distance**2))

    least, random = penalty(line), np.random.default_rng(2)
    assert (least < penalty(_plain(batch))).all()
    for _ in range(50):
        centre = line.centre + random.normal(0, 5, (2, 3))
        covariance = line.covariance + line.variance * random.normal(0, 0.01, (2, 3))
        assert (penalty(replace(line, centre=centre, covariance=covariance)) > least).all()


def _plain(batch):
    event = batch.event_of_pulse
    place = batch.position_m[batch.dom_of_pulse].astype(np.float64)
    time = (batch.time_ns - event_zero(batch)[event])[:, None]
    return line_moments(
        place, time, event, lambda values: weighted_mean(values, np.ones(len(event)), event, len(batch))
    )


@pytest.mark.parametrize("pairs", [1, 1000, 1 << 18])
def test_late_pulses_are_those_of_all_pairs_of_pulses(pairs, monkeypatch):
    monkeypatch.setattr("icereco_reconstructors.late_pulses._PAIRS", pairs)
    batch = batch_of(random_events([80, 1, 0, 400]), positions())
    chosen = ~batch.auxiliary
    place, event = batch.position_m[batch.dom_of_pulse].astype(float), batch.event_of_pulse
    near = np.linalg.norm(place[:, None] - place, axis=2) < NEIGHBOURHOOD_M
    pair = near & (event[:, None] == event) & chosen & chosen[:, None]
    expected = (pair & (batch.time_ns[:, None] - batch.time_ns > LATENESS_NS)).any(axis=1)
    np.testing.assert_array_equal(late_pulses(batch, chosen), expected)
    assert 0 < expected.sum() < chosen.sum()


def test_late_pulses_of_a_bright_event_take_little_memory():
    doms, random = 5160, np.random.default_rng(0)
    sensor = np.repeat(np.arange(doms), 20)
    size = len(sensor)
    event = (sensor, random.uniform(0, 9_000, size), np.ones(size), np.zeros(size, dtype=bool))
    batch = batch_of([event], random.uniform(-500, 500, (doms, 3)))
    tracemalloc.start()
    late_pulses(batch, ~batch.auxiliary)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * doms**2, "more than 2 bytes for each pair of DOMs, of whose places alone one takes 24"
