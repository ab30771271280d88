"""Checkpoints hold all that a reconstruction needs, and nothing that could run."""

import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

import icereco
from icereco.errors import IcerecoError
from icereco.events.target_recalibration import KindRecalibration, TargetRecalibration, VertexRecalibration
from icereco.model.checkpoint import file_hash, load_checkpoint, read_tensors, save_checkpoint, write_tensors
from icereco.model.model import build_model
from icereco.profiles import load_profile
from icereco.tables.assembly import event_batch

SMALL = ("aggregator.width=32", "aggregator.layers=1", "encoder.layers=1")


@pytest.fixture(scope="module")
def profile():
    return load_profile("hierarchical", SMALL)


@pytest.fixture
def saved(tmp_path, profile, detector):
    path = tmp_path / "best.safetensors"
    save_checkpoint(path, build_model(profile, detector, seed=3), profile, detector, {"step": 7})
    return path


def test_the_file_alone_rebuilds_the_model(saved, profile, detector, event_table):
    loaded = load_checkpoint(saved)
    batch = event_batch(event_table.slice(0, 20), detector)
    before = build_model(profile, detector, seed=3).reconstruct(batch)
    after = loaded.model.reconstruct(batch)
    torch.testing.assert_close(after.direction, before.direction, rtol=0, atol=0, equal_nan=True)
    assert loaded.detector.fingerprint == detector.fingerprint
    assert loaded.profile.train == profile.train
    assert loaded.provenance["step"] == 7
    assert loaded.sha256 == file_hash(saved)


def test_constants_of_the_normalizer_come_from_the_file(tmp_path, profile, detector):
    model = build_model(profile, detector)
    model.normalizer.time_scale_ns.fill_(2e3)
    save_checkpoint(tmp_path / "c.safetensors", model, profile, detector, {})
    assert load_checkpoint(tmp_path / "c.safetensors").model.normalizer.time_scale_ns == 2e3


def test_a_recalibration_of_targets_comes_from_the_file(saved, profile, detector):
    assert load_checkpoint(saved).model.target_recalibration is None  # as in files of versions that had none
    model = build_model(profile, detector)
    kind = KindRecalibration(np.asarray(1.5), np.array([0.1, -0.3, 0.2]))
    model.target_recalibration = TargetRecalibration(kind=kind, vertex=VertexRecalibration(np.asarray(2.0)))
    save_checkpoint(saved, model, profile, detector, {})
    loaded = load_checkpoint(saved).model.target_recalibration
    assert set(loaded.parts) == {"kind", "vertex"}
    assert (loaded.kind.temperature, loaded.vertex.factor) == (1.5, 2.0)
    assert loaded.kind.bias.tolist() == kind.bias.tolist()


def test_saving_again_replaces_the_file_whole(saved, profile, detector):
    save_checkpoint(saved, build_model(profile, detector), profile, detector, {"step": 8})
    assert load_checkpoint(saved).provenance["step"] == 8
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


class Bomb:
    def __reduce__(self):
        return pytest.fail, ("a pickle was opened",)


@pytest.mark.parametrize("write", [lambda bomb, path: path.write_bytes(pickle.dumps(bomb)), torch.save])
def test_a_pickle_is_never_opened(tmp_path, write):
    path = tmp_path / "model.pt"
    write(Bomb(), path)
    with pytest.raises(IcerecoError, match="Python pickle"):
        load_checkpoint(path)


@pytest.mark.parametrize("kept", [0, 5, 200, 0.5, 0.99])
def test_a_truncated_file_is_refused(saved, kept):
    whole = saved.read_bytes()
    saved.write_bytes(whole[: kept if isinstance(kept, int) else int(len(whole) * kept)])
    with pytest.raises(IcerecoError, match="damaged or not a checkpoint"):
        load_checkpoint(saved)


