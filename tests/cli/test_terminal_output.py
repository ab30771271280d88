"""What reaches the terminal: text from files is shown but never obeyed, in whatever encoding the terminal has."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.dom import minidom

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import icereco.cli
from icereco.cli import main
from icereco.draw.export.shapes import Shapes, Text
from icereco.draw.export.svg import svg_of
from icereco.runs.folder import RunFolder
from icereco.system.terminal_text import printable
from icereco.testing.random_events import random_events

ESCAPES = "\x1b]0;title\x07\x1b]52;c;aGk=\x07\x9b2J\x1b[31m\r\u202e"
RICH = re.compile(r"\x1b\[[0-9;]*m|\r?(?:\x1b\[1A)?\x1b\[2K|\x1b\[\?25[lh]")
"""Colours, and what moves a progress bar."""


@pytest.fixture
def events(tmp_path):
    """Events with escape sequences in the name of the file, of a column, and in the kinds."""
    table = random_events(np.full(40, 12), seed=3)
    path = tmp_path / f"events{ESCAPES}.parquet"
    pq.write_table(table.append_column(f"more{ESCAPES}", table["event_id"]), path)
    return path


def said(*arguments, **variables) -> str:
    command = [sys.executable, "-P", "-m", "icereco", *map(str, arguments)]
    result = subprocess.run(
        command, capture_output=True, env=os.environ | variables, timeout=120, check=False
    )
    assert b"Traceback" not in result.stderr, result.stderr.decode()
    return (result.stdout + result.stderr).decode(errors="replace")


@pytest.mark.parametrize(
    "command", [("data", "show"), ("doctor",), ("evaluate",), ("compare",)], ids=" ".join
)
@pytest.mark.parametrize("terminal", [False, True])
def test_nothing_in_a_file_of_events_is_obeyed(events, command, terminal):
    variables = {"FORCE_COLOR": "1", "TERM": "xterm-256color"} if terminal else {}
    output = RICH.sub("", said(*command, events, **variables))
    assert "events" in output
    assert printable(output) == output


def test_nothing_in_a_run_is_obeyed(tmp_path):
    run = RunFolder(tmp_path / f"run{ESCAPES}")
    run.checkpoints.mkdir(parents=True)
    run.write_status("failed", message=f"message{ESCAPES}")
    run.write_profile(f"name = {json.dumps(f'profile{ESCAPES}')}\n")
    run.append_metrics({"step": 1, f"train/{ESCAPES}": 1.0})
    run.log.write_text(f"log{ESCAPES}\n")
    for command in ((), ("--json",)):
        output = CliRunner().invoke(main, ["runs", "--runs-dir", str(tmp_path), *command]).output
        assert "run" in output
        assert printable(output) == output
    for command in ((), ("--once",)):
        output = CliRunner().invoke(main, ["tail", "--runs-dir", str(tmp_path), run.name, *command]).output
        assert "run" in output
        assert printable(output) == output


def test_every_command_prints_through_the_place_that_makes_text_harmless():
    places = {"echo.py", "console.py", "tui.py"}
    for path in Path(icereco.cli.__file__).parent.rglob("*.py"):
        if path.name not in places:
            source = path.read_text(encoding="utf-8")
            assert "click.echo(" not in source, path
            assert "rich.console import Console" not in source, path


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
@pytest.mark.parametrize("command", [("data", "show"), ("doctor", "--no-speed"), ("plugins",)], ids=" ".join)
def test_an_encoding_that_lacks_signs_gets_question_marks(tmp_path, encoding, command):
    path = tmp_path / "events.parquet"
    pq.write_table(random_events(np.full(40, 12), seed=3), path)
    words = command if command == ("plugins",) else (*command, path)
    assert "?" in said(*words, PYTHONIOENCODING=encoding) or encoding != "ascii"


def test_a_picture_of_a_file_with_control_characters_in_its_name_is_well_formed():
    shapes = Shapes(10, 1, 0, texts=[Text(0, 0, f"name{ESCAPES}", 0)])
    minidom.parseString(svg_of(shapes))
