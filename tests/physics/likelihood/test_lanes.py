"""Eight numbers at once: what machine code does with them is what it does with each of them."""

import math
from collections.abc import Callable

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy import ndarray

from icereco.physics.likelihood.compiled.access import look, look_four, put, take
from icereco.physics.likelihood.compiled.elementary import exponential, exponential_less_one, logarithm
from icereco.physics.likelihood.compiled.lanes import LANES, chosen, floored, total
from icereco.physics.likelihood.compiled.light import cascade_light, track_light
from icereco.physics.likelihood.compiled.optics import optics_of
from icereco.physics.likelihood.likelihood import Likelihood
from icereco.system.machine_code import compiled

eight = st.lists(st.floats(-700.0, 700.0), min_size=LANES, max_size=LANES).map(np.array)

Of = Callable[[float], float]


def at_once(function: Of) -> Callable[[ndarray], ndarray]:
    """A function of lanes as a function of arrays."""

    @numba.njit(error_model="numpy")
    def of_array(numbers: ndarray, out: ndarray) -> None:
        put(out, 0, function(take(numbers, 0)))

    def of_eight(numbers: ndarray) -> ndarray:
        out = np.empty(LANES)
        of_array(numbers, out)
        return out

    return of_eight


def one_by_one(function: Of) -> Callable[[ndarray], ndarray]:
    @numba.njit(error_model="numpy")
    def of_array(numbers: ndarray, out: ndarray) -> None:
        for lane in range(LANES):
            out[lane] = function(numbers[lane])

    def of_eight(numbers: ndarray) -> ndarray:
        out = np.empty(LANES)
        of_array(numbers, out)
        return out

    return of_eight


@compiled
def arithmetic(x: float) -> float:
    return (2 - x) * 0.5 / (1.0 + abs(-x)) + math.sqrt(abs(x) + 3) * x


@compiled
def choice(x: float) -> float:
    return chosen(x < -1.0, floored(x), chosen(x > 100.0, 7.0, -x))


FUNCTIONS: dict[str, Of] = {
    "arithmetic": arithmetic,
    "choice": choice,
    "exponential": exponential,
    "logarithm": logarithm,
}


@pytest.fixture(scope="module", params=FUNCTIONS.values(), ids=list(FUNCTIONS))
def both(request: pytest.FixtureRequest) -> tuple[Callable[[ndarray], ndarray], Callable[[ndarray], ndarray]]:
    return at_once(request.param), one_by_one(request.param)


@given(numbers=eight)
def test_lanes_are_what_single_numbers_are(
    both: tuple[Callable[[ndarray], ndarray], Callable[[ndarray], ndarray]], numbers: ndarray
) -> None:
    together, alone = both
    np.testing.assert_allclose(together(numbers), alone(numbers), rtol=1e-15, atol=0)


exponentials = at_once(exponential)
logarithms = at_once(logarithm)
small_exponentials = at_once(exponential_less_one)


@given(numbers=eight)
def test_the_exponential_is_that_of_the_library(numbers: ndarray) -> None:
    np.testing.assert_allclose(exponentials(numbers), np.exp(numbers), rtol=5e-16, atol=0)


@given(numbers=eight)
def test_the_logarithm_is_that_of_the_library(numbers: ndarray) -> None:
    positive = np.exp(numbers)
    np.testing.assert_allclose(logarithms(positive), np.log(positive), rtol=5e-16, atol=0)


@given(numbers=eight)
def test_the_exponential_near_zero_is_that_of_the_library(numbers: ndarray) -> None:
    near = numbers * (math.log(2.0) / 700.0)
    np.testing.assert_allclose(small_exponentials(near), np.expm1(near), rtol=1e-15, atol=1e-300)


def test_exponentials_that_are_not_normal_numbers_are_those_at_the_ends_of_the_range() -> None:
    far = np.array([-np.inf, -1e9, -708.0, 0.0, 709.0, 1e9, np.inf, np.nan])
    found = exponentials(far)
    assert found[0] == found[1] == found[2] == pytest.approx(math.exp(-708.0))
    assert found[4] == found[5] == found[6] == pytest.approx(math.exp(709.0))
    assert math.isnan(found[7])


def test_what_has_no_logarithm_is_not_a_number() -> None:
    assert np.isnan(logarithms(np.array([0.0, -1.0, np.nan, -np.inf, -0.0, -5.0, np.nan, -1e-300]))).all()


@given(start=st.integers(0, 12), places=st.lists(st.integers(0, 20), min_size=LANES, max_size=LANES))
def test_places_of_arrays_are_read_and_written(start: int, places: list[int]) -> None:
    table = np.random.default_rng(1).normal(size=24)
    out = np.full((7, 24), np.nan)
    _read(table, np.array(places, float), start, out)
    np.testing.assert_array_equal(out[0, start : start + LANES], table[places])
    for step in range(4):
        np.testing.assert_array_equal(out[1 + step, :LANES], table[np.array(places) + step])
    np.testing.assert_array_equal(out[5, :LANES], table[start : start + LANES])
    assert out[6, 0] == pytest.approx(table[places].sum(), rel=1e-12, abs=1e-12)
    assert np.isnan(np.delete(out[0], np.arange(start, start + LANES))).all()


@numba.njit
def _read(table: ndarray, places: ndarray, start: int, out: ndarray) -> None:
    at = take(places, 0)
    put(out, start, look(table, at))
    first, second, third, fourth = look_four(table, at)
    put(out, 24, first)
    put(out, 48, second)
    put(out, 72, third)
    put(out, 96, fourth)
    put(out, 120, take(table, start))
    out[6, 0] = total(look(table, at))


@numba.njit(error_model="numpy")
def _lights(optics: ndarray, distance: ndarray, rise: ndarray, height: ndarray, out: ndarray) -> None:
    track = track_light(optics, take(distance, 0), take(rise, 0), take(height, 0))
    cascade = cascade_light(optics, take(distance, 0), take(rise, 0), take(rise, 0) * 0.5, take(height, 0))
    for jet in range(4):
        put(out, jet * LANES, track.photo_electrons[jet])
        put(out, (4 + jet) * LANES, cascade.photo_electrons[jet])


def test_the_light_of_lanes_is_that_of_each_module(likelihood: Likelihood) -> None:
    optics, random = optics_of(likelihood.light), np.random.default_rng(5)
    distance = random.uniform(5.0, 200.0, LANES)
    rise, height = random.uniform(-1.0, 1.0, LANES) * distance, random.uniform(-500.0, 500.0, LANES)
    out = np.empty((8, LANES))
    _lights(optics, distance, rise, height, out)
    for lane in range(LANES):
        d, r, z = float(distance[lane]), float(rise[lane]), float(height[lane])
        track, cascade = track_light(optics, d, r, z), cascade_light(optics, d, r, 0.5 * r, z)
        np.testing.assert_allclose(out[:4, lane], track.photo_electrons, rtol=1e-11, atol=1e-20)
        np.testing.assert_allclose(out[4:, lane], cascade.photo_electrons, rtol=1e-11, atol=1e-20)
