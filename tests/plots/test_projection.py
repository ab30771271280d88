"""Projections: there and back, distances and areas."""

import numpy as np
import pytest

from icereco.physics.sphere import opening_angle
from icereco.plots.projection import Around, WholeSky


def random_directions(count, seed=1):
    vectors = np.random.default_rng(seed).normal(size=(count, 3))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize("centre", [[0.0, 0.0, 1.0], [0.6, 0.0, 0.8], [0.0, 0.0, -1.0]])
def test_around_a_direction_distances_from_it_are_kept(centre):
    view, directions = Around(np.array(centre)), random_directions(500)
    points = view.points(directions)
    away = np.degrees(opening_angle(directions, np.array(centre)))
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), away)
    np.testing.assert_allclose(view.directions(points), directions, atol=1e-9)
    assert np.isnan(view.directions(np.array([[181.0, 0.0]]))).all()


@pytest.mark.parametrize("middle", [0.0, 120.0, 180.0])
def test_the_whole_sky_is_an_ellipse_and_comes_back(middle):
    view, directions = WholeSky(middle), random_directions(500)
    points = view.points(directions)
    assert ((points[:, 0] / 2) ** 2 + points[:, 1] ** 2).max() <= 1 + 1e-12
    np.testing.assert_allclose(view.directions(points), directions, atol=1e-6)
    assert np.isnan(view.directions(np.array([[1.9, 0.9]]))).all()


def test_the_whole_sky_keeps_areas():
    points = WholeSky().points(random_directions(200_000))
    assert (np.abs(points[:, 1]) < 0.5).mean() == pytest.approx(
        np.arcsin(0.5) * 2 / np.pi + np.sqrt(0.75) / np.pi, abs=0.005
    )


@pytest.mark.parametrize("view", [Around(np.array([1.0, 0.0, 0.0])), WholeSky(0.0)])
def test_up_is_the_zenith_and_longitude_increases_to_the_left(view):
    higher, further = view.points(np.array([[0.99, 0.0, 0.1], [0.99, 0.1, 0.0]]))
    assert higher[1] > 0
    assert further[0] < 0
