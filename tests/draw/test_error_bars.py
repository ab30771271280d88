"""Bars of errors: how long they are, and what there is room for."""

import pytest

from icereco.draw.canvas.braille import Canvas
from icereco.draw.error_bars import ErrorBar, ErrorGroup, draw_error_bars

GROUPS = [
    ErrorGroup("all", (ErrorBar("fast", 10.0, 20.0), ErrorBar("own", 5.0, 40.0))),
    ErrorGroup("cascade", (ErrorBar("fast", 20.0, 30.0),)),
]


def lines_of(columns: int, rows: int) -> list[str]:
    canvas = Canvas(columns, rows)
    draw_error_bars(canvas, GROUPS, [1, 2], 3, 4)
    return [line.rstrip() for line in canvas.cells().lines()]


def test_bars_have_one_scale_and_their_numbers():
    lines = lines_of(61, 8)
    assert [line.split()[-2:] for line in lines if "━" in line] == [["10.00", "20.00"], ["5.00", "40.00"], ["20.00", "30.00"]]  # fmt: skip
    assert [(line.count("━"), line.count("━") + line.count("╌")) for line in lines if "━" in line] == [(10, 20), (5, 40), (20, 30)]  # fmt: skip
    assert (lines[0], lines[4]) == ("all", "cascade")


@pytest.mark.parametrize(("size", "first"), [((61, 4), "all"), ((61, 2), "… 2 more"), ((10, 8), ""), ((0, 0), None)])  # fmt: skip
def test_groups_without_room_are_counted(size, first):
    lines = lines_of(*size)
    assert (lines[0] if lines else None) == first
    if first == "all":
        assert lines[3] == "… 1 more"
