"""Scans of likelihoods that are known."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from jaxtyping import Float
from numpy import ndarray

from icereco.events.reconstruction import Reconstruction
from icereco.physics.sphere import opening_angle
from icereco.protocols import Peaks, ProfileLikelihood
from icereco.reconstruction.scan import scan

PEAK = np.array([0.48, 0.6, -0.64])


@dataclass
class Fisher:
    """log L of a von Mises-Fisher density, raised to the temperature; `short` is how far the climbs stay below it."""

    kappa: float
    short: float = 0.0
    temperature: float = 2.0
    asked: list[int] = field(default_factory=list)

    @property
    def peaks(self) -> Peaks:
        return Peaks(PEAK[None], np.zeros(1), np.array([self.kappa**-0.5]))

    @property
    def fitted(self) -> Reconstruction:
        return Reconstruction(PEAK[None])

    def __call__(self, direction: Float[ndarray, "point 3"]) -> Float[ndarray, "point"]:
        self.asked.append(len(direction))
        return self.temperature * self.kappa * (direction @ PEAK - 1.0) - self.short


def radius_deg(kappa: float, probability: float) -> float:
    return float(np.degrees(np.arccos(1 + np.log(1 - probability) / kappa)))


def test_a_likelihood_of_a_test_is_one() -> None:
    assert isinstance(Fisher(1.0), ProfileLikelihood)


@pytest.mark.parametrize("kappa", [3.0, 100.0, 3000.0, 30_000.0])
def test_regions_are_resolved_whatever_their_size(kappa: float) -> None:
    sky = scan(lambda: Fisher(kappa), 512).sky
    assert sky.probability.sum() == pytest.approx(1.0)
    for probability in (0.5, 0.9):
        assert sky.radius_deg(probability) == pytest.approx(radius_deg(kappa, probability), rel=0.06)


def test_pixels_are_small_only_where_the_probability_is() -> None:
    profile = Fisher(30_000.0)
    sky = scan(lambda: profile, 256).sky
    assert 2 ** sky.order.max() == 256
    away = np.degrees(opening_angle(sky.direction, PEAK[None]))
    assert away[sky.order == 8].max() < 5.0
    assert sum(profile.asked) < 3000


def test_no_pixel_is_smaller_than_asked_for() -> None:
    assert scan(lambda: Fisher(30_000.0), 32).sky.order.max() == 5


def test_larger_first_pixels_find_the_same_region_with_fewer_fits() -> None:
    coarse, usual = Fisher(3000.0), Fisher(3000.0)
    radii = [
        scan(lambda: coarse, 128, first_nside=4).sky.radius_deg(0.9),
        scan(lambda: usual, 128).sky.radius_deg(0.9),
    ]
    assert radii[0] == pytest.approx(radii[1], rel=0.02)
    assert sum(coarse.asked) < sum(usual.asked) - 400


def test_the_map_contains_the_maximum_as_far_as_its_pixels_allow() -> None:
    made = scan(lambda: Fisher(1e6), 64)
    assert made.sky.log_likelihood.max() < made.peak_log_likelihood - 1.0
    assert made.missed == 0.0
    row = made.sky.rows_at(PEAK[None])[0]
    assert made.sky.order[row] == 6


def test_climbs_that_do_not_reach_the_maximum_are_reported() -> None:
    assert scan(lambda: Fisher(3000.0, short=7.0), 256).missed == pytest.approx(7.0, abs=0.5)


def test_progress_ends_every_stage() -> None:
    seen: list[tuple[str, int, int]] = []
    scan(lambda: Fisher(100.0), 64, lambda *stage: seen.append(stage))
    stages = list(dict.fromkeys(name for name, _, _ in seen))
    assert stages[:2] == ["ordinary fit", "nside 8"]
    for name in stages[1:]:
        last = [stage for stage in seen if stage[0] == name][-1]
        assert last[1] == last[2]
