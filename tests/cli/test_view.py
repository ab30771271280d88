"""`icereco view` of outputs: where their detector is found, and what cannot reconstruct."""

import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from icereco.cli import main
from icereco.system.resources import data_dir
from icereco.testing.random_events import random_events


@pytest.fixture
def event(tmp_path, monkeypatch) -> str:
    """The id of an event in events.parquet, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    table = random_events(np.array([60, 30]), seed=6)
    pq.write_table(table, "events.parquet")
    return str(table["event_id"][0].as_py())


def said(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, words)
    return result.exit_code, " ".join(result.output.split())


@pytest.fixture
def card(event) -> Path:
    """The folder of a card that no one knows by its name, `mine`."""
    folder = Path("cards", "my-detector")
    shutil.copytree(data_dir("geometry") / "icecube86", folder)
    text = (folder / "detector.toml").read_text()
    assert 'name = "icecube86"' in text
    (folder / "detector.toml").write_text(text.replace('name = "icecube86"', 'name = "mine"'))
    return folder


def test_an_output_says_where_its_detector_was(event, card, monkeypatch):
    line = ("reconstruct", "events.parquet", "--method", "linefit", "--detector", str(card))
    assert said(*line, "-o", "out.parquet")[0] == 0
    monkeypatch.chdir(card)  # the path is that of any working folder
    code, drawn = said("view", "../../out.parquet", event)
    assert (code, "mine" in drawn) == (0, True)


def test_a_detector_that_is_gone_is_named(event, card):
    line = ("reconstruct", "events.parquet", "--method", "linefit", "--detector", str(card))
    assert said(*line, "-o", "out.parquet")[0] == 0
    shutil.rmtree(card)
    code, error = said("view", "out.parquet", event)
    assert code == 2
    assert "no detector called 'mine'" in error


def test_a_table_given_as_a_run_is_refused_with_the_option_that_draws_it(event):
    assert said("reconstruct", "events.parquet", "--method", "linefit", "-o", "out.parquet")[0] == 0
    code, error = said("view", "events.parquet", event, "--run", "out.parquet")
    assert code == 2
    assert "to draw the reconstructions that it holds: --with out.parquet" in error
