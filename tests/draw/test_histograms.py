"""Histograms: what they count, and where they are drawn."""

import numpy as np
import pytest

from icereco.draw.canvas.braille import Canvas
from icereco.draw.histograms import Histogram, draw_histograms


def test_every_number_that_can_be_shown_is_counted_once():
    values = np.array([1.0, 10.0, 100.0, 0.0, -3.0, np.nan, np.inf])
    counts, low, high = Histogram("all", values).counts(4)
    assert (counts.sum(), low, high) == (5, -3.0, 100.0)
    counts, low, high = Histogram("log", values, log=True).counts(2)
    assert (counts.tolist(), low, high) == ([1, 2], 1.0, 100.0)


@pytest.mark.parametrize("values", [[], [7.0, 7.0, 7.0]])
def test_few_or_equal_numbers_are_drawn_too(values):
    canvas = Canvas(30, 6)
    draw_histograms(canvas, [Histogram("pulses", np.array(values), log=True)], [1], 2, 3)
    lines = canvas.cells().lines()
    assert lines[0].split() == (["pulses", "median", "7"] if values else ["pulses", "none"])
    assert any("⣿" in line for line in lines) == bool(values)


@pytest.mark.parametrize(("size", "shown"), [((60, 6), "abc"), ((30, 6), "ab"), ((14, 15), "abc"), ((14, 6), "a"), ((60, 40), "abc"), ((3, 2), "a"), ((0, 0), "")])  # fmt: skip
def test_histograms_share_the_room_that_there_is(size, shown):
    canvas = Canvas(*size)
    draw_histograms(canvas, [Histogram(name * 3, np.arange(9.0)) for name in "abc"], [1], 2, 3)
    text = "".join(canvas.cells().lines())
    assert [name for name in "abc" if name * 3 in text] == [name for name in shown if size[1] > 2]


@pytest.mark.parametrize(("rows", "beside"), [(40, 1), (30, 2), (20, 3)])
def test_with_many_rows_histograms_are_below_each_other(rows, beside):
    canvas = Canvas(80, rows)
    draw_histograms(canvas, [Histogram(name * 3, np.arange(9.0)) for name in "abc"], [1], 2, 3)
    first = canvas.cells().lines()[0]
    assert sum(name * 3 in first for name in "abc") == beside