_LOAD = """
import sys
from pathlib import Path

import icereco
from icereco.model.checkpoint import load_checkpoint

events = icereco.simulate(5)
print(load_checkpoint(Path(sys.argv[1])).model.reconstruct(events).direction.tolist())
"""


def test_tensors_that_a_component_makes_when_it_is_imported_are_real(tmp_path, detector):
    """Models are first built without memory, to see whether the file fits: nothing of that may last."""
    path, profile = (
        tmp_path / "best.safetensors",
        load_profile("quick", ["loss.use=kent", "aggregator.width=16"]),
    )
    model = build_model(profile, detector, seed=3)
    save_checkpoint(path, model, profile, detector, {})
    fresh = subprocess.run([sys.executable, "-c", _LOAD, path], capture_output=True, text=True, check=False)
    assert fresh.returncode == 0, fresh.stderr
    assert json.loads(fresh.stdout) == pytest.approx(
        model.reconstruct(icereco.simulate(5)).direction, abs=1e-5
    )


def test_a_file_of_the_first_versions_without_a_checksum_is_read(saved):
    with safe_open(saved, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 -- not a dict
        metadata = {name: value for name, value in file.metadata().items() if name != "sha256"}
    save_file(tensors, saved, metadata)
    assert load_checkpoint(saved).profile.name


@pytest.mark.parametrize("place", ["weight", "name of the checksum"])
def test_a_flipped_bit_is_noticed(saved, place):
    content = bytearray(saved.read_bytes())
    content[-3 if place == "weight" else content.index(b'"sha256"') + 3] ^= 1
    saved.write_bytes(content)
    with pytest.raises(IcerecoError, match="is damaged: its content is not what was written"):
        load_checkpoint(saved)


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"detector": "{"}, "cannot be read"),
        ({"detector": "[]"}, "cannot be read"),
        ({"detector": "{}"}, "cannot be read"),
        ({"profile": "name ="}, "cannot be read"),
        ({"provenance": "7"}, "cannot be read"),
        ({"profile": None, "position": "{}"}, "holds no model; give best.safetensors"),
    ],
)
def test_invalid_facts_are_reported(saved, facts, message):
    tensors, metadata = read_tensors(saved)
    kept = {name: value for name, value in (metadata | facts).items() if value is not None}
    write_tensors(saved, tensors, kept)
    with pytest.raises(IcerecoError, match=message) as caught:
        load_checkpoint(saved)
    assert str(saved) in str(caught.value)


def test_weights_of_another_architecture_are_named(tmp_path, profile, detector):
    wider = load_profile("hierarchical", (*SMALL, "aggregator.width=64"))
    save_checkpoint(tmp_path / "c.safetensors", build_model(wider, detector), profile, detector, {})
    with pytest.raises(IcerecoError, match=r"another architecture.*first aggregator"):
        load_checkpoint(tmp_path / "c.safetensors")


def test_a_missing_file_and_a_folder_give_different_errors(tmp_path):
    with pytest.raises(IcerecoError, match="there is no checkpoint"):
        load_checkpoint(tmp_path / "none.safetensors")
    with pytest.raises(IcerecoError, match="is an address; download the file"):
        load_checkpoint(Path("https://example.org/best.safetensors"))
    with pytest.raises(IcerecoError, match="is a folder"):
        load_checkpoint(tmp_path)


def test_no_length_of_a_header_is_taken_for_a_pickle(tmp_path):
    # The first byte of a file is the lowest of its header's length, and 128 is also how a pickle begins.
    first_bytes = set()
    for padding in range(0, 256, 8):
        path = tmp_path / f"{padding}.safetensors"
        metadata = {"format": "icereco-checkpoint-1", "padding": "x" * padding}
        write_tensors(path, {"weights": torch.zeros(2)}, metadata)
        first_bytes.add(path.read_bytes()[0])
        assert read_tensors(path)[1]["padding"] == metadata["padding"]
    assert 0x80 in first_bytes
