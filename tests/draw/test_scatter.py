"""Errors against energies: which events are drawn, and where the medians are."""

import numpy as np
import pytest

from icereco.draw.canvas.braille import Canvas
from icereco.draw.scatter import Scatter, ScatterInk, draw_scatter

INK = ScatterInk(1, 2, 3)


def lines_of(scatter: Scatter, size: tuple[int, int]) -> list[str]:
    canvas = Canvas(*size)
    draw_scatter(canvas, scatter, INK)
    return [line.rstrip() for line in canvas.cells().lines()]


def test_what_has_no_place_on_the_axes_is_left_out():
    across, up = np.array([1.0, 0.0, np.nan, 10.0, np.inf]), np.array([1.0, 2.0, 3.0, -1.0, 5.0])
    scatter = Scatter(across, up, ("energy", "error"))
    assert (scatter.across.tolist(), scatter.up.tolist()) == ([1.0], [1.0])


def test_medians_are_those_of_their_bins():
    energy = np.repeat(np.geomspace(1.0, 1e4, 25)[[0, 12, 24]], [5, 5, 2])
    errors = np.concatenate([[1.0, 2.0, 3.0, 50.0, 60.0], [4.0] * 5, [9.0, 9.0]])
    middles, medians = Scatter(energy, errors, ("energy", "error")).medians()
    assert medians.tolist() == [3.0, 4.0]  # too few events are at the highest energy
    assert (np.diff(middles) > 0).all()


def test_greater_errors_are_higher_and_greater_energies_farther_to_the_right():
    lines = lines_of(Scatter(np.array([1.0, 1e4]), np.array([1.0, 100.0]), ("E", "error")), (60, 20))
    dots = [
        (row, column)
        for row, line in enumerate(lines)
        for column, sign in enumerate(line)
        if sign >= "\u2801"
    ]
    (high, right), (low, left) = dots
    assert high < low
    assert left < right
    assert lines[0] == "error"
    assert lines[-1].endswith("E")
    assert {"1", "10"} <= {line[:7].strip() for line in lines}


@pytest.mark.parametrize("size", [(0, 0), (7, 3), (9, 3), (60, 2), (60, 20)])
@pytest.mark.parametrize("values", [[], [5.0], [5.0, 5.0]])
def test_there_may_be_no_events_equal_ones_or_no_room(size, values):
    scatter = Scatter(np.array(values), np.array(values), ("E", "error"))
    assert len(lines_of(scatter, size)) == size[1]
