"""The map of a sweep: numbers, bars and lines that tell runs apart without colours."""

import pytest

from icereco.draw.canvas.braille import Canvas
from icereco.draw.sweep import Sweep, SweepInk, SweepRun, draw_sweep

INK = SweepInk(0xFFFFFF, 0x888888, 0xFFFF00, 0)


def grid(*results: float | None, here: int = -1, **more) -> Sweep:
    """Two rates by three numbers of layers, rates first."""
    places = [(rate, layers) for rate in ("0.001", "0.01") for layers in ("1", "2", "3")]
    runs = tuple(SweepRun(place, result, n == here) for n, (place, result) in enumerate(zip(places, results, strict=False)))  # fmt: skip
    return Sweep(("rate", "layers"), (("0.001", "0.01"), ("1", "2", "3")), "median [°]", runs, **more)


def cube(*results: float | None, here: int = -1) -> Sweep:
    runs = tuple(SweepRun((str(n % 2), str(n // 2 % 2), str(n // 4)), result, n == here) for n, result in enumerate(results))  # fmt: skip
    return Sweep(("a", "b", "c"), (("0", "1"),) * 3, "loss", runs)


def lines_of(sweep: Sweep, size: tuple[int, int], marker: str = "braille") -> list[str]:
    canvas = Canvas(*size, marker)
    draw_sweep(canvas, sweep, INK)
    return [line.rstrip() for line in canvas.cells().lines()]


def test_a_grid_has_the_result_of_every_run_and_marks_the_best_and_the_chosen():
    lines = lines_of(grid(30.0, 20.0, 10.0, 25.0, None, here=3), (60, 5))
    assert lines[0].split() == ["rate", "→"]
    assert lines[1].split() == ["layers", "0.001", "0.01"]
    assert [line.split()[:2] for line in lines[2:]] == [["1", "30"], ["2", "20"], ["3", "★10"]]
    assert "‹25›" in lines[2]
    assert lines[3].endswith("…")  # it has no result yet
    assert lines[4].endswith("-")  # it was not started


def test_better_results_have_longer_bars_in_any_marker():
    for marker in ("braille", "ascii"):
        lines = lines_of(grid(30.0, 20.0, 10.0), (60, 5), marker)
        bars = [sum(not sign.isalnum() and sign not in " ★-." for sign in line[8:]) for line in lines[2:5]]
        assert bars[0] < bars[1] < bars[2]


def test_of_some_results_the_highest_is_the_best():
    assert "★30" in "".join(lines_of(grid(30.0, 20.0, higher_is_better=True), (60, 5)))


def test_runs_that_differ_in_nothing_else_share_a_cell_with_the_best_of_them():
    runs = tuple(SweepRun(("1",), result) for result in (3.0, 2.0, None))
    lines = lines_of(Sweep(("layers",), (("1",),), "loss", runs), (40, 3))
    assert "★2×3" in lines[2]


def test_parallel_coordinates_have_an_axis_for_each_setting_and_the_result_with_the_best_on_top():
    lines = lines_of(cube(5.0, 4.0, 3.0, 2.0, 1.0, here=1), (80, 20))
    assert lines[0].split() == ["a", "b", "c", "loss"]
    assert lines[1].endswith("★1")
    assert lines[-1].split()[-1].endswith("5")
    assert (
        sum(line.count("┤") for line in lines) == 2 * 3 + 3
    )  # values, and the best, the worst and the chosen


def test_the_best_line_differs_from_the_others_without_colours():
    assert lines_of(cube(1.0, 2.0), (80, 40))[2:] != lines_of(cube(2.0, 1.0), (80, 40))[2:]


@pytest.mark.parametrize("size", [(0, 0), (5, 2), (20, 3), (30, 4), (13, 40)])
@pytest.mark.parametrize("sweep", [grid(3.0, 2.0, 1.0), cube(3.0, 2.0), cube(None), grid()])
def test_there_may_be_little_room_or_no_result(sweep, size):
    assert len(lines_of(sweep, size)) == size[1]


def test_what_has_no_room_is_counted():
    runs = tuple(SweepRun((str(n), "1"), float(n)) for n in range(9))
    sweep = Sweep(("layers", "rate"), (tuple(map(str, range(9))), ("1",)), "loss", runs)
    assert lines_of(sweep, (40, 6))[-1] == "+6 more"
    many = cube(1.0, 2.0)
    assert "+2 settings" in lines_of(many, (30, 6))[0]
