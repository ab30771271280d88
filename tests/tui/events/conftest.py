"""A file of a few events, and the screen that shows it."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from icereco.testing.random_events import random_events
from icereco.tui.events.screen import EventScreen


@pytest.fixture(scope="module")
def table():
    return random_events(np.array([40, 300, 0, 90, 700]), seed=5)


@pytest.fixture
def file(tmp_path, table, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pq.write_table(table, tmp_path / "events.parquet")
    return tmp_path / "events.parquet"


@pytest.fixture
def screen(file, tmp_path, detector):
    return EventScreen(file, detector=detector, runs=tmp_path / "runs")
