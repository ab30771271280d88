# ruff: noqa: TID253 -- tests of tensors
"""What is taken for a checkpoint, and what is not."""

import pickle

import pytest
import torch

from icereco.checkpoint import load_checkpoint, read_tensors, write_tensors
from icereco.errors import IcerecoError


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


def test_a_pickle_is_refused_as_one(tmp_path):
    torch.save({"weights": torch.zeros(2)}, tmp_path / "zip.safetensors")
    (tmp_path / "plain.safetensors").write_bytes(pickle.dumps({"a": "{" * 100}))
    for name in ("zip", "plain"):
        with pytest.raises(IcerecoError, match="holds a Python pickle"):
            load_checkpoint(tmp_path / f"{name}.safetensors")
