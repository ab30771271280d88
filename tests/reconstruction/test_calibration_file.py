"""The calibration of a method without weights: written, read, applied to that method and no other."""

import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

import icereco
from icereco.cli import main
from icereco.detector.detector import load_detector
from icereco.errors import IcerecoError
from icereco.events.reconstruction import Reconstruction
from icereco.events.vmf_mixture import VmfMixture
from icereco.reconstruction.calibration_file import CalibrationFile
from icereco.reconstruction.methods import Method
from icereco.training.calibration import unseen_by

COMPONENTS = 40


def too_narrow(batch):
    """Directions some 11° off, whose posteriors of many densities claim 4°."""
    random = np.random.default_rng(int(batch.event_id[0]))
    direction = batch.truth.direction + 0.14 * random.normal(size=(len(batch), 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    around = VmfMixture.single(direction, np.full(len(batch), 2000.0)).sample(COMPONENTS)
    weight = np.full((len(batch), COMPONENTS), 1 / COMPONENTS)
    return Reconstruction(direction, VmfMixture(weight, around, np.full(weight.shape, 400.0)))


@pytest.fixture(scope="module")
def events():
    return icereco.simulate(400, seed=4)


@pytest.fixture(scope="module")
def method():
    options = {"method_options": {"form": "all"}}
    return Method("narrow", load_detector("icecube86"), too_narrow, 10**6, 100, provenance=options)


@pytest.fixture(scope="module")
def written(events, method, tmp_path_factory):
    """The file of a calibration to the first half of the events."""
    path = tmp_path_factory.mktemp("calibration") / "narrow.json"
    seen = unseen_by(too_narrow, [events[:100], events[100:200]], 512)
    CalibrationFile.of(method, seen.recalibrations(), {"events": len(seen)}).write(path)
    return path


def inside(made, events, level):
    return float((made.posterior.content(events.truth.direction) <= level).mean())


def test_a_method_with_its_calibration_holds_what_it_says_on_other_events(events, method, written):
    others = events[200:]
    before = too_narrow(others)
    calibrated = CalibrationFile.read(written).applied(method, written)
    after = calibrated.reconstruct(others)
    assert inside(before, others, 0.5) < 0.2
    assert inside(after, others, 0.5) == pytest.approx(0.5, abs=0.12)
    assert inside(after, others, 0.9) == pytest.approx(0.9, abs=0.08)
    assert np.array_equal(after.direction, before.direction)
    assert calibrated.provenance["calibration"]["events"] == 200


def test_posteriors_of_more_densities_than_wanted_are_left_out(events):
    seen = unseen_by(too_narrow, [events[:200]], COMPONENTS - 1)
    assert seen.made.posterior is None
    assert not seen.recalibrations()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "other"}, "calibration of narrow"),
        ({"provenance": {"method_options": {"form": "first"}}}, "form"),
    ],
)
def test_another_method_or_other_options_are_refused(method, written, change, said):
    with pytest.raises(IcerecoError, match=said):
        CalibrationFile.read(written).applied(replace(method, **change), written)


@pytest.mark.parametrize(
    "damage",
    [
        lambda document: document.pop("icereco_calibration"),
        lambda document: document.pop("options"),
        lambda document: document["fitted"].update(spin={}),
        lambda document: document["fitted"]["direction"].pop("scale"),
        lambda document: document["fitted"]["direction"].update(scale="wide"),
    ],
)
def test_a_damaged_file_is_called_one(written, tmp_path, damage):
    document = json.loads(written.read_text())
    damage(document)
    path = tmp_path / "damaged.json"
    path.write_text(json.dumps(document))
    with pytest.raises(IcerecoError, match="is no calibration of a method"):
        CalibrationFile.read(path)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("calibrate", "--data", "x"), "name one thing to calibrate"),
        (("calibrate", "run", "--method", "linefit", "--data", "x"), "name one thing to calibrate"),
        (("calibrate", "--method", "linefit", "--data", "x"), "-o OUT.json"),
        (("calibrate", "--method", "linefit", "--data", "x", "-o", "x.json"), "directions alone"),
        (
            ("reconstruct", "x", "--method", "linefit", "--calibration", "none.json"),
            "there is no file none.json",
        ),
        (("reconstruct", "x", "--model", "fast", "--calibration", "none.json"), "give it with --method"),
    ],
)
def test_what_cannot_be_calibrated_is_said(arguments, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ICERECO_CACHE", str(tmp_path / "cache"))
    assert CliRunner().invoke(main, ["simulate", "--events", "5", "-o", "x"]).exit_code == 0
    result = CliRunner().invoke(main, list(arguments))
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())
