"""Maps of log likelihoods: probabilities, contours, areas."""

import numpy as np
import pytest

from icereco.events.sky_map import SkyMap
from icereco.physics import healpix
from icereco.physics.sphere import opening_angle

KAPPA, TEMPERATURE = 60.0, 3.0
MEAN = np.array([0.36, -0.48, 0.8])


@pytest.fixture(scope="module")
def sky() -> SkyMap:
    """A von Mises-Fisher density on pixels of nside 64, those far from its mean of nside 8."""
    coarse = np.arange(768)
    near = opening_angle(healpix.centres(np.full_like(coarse, 3), coarse), MEAN[None]) < np.radians(60.0)
    order = np.repeat(np.where(near, 6, 3), np.where(near, 64, 1))
    parts = [healpix.parts(coarse[[row]], 3)[0] if near[row] else coarse[[row]] for row in range(768)]
    pixel = np.concatenate(parts)
    return SkyMap(order, pixel, TEMPERATURE * KAPPA * (healpix.centres(order, pixel) @ MEAN), TEMPERATURE)


def test_probabilities_sum_to_one_over_the_sphere(sky: SkyMap) -> None:
    assert healpix.area_sr(sky.order).sum() == pytest.approx(4 * np.pi)
    assert sky.probability.sum() == pytest.approx(1.0)
    assert (sky.density * healpix.area_sr(sky.order)).sum() == pytest.approx(1.0)


def test_the_likelihood_is_tempered(sky: SkyMap) -> None:
    exact = KAPPA / (2 * np.pi * (1 - np.exp(-2 * KAPPA)))
    assert sky.density[sky.best] == pytest.approx(exact, rel=0.01)


@pytest.mark.parametrize("probability", [0.5, 0.9])
def test_areas_and_radii_are_those_of_the_density(sky: SkyMap, probability: float) -> None:
    cosine = 1 + np.log(1 - probability) / KAPPA
    assert sky.radius_deg(probability) == pytest.approx(np.degrees(np.arccos(cosine)), rel=0.02)
    area = 2 * np.pi * (1 - cosine) * np.degrees(1.0) ** 2
    assert sky.area_square_deg(probability) == pytest.approx(area, rel=0.03)
    assert sky.probability[sky.region(probability)].sum() == pytest.approx(probability, abs=0.01)


def test_the_content_of_a_direction_is_that_of_the_smallest_region_with_it(sky: SkyMap) -> None:
    away = np.degrees(opening_angle(sky.direction, MEAN[None]))
    row = int(np.abs(away - 10.0).argmin())
    exact = 1 - np.exp(-KAPPA * (1 - np.cos(np.radians(away[row]))))
    assert sky.content_at(sky.direction[row]) == pytest.approx(exact, abs=0.02)
    assert sky.content.min() == sky.probability[sky.best]


def test_a_centre_lies_in_its_pixel(sky: SkyMap) -> None:
    np.testing.assert_array_equal(sky.rows_at(sky.direction), np.arange(len(sky)))


def test_a_contour_level_divides_the_region_from_the_rest(sky: SkyMap) -> None:
    height = sky.log_density(sky.direction[None])[0]
    np.testing.assert_array_equal(height > sky.contour_level(0.5)[0], sky.region(0.5))


def test_what_lies_outside_a_picture_has_no_density(sky: SkyMap) -> None:
    height = sky.log_density(np.array([[[np.nan, 0.0, 0.0], MEAN]]))[0]
    assert np.isnan(height[0])
    assert height[1] == pytest.approx(np.log(sky.density.max()))


def test_the_border_of_a_region_lies_at_its_radius(sky: SkyMap) -> None:
    (line,) = sky.borders(0.9)
    away = np.degrees(opening_angle(line, MEAN[None]))
    assert np.abs(away - sky.radius_deg(0.9)).max() < 1.5
