"""Names of the lines on maps of the sky, and marks that can be read on bright parts."""

import re

import numpy as np
import pytest

from icereco.draw.canvas.braille import Canvas
from icereco.draw.canvas.palette import palette_on
from icereco.draw.canvas.sky import AllSky, Zoom
from icereco.draw.event.sky import draw_density, write_mark
from icereco.draw.event.sky_grid import draw_grid
from icereco.events.vmf_mixture import VmfMixture
from icereco.physics.sphere import angles_from_direction, direction_from_angles

PALETTE = palette_on(0x0B0E14)


def named(canvas: Canvas) -> list[tuple[float, float, int]]:
    """The numbers with a degree sign: value, middle column, row."""
    return [
        (float(found[0][:-1]), (found.start() + found.end() - 1) / 2, row)
        for row, line in enumerate(canvas.cells().lines())
        for found in re.finditer(r"[\d.]+°", line)
    ]


def angles_at(canvas: Canvas, sky: AllSky | Zoom, column: float, row: float) -> tuple[float, float]:
    """Azimuth and zenith in degrees at a cell."""
    x, y = (
        np.array([place])
        for place in ((column + 0.5) * canvas.marker.across, (row + 0.5) * canvas.marker.down)
    )
    azimuth, zenith = angles_from_direction(sky.directions(x, y))
    return float(np.degrees(azimuth[0])), float(np.degrees(zenith[0]))


@pytest.mark.parametrize(("columns", "rows"), [(30, 9), (44, 10), (56, 18)])
def test_the_whole_sky_names_zenith_at_its_rim_and_azimuth_below_the_horizon(columns, rows):
    canvas = Canvas(columns, rows)
    draw_grid(canvas, AllSky(canvas.width, canvas.height), PALETTE)
    names = named(canvas)
    horizon = next(row for value, column, row in names if value == 90 and column < columns / 5)
    below = [(value, column) for value, column, row in names if row == horizon + 1]
    assert [value for value, _ in below][-3:] == [90, 0, 270]
    assert below[-2][1] == pytest.approx(columns / 2, abs=2)
    rim = [(row, value) for value, column, row in names if column < columns / 3 and row != horizon + 1]
    assert [value for _, value in sorted(rim)] == [30, 60, 90, 120, 150]


def test_the_horizon_is_brighter_than_the_other_lines():
    canvas = Canvas(56, 18)
    draw_grid(canvas, AllSky(canvas.width, canvas.height), PALETTE)
    color = canvas.cells().foreground
    bright = [row for row in range(18) if (color[row] == PALETTE.label).sum() > 30]
    assert len(bright) == 1
    assert bright[0] == pytest.approx(9, abs=1)


@pytest.mark.parametrize("zenith", [12.0, 60.0, 88.0, 131.0])
@pytest.mark.parametrize("radius", [0.6, 5.0, 30.0])
def test_names_around_a_direction_are_those_of_the_angles_there(zenith, radius):
    canvas = Canvas(56, 14)
    center = direction_from_angles(*np.radians([[200.0], [zenith]]))[0]
    sky = Zoom(center, float(np.radians(radius)), canvas.width, canvas.height)
    draw_grid(canvas, sky, PALETTE)
    names = named(canvas)
    cell = 2.5 * radius / 14  # degrees to a row
    assert len(names) > 2
    for value, column, row in names:
        azimuth, there = angles_at(canvas, sky, column, row)
        if row == 0:
            away = abs((azimuth - value + 180) % 360 - 180) * np.sin(np.radians(there))
            assert away < 3 * cell
        else:
            assert abs(there - value) < 3 * cell


def test_a_small_map_has_no_names():
    canvas = Canvas(30, 4)
    draw_grid(canvas, AllSky(canvas.width, canvas.height), PALETTE)
    draw_grid(canvas, Zoom(np.array([1.0, 0.0, 0.0]), 0.1, canvas.width, canvas.height), PALETTE)
    assert named(canvas) == []


def test_a_mark_stands_on_the_background_where_the_density_is_bright():
    canvas, center = Canvas(40, 12), np.array([1.0, 0.0, 0.0])
    sky = Zoom(center, 0.2, canvas.width, canvas.height)
    draw_density(canvas, sky, VmfMixture.single(center[None], np.array([50.0])), PALETTE)
    before = canvas.cells().background
    write_mark(canvas, sky, center, "+", PALETTE.main)
    after = canvas.cells()
    ((row, column),) = np.argwhere(after.character == ord("+")).tolist()
    assert before[row, column] >= 0
    assert after.background[row, column] == -1
    assert (after.background == -1).sum() == (before == -1).sum() + 1
