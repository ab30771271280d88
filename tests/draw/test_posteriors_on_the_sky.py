"""Contours of several methods and of a scan of the likelihood."""

from dataclasses import replace

import numpy as np
import pytest
from event_states import PALETTE, drawn, state_of

from icereco.draw.canvas.braille import Canvas
from icereco.draw.event.sky import SCAN, draw_all_sky, draw_sky_zoom, zoom_center, zoom_radius
from icereco.draw.event.state import POSTERIORS
from icereco.draw.event.titles import titles_of
from icereco.events.reconstruction import Estimate
from icereco.events.sky_map import SkyMap
from icereco.events.vmf_mixture import VmfMixture
from icereco.physics import healpix
from icereco.physics.sphere import direction_from_angles, opening_angle

MAIN, OTHER = (direction_from_angles(np.array(azimuth), np.array(1.4)) for azimuth in (1.0, 1.3))


def method(name: str, direction: np.ndarray, kappa: float) -> Estimate:
    posterior = VmfMixture(np.ones((1, 1)), direction[None, None], np.array([[kappa]]))
    return Estimate(name, direction, posterior)


@pytest.fixture
def state(detector):
    return state_of(
        detector, [100], method("fit", MAIN, 3000.0), method("net", OTHER, 100.0), Estimate("line", -MAIN)
    )


def map_around(direction: np.ndarray, kappa: float = 50.0) -> SkyMap:
    order, pixel = healpix.whole_sphere(5)
    return SkyMap(order, pixel, 2.0 * kappa * (healpix.centres(order, pixel) @ direction), 2.0)


def colors(state, draw=draw_sky_zoom) -> set[int]:
    canvas = Canvas(60, 20)
    draw(canvas, state, PALETTE)
    cells = canvas.cells()
    return set((cells.foreground[cells.character > 0x2800] & 0xFFFFFF).ravel().tolist())


def with_posteriors(state, wanted: str):
    return replace(state, style=replace(state.style, posteriors=wanted))


def test_contours_of_all_methods_are_drawn_unless_only_the_main_one_is_wanted(state):
    assert PALETTE.method(1) in colors(state)
    assert PALETTE.method(1) not in colors(with_posteriors(state, "main"))
    assert PALETTE.method(0) in colors(with_posteriors(state, "main"))
    assert PALETTE.method(0) not in colors(with_posteriors(state, "none"))


def test_a_contour_has_the_mark_of_its_method_so_that_colours_are_not_needed(state):
    assert sum(line.count("2") for line in drawn(draw_sky_zoom, state)[1:-1]) == 2  # direction, and contour


def test_the_title_names_the_contours_by_their_marks(state, detector):
    assert [titles_of(with_posteriors(state, wanted), "", detector)["zoom"][1] for wanted in POSTERIORS] == [
        "50 %, 90 % of + 2",
        "50 %, 90 % of +",
        "",
    ]


def test_the_zoom_holds_the_contours_that_are_drawn(state):
    away, reach = float(opening_angle(MAIN, OTHER)), np.arccos(1 + np.log(0.1) / 100.0)
    assert zoom_radius(state) > away + 0.8 * reach
    near = replace(with_posteriors(state, "main"), estimates=state.estimates[:1])
    assert zoom_radius(near) < np.radians(5.0)


def test_a_scan_is_drawn_and_looked_at(state, detector):
    scanned = replace(state, scan=map_around(OTHER))
    assert zoom_center(scanned) == pytest.approx(OTHER, abs=0.02)
    assert PALETTE.selection in colors(scanned)
    assert PALETTE.selection in colors(scanned, draw_all_sky)
    assert PALETTE.selection not in colors(state)
    assert any(SCAN in line for line in drawn(draw_sky_zoom, scanned))
    titles = titles_of(scanned, "", detector)
    assert titles["zoom"] == ("around the scan", "50 %, 90 % of + 2 *")
    assert "* scan" in titles["sky"][1]


def test_a_second_maximum_of_a_scan_is_within_the_zoom(state):
    both = map_around(MAIN, 200.0)
    second = map_around(OTHER, 200.0)
    scan = replace(both, log_likelihood=np.maximum(both.log_likelihood, second.log_likelihood - 0.1))
    assert zoom_radius(replace(state, estimates=(), scan=scan)) > float(opening_angle(MAIN, OTHER))


def test_a_method_far_from_a_narrow_contour_does_not_widen_the_zoom(detector):
    away = direction_from_angles(np.array(1.0), np.array(1.4 + np.radians(30.0)))
    line, fit = Estimate("line", away), method("fit", MAIN, 30_000.0)
    assert zoom_radius(state_of(detector, [100], fit, line)) < np.radians(2.0)
    assert zoom_radius(state_of(detector, [100], line, Estimate("fit", MAIN))) > np.radians(30.0)
