"""Exported models give the numbers of the original, for any numbers of events and pulses, in programs without icereco."""

import json
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from icereco import simulate
from icereco.cli import main
from icereco.detector.detector import load_detector
from icereco.errors import IcerecoError
from icereco.events.batch import hit_events
from icereco.events.reconstruction import QUANTITIES, Estimates
from icereco.events.tensor_mixture import TensorMixture
from icereco.events.vmf_mixture import VmfMixture
from icereco.export.comparison import TOLERANCE, arguments_of, columns_of, differences
from icereco.export.components import require_exportable
from icereco.export.contract import INPUTS, KEY
from icereco.export.decoded import COLUMNS, Decoder
from icereco.export.files import opened
from icereco.export.program import exported_program
from icereco.model.checkpoint import load_checkpoint, save_checkpoint
from icereco.model.model import build_model
from icereco.profiles import load_profile
from icereco.tables.assembly import event_batch
from icereco.testing.random_events import random_events
from icereco.trained.library import Library

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "export.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
TINY = ("aggregator.width=8", "aggregator.layers=1", "encoder.layers=2")


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def shipped(name="complete"):
    return load_checkpoint(Library.of_user().find(name).weights())


def events(*pulses):
    return event_batch(random_events(np.array(pulses), seed=1), load_detector("icecube86"))


def saved(path, profile, changes):
    """A small model with weights far from where they start, and the recalibrations of the one in the box."""
    profile, detector, trained = load_profile(profile, changes), load_detector("icecube86"), shipped().model
    model = build_model(profile, detector)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.05 * torch.randn(parameter.shape, generator=generator)
    model.recalibration, model.target_recalibration = trained.recalibration, trained.target_recalibration
    save_checkpoint(path, model, profile, detector, {"events": 12})
    return load_checkpoint(path)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("model") / "small.safetensors", "complete", TINY)


@pytest.fixture(scope="module")
def exported(checkpoint):
    path = checkpoint.path.with_name("small.pt2")
    result = run("export", checkpoint.path, "-o", path)
    assert result.exit_code == 0, result.output
    assert "largest difference from the original" in result.output
    return path


@pytest.mark.parametrize(
    "pulses", [(1,), (2, 1), (30, 4, 1), (1, 3_000), tuple(range(1, 80))], ids=lambda pulses: len(pulses)
)
def test_a_program_gives_the_numbers_of_the_original(exported, checkpoint, pulses):
    found = differences(opened(exported), checkpoint.model, events(*pulses))
    assert list(found) == list(COLUMNS)
    assert max(found.values()) < TOLERANCE


def test_hits_are_cleaned_and_statistics_taken_as_in_the_original(tmp_path):
    small = saved(tmp_path / "fast.safetensors", "fast", ["aggregator.width=8", "encoder.layers=1"])
    program = exported_program(small).module()
    for batch in (events(1), events(2, 1), events(1, 3_000), simulate(30, seed=5)):
        with torch.no_grad():
            found = differences(lambda arguments: program(*arguments), small.model, batch)
        assert list(found) == list(COLUMNS)
        assert max(found.values()) < TOLERANCE


def test_the_order_of_the_pulses_of_an_event_does_not_matter(exported):
    compute, batch = opened(exported), events(40, 25)
    *columns, offsets = arguments_of(batch)
    order = np.concatenate([np.random.default_rng(0).permutation(40), np.arange(40, 65)])
    shuffled = compute((*(column[order] for column in columns), offsets))
    for name, column in compute((*columns, offsets)).items():
        torch.testing.assert_close(shuffled[name], column, rtol=1e-5, atol=1e-5)


def test_events_without_pulses_get_nan_and_change_no_others(exported):
    compute, batch = opened(exported), events(0, 20, 0, 5)
    with_gaps, without = compute(arguments_of(batch)), compute(arguments_of(hit_events(batch)))
    for name, column in with_gaps.items():
        assert column[[0, 2]].isnan().all()
        torch.testing.assert_close(column[[1, 3]], without[name], rtol=1e-5, atol=1e-5)


def test_a_file_describes_its_inputs_its_outputs_and_its_origin(exported, checkpoint):
    files = {KEY: ""}
    torch.export.load(exported, extra_files=files)
    facts = json.loads(files[KEY])
    assert list(facts["inputs"]) == list(INPUTS)
    assert list(facts["outputs"]) == list(COLUMNS)
    assert facts["detector"]["fingerprint"] == checkpoint.detector.fingerprint
    assert facts["provenance"]["events"] == 12
    assert facts["calibration"] == {
        "posterior": True,
        "targets": ["energy", "vertex", "kind", "inelasticity"],
    }
    assert facts["checkpoint_sha256"] == checkpoint.sha256


