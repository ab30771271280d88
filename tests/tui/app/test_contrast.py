"""Text can be told from its ground: on every screen and in every window, in every theme that knows its colours."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.style import Style
from textual.pilot import Pilot
from textual.screen import ModalScreen
from tui_driver import drive, make_run, text_of, until

from icereco.draw.canvas.colormap import luminance, packed
from icereco.runs.jobs import JobFolder
from icereco.runs.notes import write_notes
from icereco.testing.random_events import random_events
from icereco.tui.themes import CURVES, THEMES, curve_color

READABLE = 4.5
"""Of WCAG 2.1 for text."""

LETTERS = re.compile(r"[^\W_]")
NO_LETTERS = re.compile("[⠀-⣿]")  # of pictures

SCREENS = {
    "train": ("best 12.50°", [["down", "space", "up", "b", "left"], ["t"], ["i"], ["a"], ["n"], ["f"], ["question_mark"], ["ctrl+p"]]),
    "events": ("pulses", [["j"], ["l"], ["slash", "p"], ["D"], ["o"], ["h"], ["h"], ["C"]]),
    "profiles": ("extends", [["down"], ["v"]]),
    "components": ("flex-attention", [["down"]]),
    "data": ("icecube86", [["down"]]),
    "jobs": ("waiting", [["down"]]),
    "models": ("built in", [["down"]]),
}  # fmt: skip
"""What each screen shows once it is there, and the keys whose effects are looked at."""


def contrast(one: int, other: int) -> float:
    low, high = sorted(float(luminance(color)) + 0.05 for color in (one, other))
    return high / low


def colors_of(style: Style) -> tuple[int, int] | None:
    """Those of the letters and of their ground; None where the terminal decides."""
    if style.color is None or style.bgcolor is None or style.color.is_default or style.bgcolor.is_default:
        return None
    pair = tuple(packed(color.get_truecolor()) for color in (style.color, style.bgcolor))
    return pair[::-1] if style.reverse else pair


def faint(pilot: Pilot[None]) -> Iterator[str]:
    """Every text that is hard to read; behind a window nothing has to be."""
    screen = pilot.app.screen
    for y, strip in enumerate(screen._compositor.render_strips()):
        x = 0
        for segment in strip:
            text, width = segment.text, segment.cell_length
            colors = colors_of(segment.style) if segment.style else None
            if LETTERS.search(text) and not NO_LETTERS.search(text) and colors is not None:
                behind = isinstance(screen, ModalScreen) and screen.get_widget_at(x, y)[0] is screen
                if not behind and contrast(*colors) < READABLE:
                    yield f"{text.strip()!r} {colors[0]:06x} on {colors[1]:06x}: {contrast(*colors):.2f}"
            x += width


@pytest.fixture
def content(tmp_path, monkeypatch) -> None:
    """Runs in every state, events with reconstructions, and jobs."""
    monkeypatch.setattr(JobFolder, "_start_worker", lambda _self, _job: None)
    for name, phase in (("calm-muon", "finished"), ("pale-kaon", "stopped"), ("sad-pion", "failed")):
        write_notes(make_run(tmp_path / "runs", name, phase), "#tag")
    JobFolder(tmp_path / "runs").submit(["train"], "d-run", tmp_path, queued=True)
    events = random_events(np.array([60, 400, 150, 40, 90]), seed=2)
    pq.write_table(events, tmp_path / "events.parquet")
    angles = {
        f"{name}_{angle}": np.linspace(0, most, len(events))
        for name in ("fit", "other")
        for angle, most in (("azimuth", 6), ("zenith", 3))
    }
    pq.write_table(pa.table({"event_id": events["event_id"], **angles}), tmp_path / "fits.parquet")


async def close_windows(pilot: Pilot[None]) -> None:
    while len(pilot.app.screen_stack) > 1:
        pilot.app.screen.dismiss(None)
        await pilot.pause()


@pytest.mark.parametrize("mode", SCREENS)
@pytest.mark.parametrize("theme", [theme.name for theme in THEMES])
@pytest.mark.usefixtures("content", "own_model")
def test_text_can_be_read_on_its_ground(mode, theme):
    words, looks = SCREENS[mode]

    async def scenario(pilot):
        pilot.app.action_mode(mode)
        await until(pilot, lambda: words in text_of(pilot), 30.0)
        found = set(faint(pilot))
        for keys in looks:
            await pilot.press(*keys)
            await pilot.pause(0.3)
            found |= {f"after {keys[-1]}: {one}" for one in faint(pilot)}
            await close_windows(pilot)
        assert not found, "\n".join(sorted(found))

    drive(scenario, (120, 40), theme=theme, events="events.parquet", beside=(Path("fits.parquet"),))


@pytest.mark.parametrize("under", [0x000000, 0x0B0E14, 0xFBFCFE, 0xFFFFFF])
def test_the_letters_and_names_of_curves_can_be_read_and_their_colours_stay_distinct(under):
    colors = [curve_color(number, under) for number in range(len(CURVES))]
    assert min(contrast(color, under) for color in colors) >= READABLE
    assert len(set(colors)) == len(CURVES)
