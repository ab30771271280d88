import time

import pytest
from click.testing import CliRunner
from reconstruct_driver import OVERRIDES, SIZES, written

from icereco.cli import main
from icereco.detector.detector import load_detector
from icereco.model.checkpoint import save_checkpoint
from icereco.model.model import build_model
from icereco.profiles import load_profile
from icereco.reconstruction.methods import model_method, untrained_method
from icereco.runs.folder import RunFolder


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A small model with the weights that it starts with."""
    profile = load_profile("quick", OVERRIDES)
    detector = load_detector(profile.detector)
    path = tmp_path_factory.mktemp("model") / "small.safetensors"
    save_checkpoint(path, build_model(profile, detector), profile, detector, {"step": 0})
    return path


@pytest.fixture(params=["model", "linefit"])
def method(request):
    if request.param == "linefit":
        return untrained_method("linefit", "icecube86")
    return model_method(request.getfixturevalue("checkpoint"))


@pytest.fixture
def invoke(tmp_path, monkeypatch):
    """The command line in this process, which spares starting Python for each case."""
    monkeypatch.chdir(tmp_path)
    return lambda *args: CliRunner().invoke(main, [str(arg) for arg in args])


@pytest.fixture
def folder_with_run(tmp_path, checkpoint):
    """A working folder with a finished run and an older one."""
    for name in ("older", "newest"):
        folder = RunFolder.create(tmp_path / "runs", name)
        folder.best.write_bytes(checkpoint.read_bytes())
        folder.write_status("finished")
        time.sleep(0.02)
    written(tmp_path / "events.parquet", SIZES)
    return tmp_path
