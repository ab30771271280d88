"""The kind of a checkpoint file, detected from its first bytes."""

import pickle

import pytest
import torch

from icereco.errors import IcerecoError
from icereco.model.checkpoint import read_tensors, write_tensors


@pytest.mark.parametrize("first", [b"\x80", b"P"])
def test_a_header_whose_length_begins_like_a_pickle_is_still_one_of_safetensors(tmp_path, first):
    path = tmp_path / "best.safetensors"
    for length in range(0, 300, 8):
        write_tensors(path, {"x": torch.zeros(1)}, {"filling": "." * length})
        if path.read_bytes()[:1] == first:
            break
    assert path.read_bytes()[:1] == first
    assert read_tensors(path)[0]["x"].tolist() == [0.0]


@pytest.mark.parametrize(
    "write", [lambda path: torch.save({"x": 1}, path), lambda path: path.write_bytes(pickle.dumps({"x": 1}))]
)
def test_a_pickle_is_never_opened(tmp_path, write):
    write(tmp_path / "model.pt")
    with pytest.raises(IcerecoError, match="holds a Python pickle"):
        read_tensors(tmp_path / "model.pt")