def without_icereco(example, folder):
    """What the example prints in a process in which importing icereco fails."""
    program = f"import sys; sys.modules['icereco'] = None\n{example}"
    result = subprocess.run(
        [sys.executable, "-I", "-c", program], cwd=folder, capture_output=True, text=True, timeout=200
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_the_example_of_the_page_runs_without_icereco(exported, tmp_path):
    (tmp_path / "complete.pt2").symlink_to(exported)
    (example,) = (one for one in EXAMPLES if "torch" in one)
    assert len(example.splitlines()) <= 20
    assert without_icereco(example, tmp_path).count("azimuth ") == 2


def test_a_checkpoint_is_exported_as_a_checkpoint(checkpoint, tmp_path):
    result = run("export", checkpoint.path, "-o", tmp_path / "copy.safetensors")
    assert result.exit_code == 0, result.output
    copy = load_checkpoint(tmp_path / "copy.safetensors")
    batch = events(9, 30)
    for name, column in columns_of(copy.model.reconstruct(batch)).items():
        np.testing.assert_array_equal(column, columns_of(checkpoint.model.reconstruct(batch))[name])


def test_every_estimate_has_a_column():
    assert set(QUANTITIES) <= set(COLUMNS)
    assert {field.name for field in fields(Estimates)} <= {*COLUMNS, "posterior"}


def test_recalibrated_mixtures_of_several_densities_are_those_of_numpy():
    trained, generator = shipped().model, torch.Generator().manual_seed(0)
    mean = torch.nn.functional.normalize(
        torch.randn(5, 2, 3, generator=generator, dtype=torch.float64), dim=-1
    )
    weight = torch.rand(5, 2, generator=generator, dtype=torch.float64).softmax(-1)
    kappa = torch.rand(5, 2, generator=generator, dtype=torch.float64) * 50
    original = VmfMixture(weight.numpy(), mean.numpy(), kappa.numpy())
    pulses = torch.tensor([1, 5, 70, 800, 20_000])
    tensors = TensorMixture(weight, mean, kappa, torch.from_numpy(original.mode))
    found = Decoder(trained)(Estimates(direction=tensors.mode, posterior=tensors), pulses)
    expected = trained.recalibration(original, pulses.numpy())
    np.testing.assert_allclose(found["posterior_weight"], expected.weight, rtol=1e-9)
    np.testing.assert_allclose(found["posterior_mean"], expected.mean, rtol=1e-9)
    np.testing.assert_allclose(found["posterior_kappa"], expected.concentration, rtol=1e-9)


def test_a_component_that_cannot_be_exported_is_named_with_what_can():
    model = build_model(load_profile("quick", ["encoder.use=edge-conv"]), load_detector("icecube86"))
    with pytest.raises(IcerecoError, match=r"encoder 'edge-conv' of icereco .*can: .*transformer"):
        require_exportable(model)


def test_a_loss_among_several_and_options_that_cannot_be_exported_are_named():
    changes = ["loss.use=kent", "normalizer.pulse_columns={tot=30.0}"]
    model = build_model(load_profile("complete", [*TINY, *changes]), load_detector("icecube86"))
    with pytest.raises(IcerecoError, match=r"normalizer 'relative-time' .* loss 'kent'"):
        require_exportable(model)


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("model.onx", r"did you mean '\.onnx'\? \(allowed: \.pt2, \.onnx, \.safetensors\)"),
        ("model", "a file without suffix"),
        ("taken.pt2", "already exists; choose another name with -o, or replace it with --force"),
    ],
)
def test_a_file_that_cannot_be_written_is_refused_at_once(output, message, tmp_path):
    (tmp_path / "taken.pt2").touch()
    result = run("export", "complete", "-o", tmp_path / output)
    assert result.exit_code == 2
    assert re.search(message, result.stderr)


def test_packages_that_are_missing_are_named_with_how_to_install_them(monkeypatch, tmp_path):
    monkeypatch.setattr("icereco.export.files.find_spec", lambda _: None)
    result = run("export", "complete", "-o", tmp_path / "model.onnx")
    assert result.exit_code == 2
    assert "pip install 'icereco[export]'" in result.stderr


def test_an_unknown_run_names_the_nearest(tmp_path):
    result = run("export", "complet", "-o", tmp_path / "model.pt2")
    assert result.exit_code == 2
    assert "did you mean 'complete'" in result.stderr


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".pt2", ".onnx"])
@pytest.mark.parametrize("name", ["complete", "fast"])
def test_models_in_the_box_agree_on_a_thousand_events(name, suffix, tmp_path):
    path = tmp_path / f"{name}{suffix}"
    result = run("export", name, "-o", path)
    assert result.exit_code == 0, result.output
    compute, model = opened(path), shipped(name).model
    batches = [events(1), events(1, 20_000), *(simulate(100, seed=seed) for seed in range(2, 12))]
    for batch in batches:
        assert max(differences(compute, model, batch).values()) < TOLERANCE
    (example,) = (one for one in EXAMPLES if ("torch" in one) == (suffix == ".pt2"))
    assert len(example.splitlines()) <= 20
    path.rename(tmp_path / f"complete{suffix}")
    assert without_icereco(example, tmp_path).count("azimuth ") == 2
