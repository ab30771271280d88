# ruff: noqa: TID253 -- tests of tables; the environment is set before torch is imported
"""Fixtures that several test files share."""

import os

# Threads that wait for each other by spinning make tests many times slower where cores are shared.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from icereco.data.prepare import prepare
from icereco.data.sources import open_source
from icereco.data.store import Store
from icereco.detector import Detector, load_detector
from icereco.testing.random_events import likely_pulse_counts, random_events


@pytest.fixture(scope="session")
def detector() -> Detector:
    return load_detector("icecube86")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Events that the project did not write; not part of it."""
    folder = Path(__file__).resolve().parents[1].parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs ../shared/data beside the checkout")
    return folder


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test reads or fills the user's cache, or their settings."""
    monkeypatch.setenv("ICERECO_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
    monkeypatch.setenv("ICERECO_CONFIG", str(tmp_path_factory.mktemp("config")))
    return


@pytest.fixture(scope="session")
def event_table() -> pa.Table:
    """300 events like real ones, two of them empty, pulses in order of time."""
    counts = np.minimum(likely_pulse_counts(300, seed=7), 5_000)
    counts[[3, 200]] = 0
    return random_events(counts, seed=7)


@pytest.fixture(scope="session")
def make_store(tmp_path_factory: pytest.TempPathFactory, detector: Detector) -> Callable[..., Store]:
    """A function that prepares a table of the own layout."""

    def make(table: pa.Table, **options: int) -> Store:
        folder = tmp_path_factory.mktemp("store")
        pq.write_table(table, folder / "events.parquet")
        return prepare(open_source(folder / "events.parquet"), detector, folder / "store", **options)

    return make


@pytest.fixture(scope="session")
def store(make_store: Callable[..., Store], event_table: pa.Table) -> Store:
    """`event_table` as a store of many small blocks."""
    return make_store(event_table, block_events=16, blocks_per_shard=5)
