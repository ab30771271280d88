"""Sizes of contours: areas are those of a fine grid, circles hold what they say, and company changes nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from icereco.events.region_sizes import region_sizes
from icereco.events.vmf_mixture import VmfMixture
from icereco.physics import healpix
from icereco.physics.sphere import opening_angle
from icereco.physics.vmf import probability_inside

HELD = (0.5, 0.9)
ORDER = 8
SQUARE = 4 * np.pi / (12 * 4**ORDER)
X = np.array([1.0, 0.0, 0.0])


def along(*latitudes_deg):
    """Unit vectors on the meridian of x."""
    latitude = np.radians(np.array(latitudes_deg))
    return np.stack([np.cos(latitude), np.zeros_like(latitude), np.sin(latitude)], -1)


def mixture(weights, means, kappas):
    return VmfMixture(np.array([weights]), means[None], np.array([kappas], float))


SHAPES = {
    "nearly round": mixture([0.5, 0.5], along(-1, 1), [400, 300]),
    "elongated": mixture([1 / 3] * 3, along(-8, 0, 8), [200] * 3),
    "two maxima": mixture([0.7, 0.3], along(-40, 50), [80, 300]),
    "narrow on wide": mixture([0.6, 0.4], along(0, 0), [1000, 2]),
}


@pytest.fixture(scope="module")
def sky():
    pixel = np.arange(12 * 4**ORDER)
    return healpix.centres(np.full_like(pixel, ORDER), pixel)


def on_a_grid(posterior, direction, sky, held):
    """Area, and radius of the circle, that hold a probability, from all pixels."""
    density = np.exp(posterior.log_density(sky[None])[0])
    order = np.argsort(-density)
    area = (np.cumsum(density[order]) * SQUARE < held).sum() * SQUARE
    away = opening_angle(sky, direction)
    near = np.argsort(away)
    return area, away[near][(np.cumsum(density[near]) * SQUARE < held).sum()]


@pytest.mark.parametrize("shape", SHAPES)
def test_sizes_are_those_of_a_fine_grid(shape, sky):
    posterior = SHAPES[shape]
    direction = posterior.mode
    for held, size in zip(HELD, region_sizes(posterior, direction, HELD), strict=True):
        area, radius = on_a_grid(posterior, direction, sky, held)
        assert size.area_sr[0] == pytest.approx(area, rel=0.03)
        if np.isfinite(size.radius_rad[0]):
            assert size.radius_rad[0] == pytest.approx(radius, rel=0.03)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ("nearly round", [True, True]),
        ("elongated", [False, False]),
        ("two maxima", [False, False]),
        ("narrow on wide", [True, True]),
    ],
)
def test_a_circle_is_given_where_the_region_is_nearly_round(shape, expected):
    posterior = SHAPES[shape]
    sizes = region_sizes(posterior, posterior.mode, HELD)
    assert [bool(np.isfinite(size.radius_rad[0])) for size in sizes] == expected


@given(st.floats(0, 1e9), st.floats(0.01, 0.99))
def test_one_component_is_the_closed_form(kappa, held):
    (size,) = region_sizes(VmfMixture.single(X[None], np.array([kappa])), X[None], (held,))
    assert probability_inside(size.radius_rad, np.array([kappa]))[0] == pytest.approx(held)
    assert size.area_sr[0] == pytest.approx(4 * np.pi * np.sin(size.radius_rad[0] / 2) ** 2)


@pytest.mark.parametrize("kappa", [0.0, 1.0, 1e8])
def test_equal_components_are_one(kappa):
    one = region_sizes(VmfMixture.single(X[None], np.array([kappa])), X[None], HELD)
    two = region_sizes(mixture([0.4, 0.6], along(0, 0), [kappa, kappa]), X[None], HELD)
    for first, second in zip(one, two, strict=True):
        assert second.area_sr == pytest.approx(first.area_sr, rel=0.01)
        assert second.radius_rad == pytest.approx(first.radius_rad, rel=0.02)


def test_events_without_a_density_have_no_sizes():
    posterior = SHAPES["elongated"].take(np.array([0, -1, 0]))
    direction = np.stack([X, X, np.full(3, np.nan)])
    for size in region_sizes(posterior, direction, HELD):
        assert np.isfinite(size.area_sr).tolist() == [True, False, False]
    nothing = SHAPES["elongated"].take(np.zeros(0, np.int64))
    assert len(region_sizes(nothing, np.zeros((0, 3)), HELD)[0].area_sr) == 0


def test_company_changes_nothing():
    random = np.random.default_rng(3)
    many = VmfMixture(
        random.multinomial(128, random.dirichlet(np.full(20, 0.1), 300)) / 128, along(*random.uniform(-30, 30, 20))[None].repeat(300, 0),
        10 ** random.uniform(0, 4, (300, 20)),
    )  # fmt: skip
    direction = many.mean[:, 0]
    together = region_sizes(many, direction, HELD)
    for row in range(0, 300, 37):
        alone = many.take(np.array([row])).pruned(0.999999)
        for whole, single in zip(together, region_sizes(alone, direction[[row]], HELD), strict=True):
            assert single.area_sr[0] == pytest.approx(whole.area_sr[row], rel=1e-9)
            assert single.radius_rad[0] == pytest.approx(whole.radius_rad[row], rel=1e-9, nan_ok=True)


def cells(events, order=3, kappa=67.0):
    """Posteriors of cells that all events share: their weights, and the cells."""
    _, pixel = healpix.whole_sphere(order)
    centre = healpix.centres(np.full_like(pixel, order), pixel)
    random = np.random.default_rng(11)
    truth = VmfMixture.single(X[None], np.zeros(1)).sample(events)[0]
    height = 10 ** random.uniform(0.5, 2, (events, 1)) * (truth @ centre.T)
    weight = np.exp(height - height.max(axis=1, keepdims=True) + random.normal(size=height.shape))
    return weight / weight.sum(axis=1, keepdims=True), centre, np.full(len(centre), kappa)


def test_components_that_events_share_give_the_sizes_of_their_own():
    weight, centre, kappa = cells(40)
    shared = VmfMixture.of_common(weight, centre, kappa).pruned()
    own = VmfMixture(weight, centre[None].repeat(40, 0), kappa[None].repeat(40, 0)).pruned()
    assert shared.common is not None
    assert own.common is None
    direction = own.mode
    assert shared.mode == pytest.approx(direction, abs=2e-3)
    pairs = zip(region_sizes(shared, direction, HELD), region_sizes(own, direction, HELD), strict=True)
    for one, other in pairs:
        apart = np.abs(one.area_sr / other.area_sr - 1)
        assert np.median(apart) < 0.01
        assert apart.max() < 0.1
        both = np.isfinite(one.radius_rad) & np.isfinite(other.radius_rad)
        assert both.mean() > 0.5
        assert one.radius_rad[both] == pytest.approx(other.radius_rad[both], rel=0.1)


def test_shared_components_in_company_are_as_alone():
    weight, centre, kappa = cells(300)
    shared = VmfMixture.of_common(weight, centre, kappa).pruned()
    together = region_sizes(shared, shared.mode, HELD)
    for row in (0, 150, 299):
        alone = shared.take(np.array([row]))
        for whole, single in zip(together, region_sizes(alone, alone.mode, HELD), strict=True):
            assert single.area_sr[0] == pytest.approx(whole.area_sr[row], rel=1e-5)
            assert single.radius_rad[0] == pytest.approx(whole.radius_rad[row], rel=1e-4, nan_ok=True)
