"""What a training is fed: data are opened once, and what their reader said of them is kept."""

from collections import Counter

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from icereco_readers.kaggle import KaggleReader
from icereco_readers.own import OwnReader

from icereco.cli import main
from icereco.testing.random_events import random_events

SMALL = ("aggregator.width=16", "encoder.layers=1", "train.epochs=1", "train.validation_events=20")


@pytest.fixture
def calls(monkeypatch) -> Counter:
    """How often a reader was asked what about which file or folder."""
    seen: Counter = Counter()
    for reader in (OwnReader, KaggleReader):
        for name in ("sniff", "files", "count", "parts"):
            monkeypatch.setattr(reader, name, counted(reader, name, seen))
    return seen


def counted(reader: type, name: str, seen: Counter):
    asked = getattr(reader, name)

    def method(self, path):
        seen[f"{reader.__name__}.{name}", path.name] += 1
        return asked(self, path)

    return method


def test_the_start_of_a_training_asks_a_reader_each_thing_once(tmp_path, monkeypatch, calls):
    monkeypatch.setenv("ICERECO_CACHE", str(tmp_path / "cache"))
    (tmp_path / "data").mkdir()
    names = [f"part_{number}.parquet" for number in range(3)]
    for seed, name in enumerate(names):
        pq.write_table(random_events(np.full(40, 12), seed=seed), tmp_path / "data" / name)
    overrides = [word for text in SMALL for word in ("-o", text)]
    places = ["--data", str(tmp_path / "data"), "--runs-dir", str(tmp_path / "runs")]
    command = ["train", "--profile", "quick", *places, "--wandb", "disabled", *overrides]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    whole = {("OwnReader.sniff", "data"), ("OwnReader.files", "data"), ("OwnReader.parts", "data")}
    each = {(f"OwnReader.{what}", name) for what in ("count", "files", "parts") for name in names}
    assert dict(calls) == dict.fromkeys(whole | each | {("KaggleReader.sniff", "data")}, 1)
