"""A slow connection: the same picture in fewer bytes, and nothing is drawn without need."""

import asyncio
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icereco.draw.canvas.ansi import shortened
from icereco.tui.app import IcerecoApp
from icereco.tui.settings import Settings
from icereco.tui.ssh import over_ssh, sparing_driver

COLORS = ("0;0;0", "215;48;39", "11;14;20")
STYLES = [
    ";".join(filter(None, (attribute, f"38;2;{color}", background)))
    for attribute in ("", "1", "4", "7", "1;3")
    for color in COLORS
    for background in ("48;2;11;14;20", "48;2;26;35;48", "")
] + ["31", "94;42", "38;5;9;48;5;200", "1", "39;49"]
TEXTS = st.sampled_from([" ", "   ", "⣿⡇", "a b", "\x1b[3;7H", "\n", " \x1b[2J "])


def screen_of(sequence: str) -> list[tuple[str, ...]]:
    """Every character with the attributes, foreground and background with which a terminal would show it."""
    shown, attributes, colors = [], set(), {"3": "", "4": ""}
    for token in re.split(r"(\x1b\[[0-9;]*m|\x1b\[[0-9;]*[A-Z])", sequence):
        if token.endswith("m") and token[0] == "\x1b":
            for code in re.findall(r"[34]8;(?:2;\d+;\d+;\d+|5;\d+)|\d+", token[2:-1]) or ["0"]:
                kind = {"9": "3", "1": "4"}.get(code[0], code[0]) if len(code) > 1 else ""
                if code == "0":
                    attributes, colors = set(), {"3": "", "4": ""}
                elif kind:
                    colors[kind] = "" if code in ("39", "49") else code
                else:
                    attributes.add(code)
        elif token.startswith("\x1b"):
            shown.append((token, colors["4"] if token.endswith("J") else ""))
        else:
            for letter in token:
                plain = letter == " " and not attributes & {"4", "7"}
                look = () if plain else (colors["3"], *sorted(attributes))
                shown.append((letter, colors["4"], *look))
    return shown


@given(st.lists(st.tuples(st.sampled_from(STYLES), TEXTS), max_size=12))
def test_fewer_bytes_show_the_same(runs):
    sequence = "".join(f"\x1b[{style}m{text}\x1b[0m" for style, text in runs)
    short = shortened(sequence)
    assert screen_of(short) == screen_of(sequence)
    assert len(short) <= len(sequence)
    assert shortened(short) == short


def test_only_the_colour_that_changes_is_written_between_neighbours():
    runs = "\x1b[38;2;1;2;3;48;2;9;9;9mab\x1b[0m\x1b[38;2;4;5;6;48;2;9;9;9m \x1b[0m\x1b[38;2;7;8;9;48;2;9;9;9mc\x1b[0m"
    assert shortened(runs) == "\x1b[38;2;1;2;3;48;2;9;9;9mab \x1b[38;2;7;8;9mc\x1b[0m"


@pytest.mark.parametrize(("ssh", "other"), [(False, None), (True, "textual.drivers.web_driver:WebDriver")])
def test_output_is_shortened_only_over_ssh(monkeypatch, ssh, other):
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
    monkeypatch.delenv("TEXTUAL_DRIVER", raising=False)
    if ssh:
        monkeypatch.setenv("SSH_CONNECTION", "1.2.3.4 5 6.7.8.9 22")
        assert sparing_driver() is not None
    if other:
        monkeypatch.setenv("TEXTUAL_DRIVER", other)
    assert over_ssh() is ssh
    assert sparing_driver() is None


def test_a_screen_is_not_drawn_while_what_it_shows_stays_the_same(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    async def run() -> None:
        app = IcerecoApp(Settings(tmp_path / "runs", events=str(tmp_path / "none.parquet")))
        async with app.run_test() as pilot:
            while app.system is None:
                await pilot.pause(0.01)
            await pilot.pause(0.1)
            drawn = []
            monkeypatch.setattr(app.screen, "refresh", lambda *_, **__: drawn.append(1))
            first = app.system
            while app.system is first:  # the load of the machine, which only the training screen shows
                app.look()
                await pilot.pause(0.05)
            await pilot.pause(0.1)
            assert not drawn

    asyncio.run(run())
