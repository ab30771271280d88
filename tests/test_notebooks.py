"""The notebooks run from top to bottom, are stored without outputs, and are small."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "notebooks"
NOTEBOOKS = sorted(path.stem for path in FOLDER.glob("*.ipynb"))
FEWER = {"first_look": {"EVENTS": 4, "FITTED": 1}, "train_and_compare": {"EVENTS": 300, "TESTED": 100}}
SLOW = {"train_and_compare"}
MOST_BYTES = 20_000


def cells(name):
    return json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]


def code(name):
    return ["".join(cell["source"]) for cell in cells(name) if cell["cell_type"] == "code"]


def script(name):
    """The code of a notebook with fewer events than its first cell asks for."""
    first, *others = code(name)
    for variable, number in FEWER.get(name, {}).items():
        first, replaced = re.subn(
            rf"^{variable} = [\d_]+", f"{variable} = {number}", first, flags=re.MULTILINE
        )
        assert replaced == 1
    return "\n\n".join([first, *others])


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_is_stored_without_outputs(name):
    stored = [cell for cell in cells(name) if cell["cell_type"] == "code"]
    assert [cell for cell in stored if cell["outputs"] or cell["execution_count"] is not None] == []
    assert (FOLDER / f"{name}.ipynb").stat().st_size < MOST_BYTES


# Training, calibration and report take more than ten seconds with any number of events.
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in NOTEBOOKS]
)
def test_a_notebook_runs(name, tmp_path):
    if name == "your_own_plugin":
        for needed in ("pip", "hatchling"):
            pytest.importorskip(needed, reason="the notebook installs a package, here without downloading")
    (tmp_path / "notebook.py").write_text(script(name), encoding="utf-8")
    environment = {
        **os.environ,
        "MPLBACKEND": "Agg",
        "PIP_NO_BUILD_ISOLATION": "false",  # pip's way to say that hatchling is there already
        "PIP_NO_INDEX": "1",
    }
    result = subprocess.run(
        [sys.executable, "notebook.py"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
        timeout=280,
    )
    assert result.returncode == 0, result.stdout + result.stderr
