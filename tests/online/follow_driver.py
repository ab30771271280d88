"""A process that follows a folder, for tests."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

QUICKLY = ("--poll-seconds", "0.05")


def begin(cwd: Path, *arguments: object) -> subprocess.Popen:
    """`icereco follow` in its own process."""
    command = [sys.executable, "-m", "icereco", "follow", *map(str, arguments), *QUICKLY]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "NO_COLOR": "1"}
    return subprocess.Popen(
        command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_for(condition, process: subprocess.Popen, seconds: float = 90.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.01)


def entries(output: Path) -> dict[str, list[dict]]:
    """The lines of the ledger by file."""
    found: dict[str, list[dict]] = {}
    ledger = output / "follow.jsonl"
    for line in ledger.read_text().splitlines() if ledger.is_file() else ():
        entry = json.loads(line)
        found.setdefault(entry["file"], []).append(entry)
    return found
