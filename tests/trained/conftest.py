from pathlib import Path

import pytest
from reconstruct_driver import OVERRIDES

from icereco.detector.detector import load_detector
from icereco.model.checkpoint import load_checkpoint, save_checkpoint
from icereco.model.model import build_model
from icereco.profiles import load_profile
from icereco.trained.library import Library
from icereco.trained.new_card import new_card

FACTS = {
    "created": "2026-03-04T05:06:07+00:00",
    "train_events": 20_000,
    "data": None,
    "energy_range_gev": [100.00003, 8.846_451e7],
    "machine": {"host": "here", "system": "Linux", "processor": "x86_64", "cpus": 4},
    "device": "cuda",
}


@pytest.fixture(scope="session")
def facts():
    """What a training would have written into the checkpoint."""
    return FACTS


@pytest.fixture(scope="session")
def small_checkpoint(tmp_path_factory) -> Path:
    """A small model with the weights that it starts with, and the provenance of a training."""
    profile = load_profile("quick", OVERRIDES)
    detector = load_detector("icecube86")
    path = tmp_path_factory.mktemp("model") / "small.safetensors"
    save_checkpoint(path, build_model(profile, detector), profile, detector, FACTS)
    return path


@pytest.fixture
def card(small_checkpoint):
    return new_card("small", load_checkpoint(small_checkpoint), None)


@pytest.fixture
def library(tmp_path):
    """Without models."""
    return Library(tmp_path / "built-in", tmp_path / "own")


@pytest.fixture
def built_in(tmp_path, card, small_checkpoint):
    """A library with one model that comes with icereco."""
    Library(tmp_path / "nothing", tmp_path / "built-in").add(card, small_checkpoint)
    return Library(tmp_path / "built-in", tmp_path / "own")
