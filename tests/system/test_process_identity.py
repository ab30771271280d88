"""A live process is distinguished from a dead one on systems with and without /proc."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from icereco.system import process_identity
from icereco.system.process_identity import birth_mark, is_alive


@pytest.fixture(params=["proc", "no proc"])
def system(request, monkeypatch):
    if request.param == "no proc":
        monkeypatch.setattr(process_identity, "_PROC", Path("/nowhere"))


@pytest.mark.usefixtures("system")
def test_a_process_lives_until_it_ends_even_before_its_parent_asks():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    mark = birth_mark(process.pid)
    assert mark not in (None, birth_mark())
    assert is_alive(process.pid, mark)
    assert not is_alive(process.pid, "another")
    process.stdin.close()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert not is_alive(process.pid, mark)
    process.wait()
    assert not is_alive(process.pid, mark)
