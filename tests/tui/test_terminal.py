"""Where the app is started without a terminal that can show it, and the end of its terminal."""

import os
import pty
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

COMMAND = [sys.executable, "-m", "icereco", "tui"]


def started(folder, term: str = "xterm-256color", **streams) -> subprocess.Popen:
    return subprocess.Popen(COMMAND, cwd=folder, env=os.environ | {"TERM": term}, **streams)


@pytest.fixture
def terminal():
    ours, theirs = pty.openpty()
    yield theirs
    for end in (ours, theirs):
        os.close(end)


@pytest.mark.parametrize("missing", ["stdin", "stdout", "stderr"])
def test_without_a_terminal_it_ends_with_one_line(tmp_path, terminal, missing):
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    streams = {"stdin": terminal, "stdout": terminal} | {missing: pipes[missing], "stderr": subprocess.PIPE}
    process = started(tmp_path, **streams)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 2
    (line,) = error.decode().splitlines()
    assert "needs a terminal" in line
    assert "icereco tail RUN" in line


def test_it_ends_with_its_terminal_also_where_a_hang_up_is_ignored(tmp_path):
    ours, theirs = pty.openpty()
    process = started(
        tmp_path, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )  # fmt: skip
    os.close(theirs)
    drawn, deadline = b"", time.monotonic() + 60
    while b"No runs yet" not in drawn:
        assert time.monotonic() < deadline
        drawn += os.read(ours, 1 << 16)
    assert process.poll() is None
    os.close(ours)
    process.wait(timeout=30)


def test_a_terminal_that_cannot_place_text_is_refused(monkeypatch):
    from icereco.errors import IcerecoError
    from icereco.tui import terminal

    class Terminal:
        encoding = "utf-8"

        def isatty(self) -> bool:
            return True

    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, Terminal())
    monkeypatch.delenv("TEXTUAL_DRIVER", raising=False)
    monkeypatch.setenv("TERM", "dumb")
    with pytest.raises(IcerecoError, match="TERM is 'dumb'"):
        terminal.require_terminal()
    monkeypatch.setenv("TERM", "xterm")
    terminal.require_terminal()


@pytest.mark.parametrize(
    ("encoding", "locale", "marker"),
    [
        ("utf-8", "", "braille"),
        ("utf-8", "C", "ascii"),
        ("utf-8", "C.UTF-8", "braille"),
        ("iso8859-1", "", "ascii"),
    ],
)
def test_dots_are_ascii_where_the_terminal_has_nothing_else(monkeypatch, encoding, locale, marker):
    from icereco.tui.terminal import marker_for_terminal

    monkeypatch.setattr(sys, "stderr", SimpleNamespace(encoding=encoding))
    monkeypatch.setenv("LC_ALL", locale)
    assert marker_for_terminal() == marker
