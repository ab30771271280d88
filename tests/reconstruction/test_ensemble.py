"""Several trained models that reconstruct together."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from reconstruct_driver import OVERRIDES, SIZES, written

import icereco
from icereco.detector.detector import load_detector
from icereco.errors import IcerecoError
from icereco.model.checkpoint import save_checkpoint
from icereco.model.model import build_model
from icereco.profiles import load_profile
from icereco.reconstruction.ensemble import ensemble
from icereco.reconstruction.methods import untrained_method
from icereco.runs.folder import RunFolder
from icereco.tables.saved_reconstructions import read_reconstructions


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    """Two small models of different seeds and one of another detector, none of them trained."""
    folder = tmp_path_factory.mktemp("models")
    return [
        saved(folder / f"{seed}.safetensors", seed, name)
        for seed, name in enumerate(["icecube86", "icecube86", "pone"])
    ]


def saved(path, seed, detector):
    profile = load_profile("quick", OVERRIDES)
    card = load_detector(detector)
    torch.manual_seed(seed)
    save_checkpoint(path, build_model(profile, card), profile, card, {"step": 0})
    return path


@pytest.fixture
def folder(tmp_path, checkpoints):
    for name, path in zip("ab", checkpoints, strict=False):
        run = RunFolder.create(tmp_path / "runs", name)
        shutil.copy(path, run.best)
        run.write_status("finished")
    written(tmp_path / "events.parquet", SIZES)
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_the_posterior_of_two_runs_is_the_mean_of_theirs(invoke):
    for name, chosen in {"a": "--run a", "b": "--run b", "both": "--run a --run b"}.items():
        done = invoke("reconstruct", "events.parquet", *chosen.split(), "-o", f"{name}.parquet")
        assert done.exit_code == 0, done.output
    assert "the average of run a, run b" in done.stderr
    of = {name: read_reconstructions(Path(f"{name}.parquet")) for name in ("a", "b", "both")}
    seen = np.isfinite(of["a"].reconstruction.direction).all(1)
    points = np.broadcast_to(np.eye(3), (seen.sum(), 3, 3))

    def density(name):
        posterior = of[name].reconstruction.posterior.as_mixture()
        return np.exp(posterior.take(np.flatnonzero(seen)).log_density(points))

    np.testing.assert_allclose(density("both"), (density("a") + density("b")) / 2, rtol=1e-3)
    members = of["both"].provenance["ensemble"]
    assert [member["run"] for member in members] == ["a", "b"]
    assert invoke("evaluate", "both.parquet").exit_code == 0


@pytest.mark.usefixtures("folder")
def test_runs_and_models_are_averaged_together_whatever_the_company_of_an_event(invoke, checkpoints):
    done = invoke("reconstruct", "events.parquet", "--run", "a", "--model", checkpoints[1], "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["used"] == f"the average of run a, checkpoint {checkpoints[1]}"
    events = icereco.read_events("events.parquet")
    model = icereco.ensemble([icereco.load_model(path) for path in checkpoints[:2]])
    whole = model(events)
    saved_too = read_reconstructions(Path("events.reco.parquet")).reconstruction
    np.testing.assert_allclose(saved_too.direction, whole.direction, atol=1e-5)
    np.testing.assert_allclose(model(events[3:5]).direction, whole.direction[3:5], atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--run a --run a", "run a is given more than once"),
        ("--run a --run c", "'c'"),
        ("--run a --method linefit", "cannot be combined"),
        ("--run a --run b --detector icecube86", "cannot be combined"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_what_cannot_be_averaged_is_refused(invoke, arguments, words):
    done = invoke("reconstruct", "events.parquet", *arguments.split())
    assert done.exit_code == 2, done.output
    assert words in done.stderr


def test_models_of_different_detectors_are_refused(checkpoints):
    members = [icereco.load_model(path) for path in checkpoints[1:]]
    with pytest.raises(IcerecoError, match=r"1\.safetensors was trained for icecube86 and .*2\.safetensors"):
        ensemble(members)


def test_a_method_without_posterior_is_refused(checkpoints):
    with pytest.raises(IcerecoError, match="method linefit gives directions without a posterior"):
        ensemble([icereco.load_model(checkpoints[0]), untrained_method("linefit", "icecube86")])
