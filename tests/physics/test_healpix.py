"""Pixels of several sizes: where they are, and the borders of what they cover."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icereco.physics import healpix
from icereco.physics.sphere import angles_from_direction, opening_angle


def corners(lines: list[np.ndarray]) -> set[tuple[float, ...]]:
    return {tuple(np.round(point, 9) + 0.0) for line in lines for point in line}


@pytest.mark.parametrize("order", [0, 1, 4])
def test_the_pixels_of_an_order_cover_the_sphere(order: int) -> None:
    number = np.arange(12 * 4**order)
    assert healpix.area_sr(np.full_like(number, order)).sum() == pytest.approx(4 * np.pi)
    centres = healpix.centres(np.full_like(number, order), number)
    np.testing.assert_array_equal(healpix.pixels_at(order, centres), number)


def test_pixel_zero_lies_where_the_standard_puts_it() -> None:
    """Górski et al. (2005), section 5.2: the first pixel of nside 1 has cos θ = 2/3 and φ = 45°."""
    azimuth, zenith = angles_from_direction(healpix.centres(np.array([0]), np.array([0])))
    assert np.cos(zenith[0]) == pytest.approx(2 / 3)
    assert np.degrees(azimuth[0]) == pytest.approx(45.0)


@settings(max_examples=30)
@given(st.integers(0, 12), st.data())
def test_numbers_name_pixels_of_all_sizes(order: int, data: st.DataObject) -> None:
    pixel = np.array([data.draw(st.integers(0, 12 * 4**order - 1))])
    named = healpix.from_uniq(healpix.uniq(np.array([order]), pixel))
    assert (named[0][0], named[1][0]) == (order, pixel[0])


def test_the_parts_of_a_pixel_lie_within_it() -> None:
    pixel = np.array([0, 17, 191])
    parts = healpix.parts(pixel, finer=2)
    centres = healpix.centres(np.full(parts.size, 4), parts.ravel())
    np.testing.assert_array_equal(healpix.pixels_at(2, centres), np.repeat(pixel, 16))


def test_neighbours_touch() -> None:
    pixel = np.arange(12 * 4**2)
    near = healpix.neighbours(2, pixel)
    centre = healpix.centres(np.full_like(pixel, 2), pixel)
    known = near >= 0
    other = healpix.centres(np.full(known.sum(), 2), near[known])
    away = np.degrees(opening_angle(other, np.broadcast_to(centre, (8, len(pixel), 3))[known]))
    assert away.max() < 2.2 * 58.6 / 4


def test_the_whole_sphere_has_no_border() -> None:
    assert healpix.borders(np.full(48, 1), np.arange(48)) == []


@pytest.mark.parametrize("pixel", [0, 3, 100])
def test_a_pixel_in_parts_has_the_border_of_the_whole(pixel: int) -> None:
    parts = healpix.parts(np.array([pixel]), finer=2)[0]
    coarse = np.full(4, 3)
    mixed = healpix.borders(np.r_[coarse[1:], np.full(4, 4)], np.r_[parts[4::4] >> 2, parts[:4]])
    whole = healpix.borders(np.array([4] * 16), parts)
    assert len(mixed) == len(whole) == 1
    assert corners(mixed) == corners(whole)
    assert corners(whole) >= corners(list(healpix.outlines(2, np.array([pixel]), 1)))


def test_a_hole_has_a_border_of_its_own() -> None:
    hole = healpix.pixels_at(3, np.array([[0.6, 0.0, 0.8]]))
    around = np.setdiff1d(np.arange(768), hole)
    (line,) = healpix.borders(np.full(len(around), 3), around)
    np.testing.assert_array_equal(line[0], line[-1])
    assert corners([line]) == corners(list(healpix.outlines(3, hole, 1)))


def test_regions_that_touch_at_a_corner_have_closed_borders() -> None:
    pixels = np.array([0, 3])  # of one parent, at its opposite corners
    lines = healpix.borders(np.full(2, 4), pixels)
    assert sum(len(line) - 1 for line in lines) == 8
    for line in lines:
        np.testing.assert_allclose(line[0], line[-1], atol=1e-12)
