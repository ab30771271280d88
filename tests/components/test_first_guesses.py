"""The tensor of inertia and the plane wave: exact where the answer is known, NaN where there is none."""

import numpy as np
import pytest
from icereco_reconstructors.inertia import TensorOfInertia
from icereco_reconstructors.options import InertiaOptions, PlaneWaveOptions
from icereco_reconstructors.plane_wave import PlaneWave

from icereco.detector.detector import LIGHT_M_PER_NS
from icereco.events.batch import EventBatch
from icereco.physics.sphere import opening_angle


def event_of(position_m, time_ns, charge_pe=1.0, auxiliary=False):
    """A batch of one event with one pulse in each DOM."""
    doms = len(position_m)
    return EventBatch(
        event_id=np.arange(1),
        dom_offsets=np.array([0, doms]),
        sensor_id=np.arange(doms, dtype=np.int32),
        position_m=np.asarray(position_m, dtype=np.float32),
        pulse_offsets=np.arange(doms + 1),
        time_ns=np.asarray(time_ns, dtype=np.float64),
        charge_pe=np.broadcast_to(np.float32(charge_pe), doms).copy(),
        auxiliary=np.broadcast_to(auxiliary, doms).copy(),
    )


def inertia(batch, **options):
    return TensorOfInertia(InertiaOptions(**options))(batch).direction[0]


def plane_wave(batch, **options):
    return PlaneWave(PlaneWaveOptions(**options))(batch).direction[0]


def directions(count=6, seed=4):
    vectors = np.random.default_rng(seed).normal(size=(count, 3))
    return list(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


CLOUD = np.random.default_rng(6).uniform(-400, 400, (50, 3)).astype(np.float32).astype(np.float64)
CUBE = 100.0 * np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
STRING = np.stack([np.zeros(20), np.zeros(20), np.linspace(-300, 300, 20)], axis=1)
FLAT = CLOUD * [1, 1, 0]


@pytest.mark.parametrize("origin", directions())
def test_inertia_is_the_longest_axis_towards_the_earlier_light(origin):
    path = np.linspace(-500, 500, 40)
    aside = np.cross(directions(40, seed=1), origin) * 20
    batch = event_of(aside - path[:, None] * origin, 1e4 + path / LIGHT_M_PER_NS)
    assert np.degrees(opening_angle(inertia(batch), origin)) < 5


@pytest.mark.parametrize("weighted", [True, False])
def test_inertia_follows_the_charge_only_if_weighted(weighted):
    position = np.array([(-300, 0, 0), (300, 0, 0), (0, -200, 0), (0, 200, 0.0)])
    batch = event_of(position, [0, 2000, 0, 2000], [1, 1, 100, 100])
    direction = inertia(batch, weight_by_charge=weighted)
    assert direction == pytest.approx([0, -1, 0] if weighted else [-1, 0, 0], abs=1e-6)


@pytest.mark.parametrize(
    ("position", "time"),
    [
        ([(1, 2, 3)], [5.0]),
        ([(1.1, 2.2, 3.3), (1.1, 2.2, 3.3)], [5.0, 9.0]),
        (CUBE, np.arange(8.0)),
        ([(0, 0, -100), (0, 0, 0), (0, 0, 100)], [7.0, 7.0, 7.0]),
        ([(0, 0, -100), (0, 0, 0), (0, 0, 100)], [7.0, 9.0, 7.0]),
    ],
    ids=["one DOM", "two at one place", "no longest axis", "one time", "no way along it"],
)
def test_inertia_has_no_direction_without_an_axis_and_a_sense(position, time):
    assert np.isnan(inertia(event_of(position, time))).all()


@pytest.mark.parametrize("origin", directions())
@pytest.mark.parametrize("speed", [LIGHT_M_PER_NS, 0.2])
def test_plane_wave_is_exact_for_a_plane_wave(origin, speed):
    batch = event_of(CLOUD, 1e4 - CLOUD @ origin / speed)
    assert opening_angle(plane_wave(batch, speed_m_per_ns=speed), origin) < 1e-6


@pytest.mark.parametrize("spread_ns", [50.0, 2_000.0, 50_000.0])
def test_plane_wave_is_the_minimum_over_the_sphere(spread_ns):
    time = np.random.default_rng(8).normal(0, spread_ns, len(CLOUD)) - CLOUD[:, 0] / LIGHT_M_PER_NS

    def misfit(origin):
        return np.var(time[:, None] + CLOUD @ np.atleast_2d(origin).T / LIGHT_M_PER_NS, axis=0)

    fitted = misfit(plane_wave(event_of(CLOUD, time)))
    assert fitted <= misfit(np.array(directions(20_000))).min()


@pytest.mark.parametrize("position", [CLOUD[:1], FLAT, STRING], ids=["one DOM", "a plane", "a string"])
def test_plane_wave_has_no_direction_where_its_mirror_image_fits_as_well(position):
    origin = np.array([0.48, 0.6, 0.64])
    assert np.isnan(plane_wave(event_of(position, -position @ origin / LIGHT_M_PER_NS))).all()


def test_plane_wave_along_a_string_that_is_slower_than_light_has_a_direction():
    batch = event_of(STRING, -STRING[:, 2] / (0.5 * LIGHT_M_PER_NS))
    assert plane_wave(batch) == pytest.approx([0, 0, 1], abs=1e-9)


@pytest.mark.parametrize("method", [inertia, plane_wave])
def test_auxiliary_pulses_are_used_only_where_the_others_give_no_direction(method):
    time = 1e4 - CLOUD @ directions()[0] / LIGHT_M_PER_NS
    noise = np.arange(len(CLOUD)) % 2 == 0
    shifted = np.where(noise, time[::-1], time)
    assert method(event_of(CLOUD, shifted, auxiliary=noise)) == pytest.approx(
        method(event_of(CLOUD[~noise], time[~noise])), abs=1e-9
    )
    assert method(event_of(CLOUD, time, auxiliary=True)) == pytest.approx(method(event_of(CLOUD, time)))
