import pytest
from click.testing import CliRunner
from reconstruct_driver import OVERRIDES

from icereco.cli import main
from icereco.detector.detector import load_detector
from icereco.model.checkpoint import save_checkpoint
from icereco.model.model import build_model
from icereco.profiles import load_profile


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory):
    """A small model with the weights that it starts with."""
    profile = load_profile("quick", OVERRIDES)
    detector = load_detector(profile.detector)
    path = tmp_path_factory.mktemp("model") / "small.safetensors"
    save_checkpoint(path, build_model(profile, detector), profile, detector, {"step": 0})
    return path


@pytest.fixture
def invoke(tmp_path, monkeypatch):
    """The command line in this process, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return lambda *args: CliRunner().invoke(main, [str(arg) for arg in args])
