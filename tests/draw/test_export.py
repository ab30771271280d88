"""PNG and SVG pictures of what a terminal shows, and `icereco view`."""

import re
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from PIL import Image
from rich.segment import Segment
from rich.style import Style

from icereco.cli import main
from icereco.draw.event.targets import energy_text
from icereco.draw.export import png
from icereco.draw.export.save import save_picture
from icereco.draw.export.shapes import shapes_of
from icereco.draw.export.svg import svg_of
from icereco.errors import IcerecoError
from icereco.testing.random_events import random_events

BLACK = 0x000000
RED = Style(color="#ff0000")


def shapes(text, style=RED):
    return shapes_of([[Segment(text, style)]], len(text), BLACK)


def area(text):
    return sum((c - a) * (d - b) for boxes in shapes(text).boxes.values() for a, b, c, d in boxes)


def test_each_braille_dot_is_a_dot_in_its_place():
    dots = shapes("⡁⠈").dots[0xFF0000]
    assert dots == [(0.25, 0.125), (0.25, 0.875), (1.75, 0.125)]


@pytest.mark.parametrize(
    ("character", "part"),
    [("█", 1), ("▀", 0.5), ("▄", 0.5), ("▁", 1 / 8), ("▌", 0.5), ("▐", 0.5), ("▔", 1 / 8), ("▕", 1 / 8), ("▘", 0.25), ("▟", 0.75), ("▚", 0.5)],
)  # fmt: skip
def test_blocks_fill_their_part_of_a_cell(character, part):
    assert area(character) == pytest.approx(part)


def test_box_drawing_joins_from_cell_to_cell():
    left, right, top, bottom = (
        {side for boxes in shapes("┼").boxes.values() for side in (box[i] for box in boxes)}
        for i in (0, 2, 1, 3)
    )
    assert 0 in left
    assert 1 in right
    assert 0 in top
    assert 1 in bottom
    (corner,) = shapes("╭").boxes.values()
    assert min(box[0] for box in corner) > 0.4  # nothing to the left
    assert max(box[2] for box in corner) == 1
    assert area("━") > area("─")


def test_text_keeps_its_place_and_its_style():
    line = [Segment("⣿ ab", Style(color="#00ff00", bold=True)), Segment("c")]
    texts = shapes_of([[], line], 5, BLACK).texts
    assert [(text.column, text.row, text.text, text.bold) for text in texts] == [
        (2, 1, "ab", True),
        (4, 1, "c", False),
    ]
    assert texts[0].color == 0x00FF00


def test_reverse_swaps_and_backgrounds_are_boxes():
    swapped = shapes("x", Style(color="#ff0000", bgcolor="#0000ff", reverse=True))
    assert swapped.texts[0].color == 0x0000FF
    assert swapped.grounds[0xFF0000] == [(0, 0, 1, 1)]


LINES = [[Segment("⣿█ σ=1°", RED)], [Segment("╭──────", Style(color="#00ff00"))]]


@pytest.mark.parametrize(("ground", "dark"), [(0x000000, False), (0x0B0E14, False), (0xFFFFFF, True)])
def test_text_in_the_colour_of_the_terminal_can_be_read_on_its_ground(ground, dark):
    (text,) = shapes_of([[Segment("word", Style())]], 4, ground).texts
    assert (text.color < 0x808080) == dark


@pytest.mark.parametrize("fonts", [png._FONTS, ()], ids=["font of the system", "font of Pillow"])
def test_a_png_shows_the_colors_on_any_machine(fonts, monkeypatch):
    monkeypatch.setattr(png, "_FONTS", fonts)
    png._font.cache_clear()
    picture = Image.open(BytesIO(png.png_of(shapes_of(LINES, 7, BLACK)))).convert("RGB")
    png._font.cache_clear()
    assert picture.size == (7 * 9, 2 * 18)
    pixels = np.asarray(picture)
    assert pixels[9, 13].tolist() == [255, 0, 0]  # in the full block
    assert pixels[:18, 27:].max() > 100  # letters
    assert pixels[18:, 30, 1].max() > 60  # the line


def test_an_svg_is_well_formed_and_holds_real_text():
    root = ET.fromstring(svg_of(shapes_of([[Segment("a<b&", RED)]], 4, BLACK)))
    assert [element.text for element in root.iter() if element.tag.endswith("text")] == ["a<b&"]
    assert root.get("viewBox") == "0 0 36 18"


