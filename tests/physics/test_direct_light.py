"""When direct light arrives, and what is called direct."""

import numpy as np
import pytest

from icereco.detector.detector import LIGHT_M_PER_NS, Medium
from icereco.physics.direct_light import DIRECT_NS, DirectLight, hits_by_class, time_zero_ns


def medium(phase: float, group: float) -> Medium:
    return Medium(phase, group, np.zeros(1), None, None)


@pytest.mark.parametrize("along_m", [-40.0, 0.0, 170.0])
@pytest.mark.parametrize("across_m", [5.0, 80.0])
def test_light_of_a_track_takes_the_fastest_way(along_m, across_m):
    """Fermat: without dispersion the Cherenkov angle is that of the way that takes the least time."""
    light = DirectLight.of(medium(1.33, 1.33))
    emitted_m = np.linspace(-1000, 1000, 2_000_001)
    ways = emitted_m / LIGHT_M_PER_NS + np.hypot(along_m - emitted_m, across_m) * light.slowness
    assert light.of_track(along_m, across_m) == pytest.approx(ways.min(), abs=1e-6)


def test_pulses_of_light_are_slower_than_its_waves():
    slow, fast = DirectLight.of(medium(1.32, 1.36)), DirectLight.of(medium(1.32, 1.32))
    assert slow.of_track(0.0, 100.0) - fast.of_track(0.0, 100.0) == pytest.approx(
        0.04 / LIGHT_M_PER_NS * 100.0 / slow.sine
    )
    assert slow.of_point(100.0) == pytest.approx(136.0 / LIGHT_M_PER_NS)


def test_the_time_of_a_source_is_found_among_scattered_light_and_noise():
    random = np.random.default_rng(1)
    light = 730.0 + random.normal(0, 3, 200) + random.exponential(150.0, 200)
    noise = random.uniform(-200_000, 200_000, 100)
    assert time_zero_ns(np.concatenate([light, noise])) == pytest.approx(730.0, abs=20.0)


@pytest.mark.parametrize("delays", [[], [np.nan]])
def test_without_hits_a_source_has_no_time(delays):
    assert np.isnan(time_zero_ns(np.array(delays)))


def test_a_hit_is_direct_within_the_window():
    low, high = DIRECT_NS
    residual = np.array([low - 0.1, low, 0.0, high, high + 0.1, np.nan])
    assert hits_by_class(residual).tolist() == [0, 1, 1, 1, 2, -1]
