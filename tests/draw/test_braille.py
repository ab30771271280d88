"""The canvas of dots: drawings become the right characters in the right colours."""

import numpy as np
import pytest

from icereco.draw.canvas.braille import BOLD, UNDERLINE, Canvas
from icereco.draw.canvas.markers import MARKERS
from icereco.errors import IcerecoError

RED, GREEN, BLUE = 0xFF0000, 0x00FF00, 0x0000FF


def shown(canvas: Canvas) -> list[str]:
    return canvas.cells().lines()


def test_each_braille_dot_is_where_unicode_says():
    characters = []
    for y in range(4):
        for x in range(2):
            canvas = Canvas(1, 1)
            canvas.points(x, y, RED)
            characters += shown(canvas)
    assert "".join(characters) == "⠁⠈⠂⠐⠄⠠⡀⢀"


@pytest.mark.parametrize("marker", MARKERS.values(), ids=lambda marker: marker.name)
def test_only_a_cell_without_lit_dots_is_blank(marker):
    assert chr(marker.glyphs[0]) == " "
    assert len(marker.glyphs) == 2 ** (marker.across * marker.down)
    assert 32 not in marker.glyphs[1:].tolist()


@pytest.mark.parametrize("marker", MARKERS)
def test_a_full_canvas_is_one_run_of_full_cells(marker):
    canvas = Canvas(5, 2, marker)
    canvas.spans(np.arange(canvas.width), 0, canvas.height, RED)
    full = {"braille": "⣿", "quadrant": "█", "block": "█", "ascii": "#"}[marker]
    assert shown(canvas) == [full * 5] * 2
    assert all(len(row) == 1 for row in canvas.segments(0))


def test_the_ascii_marker_uses_only_ascii():
    assert all(32 <= code < 127 for code in MARKERS["ascii"].glyphs.tolist())


def test_what_is_outside_or_not_a_number_is_not_drawn():
    canvas = Canvas(3, 2)
    canvas.points([-0.5, 6, np.nan, 1, np.inf], [0, 0, 0, 8, 1], RED)
    canvas.spans([1, np.nan, 2], [9, 0, np.nan], [20, 5, 3], RED)
    canvas.path([np.nan, np.nan], [1, 2], RED)
    canvas.text(1, -1, "above", RED)
    canvas.text(1, 2, "below", RED)
    assert shown(canvas) == ["   ", "   "]


def test_lines_from_far_away_are_cut_to_the_canvas_quickly():
    canvas = Canvas(10, 5)
    canvas.lines([-1e12], [-1e12], [1e12], [1e12], RED)
    near = Canvas(10, 5)
    near.lines([0], [0], [20], [20], RED)
    assert shown(canvas) == shown(near)


def test_a_line_leaves_no_gap_and_dashes_do():
    canvas = Canvas(20, 1)
    canvas.lines(0, 0, 39, 3, RED)
    assert " " not in shown(canvas)[0]
    dashed = Canvas(20, 1)
    dashed.lines(0, 0, 39, 3, RED, dash=4)
    assert " " in shown(dashed)[0]


def test_a_cell_shows_only_the_highest_layer_in_whatever_order_layers_are_drawn():
    canvas = Canvas(2, 1)
    canvas.points(0, 0, GREEN, layer=2)
    canvas.spans([0, 1, 2, 3], 0, 3, RED, layer=1)
    cells = canvas.cells()
    assert cells.lines() == ["⠁⣿"]
    assert cells.foreground.tolist() == [[GREEN, RED]]


def test_within_a_layer_the_last_one_drawn_gives_the_color():
    canvas = Canvas(1, 1)
    canvas.points([0, 1], [0, 0], [RED, GREEN])
    assert canvas.cells().foreground.tolist() == [[GREEN]]
    assert shown(canvas) == ["⠉"]


def test_discs_grow_with_their_radius_and_later_ones_cover_earlier_ones():
    def lit(radius: float) -> int:
        canvas = Canvas(20, 10)
        canvas.discs(20, 20, radius, RED)
        characters = "".join(shown(canvas)).replace(" ", "")
        return sum((ord(character) - 0x2800).bit_count() for character in characters)

    areas = [lit(radius) for radius in (0, 1, 2, 4, 8)]
    assert areas[0] == 1
    assert areas == sorted(areas)
    assert areas[-1] == pytest.approx(np.pi * 64, rel=0.1)
    canvas = Canvas(4, 2)
    canvas.discs([4, 4], [4, 4], [3, 1], [RED, GREEN])
    assert canvas.cells().foreground[1, 2] == GREEN


def test_half_blocks_show_two_colors_in_a_cell():
    canvas = Canvas(1, 1, "block")
    canvas.points([0, 0], [0, 1], [RED, GREEN])
    cells = canvas.cells()
    assert (cells.lines(), cells.foreground.tolist(), cells.background.tolist()) == (
        ["▀"],
        [[RED]],
        [[GREEN]],
    )


def test_text_covers_dots_and_is_cut_at_the_edges():
    canvas = Canvas(4, 1)
    canvas.spans(np.arange(8), 0, 3, RED)
    canvas.text(-1, 0, "xab", GREEN | BOLD)
    canvas.text(3, 0, "cd", BLUE)
    assert shown(canvas) == ["ab⣿c"]
    first = canvas.segments(0)[0][0]
    assert first.style.bold
    assert first.style.color.get_truecolor() == (0, 255, 0)


def test_an_image_lies_behind_the_dots():
    canvas = Canvas(3, 1)
    canvas.image(np.array([[RED, RED, -1], [GREEN, RED, -1]]))
    canvas.points(2, 0, BLUE)
    cells = canvas.cells()
    assert cells.lines() == ["▀⠁ "]
    assert cells.foreground[0].tolist()[:2] == [RED, BLUE]
    assert cells.background.tolist() == [[GREEN, RED, -1]]


def test_the_ascii_marker_shows_an_image_by_shades():
    canvas = Canvas(2, 1, "ascii")
    canvas.image(np.array([[0x000000, 0xFFFFFF]] * 2))
    assert shown(canvas) == [" @"]
    assert canvas.cells(0xFFFFFF).lines() == ["@ "]


def test_blanks_do_not_split_a_run_unless_they_would_show():
    canvas = Canvas(5, 1)
    canvas.text(0, 0, "a", RED)
    canvas.text(4, 0, "b", RED)
    assert len(canvas.segments(0)[0]) == 1
    canvas.text(0, 0, "a", RED | UNDERLINE)
    assert [segment.text for segment in canvas.segments(0)[0]] == ["a", "   ", "b"]


@pytest.mark.parametrize("size", [(0, 0), (0, 3), (3, 0), (-2, 1)])
def test_a_canvas_without_room_draws_nothing(size):
    canvas = Canvas(*size)
    canvas.points([0.0], [0.0], RED)
    canvas.lines(0, 0, 5, 5, RED)
    canvas.discs([0], [0], [2], RED)
    canvas.spans([0], [0], [1], RED)
    assert len(canvas.segments(0)) == max(size[1], 0)


def test_strips_are_as_wide_as_the_canvas():
    canvas = Canvas(7, 3)
    canvas.rings(7, 6, 5, RED)
    assert [sum(segment.cell_length for segment in row) for row in canvas.segments(0)] == [7] * 3


def test_an_unknown_marker_is_refused_with_the_nearest_name():
    with pytest.raises(IcerecoError, match=r"no marker called 'brale'; did you mean 'braille'"):
        Canvas(1, 1, "brale")