def test_a_rare_color_among_a_thousand_others_is_kept():
    blocks = [
        Segment("█", Style(color=f"#{red:02x}{blue:02x}40")) for red in range(0, 256, 8) for blue in range(32)
    ]
    lines = [*([block] * 4 for block in blocks), [Segment("x─", Style(color="#00ff00")), Segment("█", RED)]]
    pixels = np.asarray(Image.open(BytesIO(png.png_of(shapes_of(lines, 4, BLACK)))).convert("RGB")).astype(
        int
    )
    assert np.abs(pixels[-9, 22] - [255, 0, 0]).max() < 20
    assert np.abs(pixels[-9, 13] - [0, 255, 0]).max() < 20


def test_strokes_are_whole_pixels_and_smoothed_so_that_a_smaller_svg_keeps_them():
    drawing = svg_of(shapes_of([[Segment("┼", RED)]], 1, BLACK))
    (path,) = re.findall('<path fill="#ff0000" d="([^"]+)"/>', drawing)
    assert all(float(number).is_integer() for number in re.findall(r"[\d.]+", path))


@pytest.mark.parametrize("name", ["picture.gif", "picture"])
def test_another_suffix_is_refused(tmp_path, name):
    with pytest.raises(IcerecoError, match=r"must end in .png or .svg"):
        save_picture(tmp_path / name, LINES, 7, BLACK)
    assert not list(tmp_path.iterdir())


@pytest.fixture
def events(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = random_events(np.array([200, 0, 30]), seed=6)
    pq.write_table(table, "events.parquet")
    return table


def view(*arguments):
    return CliRunner().invoke(main, ["view", "events.parquet", *map(str, arguments)])


def test_view_writes_figures_of_an_event(events, tmp_path):
    event = events["event_id"][0].as_py()
    result = view(
        event, "--png", "a.png", "--svg", "a.svg", "--light", "--turn", 30, "--zoom", 2, "--colors", "cividis"
    )
    assert result.exit_code == 0, result.output
    picture = np.asarray(Image.open("a.png").convert("RGB"))
    assert (picture == 255).all(-1).mean() > 0.5  # mostly paper
    text = Path("a.svg").read_text()
    assert f"event {event}" in text
    assert "linefit" in text


def test_view_shows_the_energy_vertex_and_kind_of_a_reconstruction_beside_the_truth(
    tmp_path, monkeypatch, smeared_events, write_reconstruction
):
    monkeypatch.chdir(tmp_path)
    assert (
        CliRunner()
        .invoke(main, ["simulate", "--events", "9", "--seed", "3", "-o", "events.parquet"])
        .exit_code
        == 0
    )
    events, made = smeared_events
    write_reconstruction(tmp_path / "smeared.parquet", events, made)
    result = view(7, "--with", "smeared.parquet")
    assert result.exit_code == 0, result.output
    truth = events[7].truth
    for name, true in (
        ("energy", energy_text(truth.energy_gev)),
        ("vertex", f"({truth.vertex_m[0]:.0f},"),
        ("cascade", truth.kind.replace("_", " ")),
    ):
        assert re.search(rf"│ [^│]*{name} ", result.output)
        assert f"true {true}" in result.output


def test_view_reports_a_missing_file_of_reconstructions(events):
    result = view(events["event_id"][0].as_py(), "--with", "none.parquet")
    assert result.exit_code == 2
    assert "none.parquet" in result.output


def test_view_reads_with_the_reader_that_is_named(events):
    event = events["event_id"][0].as_py()
    assert view(event, "--reader", "icereco").exit_code == 0
    result = view(event, "--reader", "kaggel")
    assert result.exit_code == 2
    assert "kaggle" in result.output


def test_view_draws_an_event_without_pulses_in_the_terminal(events):
    result = view(events["event_id"][1].as_py(), "--marker", "ascii")
    assert result.exit_code == 0, result.output
    assert "0 pulses" in result.output
    assert result.output.isascii()
    assert max(map(len, result.output.splitlines())) <= 140


@pytest.mark.parametrize(
    ("arguments", "words"),
    [((1, "--png", "a.gif"), "no event_id 1; its 3 events are"), ((7000, "--png", "a.gif"), "must end in"), ((7000, "--detector", "icecub"), "icecube86")],
)  # fmt: skip
def test_view_explains_what_it_cannot_do(events, arguments, words):
    result = view(*arguments)
    assert result.exit_code == 2
    assert words in result.output


def test_view_needs_neither_torch_nor_the_terminal_app(events):
    code = (
        "import sys; from icereco.cli import main\n"
        f"main(['view', 'events.parquet', '{events['event_id'][0].as_py()}', '--svg', 'b.svg'], standalone_mode=False)\n"
        "print({'torch', 'textual', 'icereco.tui'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["wrote", "b.svg", "set()"]
