import pytest

from icereco.detector.detector import load_detector
from icereco.errors import IcerecoError
from icereco.model.checkpoint import load_checkpoint, save_checkpoint
from icereco.model.model import build_model
from icereco.profiles import load_profile
from icereco.runs.folder import RunFolder
from icereco.trained.library import Library
from icereco.trained.new_card import new_card
from icereco.tui.events.files import models_to_use, weights_of


@pytest.fixture
def run(tmp_path):
    profile, detector = load_profile("quick"), load_detector("icecube86")
    run = RunFolder.create(tmp_path / "runs", "trained")
    save_checkpoint(run.best, build_model(profile, detector), profile, detector, {})
    run.write_status("finished", best_median_deg=12.34)
    return run


def test_runs_and_models_can_be_chosen_by_name(tmp_path, run):
    library = Library(tmp_path / "built-in", tmp_path / "own")
    for name in ("kept", run.name):
        library.add(new_card(name, load_checkpoint(run.best), None), run.best)
    choices = dict(models_to_use(tmp_path / "runs", library, ["kept"]))
    assert choices[run.name] == "finished, median 12.3°"
    assert choices["kept"] == "a model of yours, icecube86 · in use"
    assert weights_of(run.name, tmp_path / "runs", library)() == run.best
    assert weights_of("kept", tmp_path / "runs", library)() == library.find("kept").weights()
    with pytest.raises(IcerecoError, match="did you mean 'kept'"):
        weights_of("keep", tmp_path / "runs", library)


def test_without_a_run_or_a_model_there_is_nothing_to_choose(tmp_path):
    assert models_to_use(tmp_path / "runs", Library(tmp_path / "built-in", None), ()) == []
