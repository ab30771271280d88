from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from icereco.cli import main
from icereco.detector.detector import detector_names, load_detector
from icereco.draw.detector_text import side_view, top_view


@pytest.fixture
def square(detector):
    """Four strings at the corners of a square of 100 m, three modules each, and a dead one far away."""
    string = np.repeat(np.arange(5), 3)
    place = np.array([(0, 0), (100, 0), (0, 100), (100, 100), (900, 900)], np.float32)[string]
    z = np.tile(np.array([-10, 0, 30], np.float32), 5)
    first = {
        name: getattr(detector, name)[: len(string)]
        for name in ("om", "quantum_efficiency", "noise_rate_hz", "dom_id")
        if getattr(detector, name) is not None
    }
    return replace(
        detector,
        **first,
        string=string,
        position_m=np.column_stack([place, z]),
        alive=string < 4,
    )


def test_strings_are_drawn_where_they_are_and_dead_ones_are_not(square):
    lines = top_view(square, columns=20, rows=28)
    cells = [line.partition("┤")[2] for line in lines[:-2]]
    assert len(cells) == 10, "a cell is twice as high as it is wide"
    assert cells[0] == cells[-1] == "●" + " " * 18 + "●"
    assert not "".join(cells[1:-1]).strip()
    assert lines[-2].split() == ["0", "100"]


def test_every_module_in_use_is_counted_at_its_height(square):
    unknown = replace(square.medium, scattering_length_m=None, absorption_length_m=None)
    lines = side_view(replace(square, medium=unknown))[1:-2]
    numbers = [int(line.split()[-1]) for line in lines]
    assert [number for number in numbers if number] == [4, 4, 4]


@pytest.mark.parametrize("name", detector_names())
def test_every_detector_is_drawn_on_a_narrow_screen(name):
    detector = load_detector(name)
    lines = top_view(detector) + side_view(detector)
    assert max(map(len, lines)) <= 92
    strings = len(np.unique(detector.string[detector.alive]))
    assert 1 <= "".join(lines).count("●") <= strings
    assert all(
        line.isascii() for line in top_view(detector, ascii_only=True) + side_view(detector, ascii_only=True)
    )


def test_show_lists_what_is_not_in_the_card():
    result = CliRunner(catch_exceptions=False).invoke(main, ["detectors", "show", "pone"])
    assert "not in the card: absorption, scattering, dark noise" in result.stdout
    assert "Bailly et al." in result.stdout
