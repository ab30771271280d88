"""Matrix products in bfloat16, where they are asked for."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from reconstruct_driver import SIZES, events_of, run, written

import icereco
from icereco.data.catalog import DataSet
from icereco.data.sources.source import open_source
from icereco.model import precision
from icereco.physics.sphere import opening_angle
from icereco.reconstruction.wanted import Wanted
from icereco.tables.assembly import event_batch
from icereco.tables.saved_reconstructions import read_reconstructions


@pytest.fixture
def reconstructed(tmp_path, invoke):
    """Directions and provenance of the model `fast`, with options of the command."""
    written(tmp_path / "events.parquet", SIZES)

    def reconstruct(*options):
        out = tmp_path / "out.parquet"
        done = invoke("reconstruct", "events.parquet", "-o", out, *options)
        assert done.exit_code == 0, done.output
        read = read_reconstructions(out)
        return read.reconstruction.direction, read.provenance["precision"], done.stderr

    return reconstruct


def apart_deg(first, second):
    return np.degrees(opening_angle(first, second)[np.isfinite(first).all(1)])


def test_bfloat16_moves_directions_a_little_and_the_result_says_so(reconstructed):
    full, said, _ = reconstructed("--model", "fast")
    assert said == "float32"
    rounded, said, _ = reconstructed("--model", "fast", "--precision", "bfloat16")
    assert said == "bfloat16"
    assert 0.01 < np.median(apart_deg(full, rounded)) < 3.0


def test_other_processes_compute_in_the_same_precision(reconstructed):
    alone, _, _ = reconstructed("--model", "fast", "--precision", "bfloat16")
    shared, said, _ = reconstructed("--model", "fast", "--precision", "bfloat16", "--workers", "1")
    assert said == "bfloat16"
    np.testing.assert_array_equal(shared, alone)


@pytest.mark.parametrize(("has_instructions", "taken"), [(True, "bfloat16"), (False, "float32")])
def test_auto_asks_the_processor(reconstructed, monkeypatch, has_instructions, taken):
    monkeypatch.setattr(precision, "has_fast_bfloat16", lambda _: has_instructions)
    assert reconstructed("--model", "fast", "--precision", "auto")[1] == taken


def test_a_processor_that_emulates_bfloat16_is_named(reconstructed, monkeypatch):
    monkeypatch.setattr(precision, "has_fast_bfloat16", lambda _: False)
    _, said, stderr = reconstructed("--model", "fast", "--precision", "bfloat16")
    assert said == "bfloat16"
    assert "only emulates bfloat16" in stderr


def test_a_method_without_network_has_no_precision(tmp_path, invoke):
    written(tmp_path / "events.parquet", SIZES)
    done = invoke("reconstruct", "events.parquet", "--method", "linefit", "--precision", "bfloat16")
    assert done.exit_code == 2
    assert "'linefit' has no network to compute in bfloat16; leave out --precision" in done.stderr
    assert (
        invoke("reconstruct", "events.parquet", "--method", "linefit", "--precision", "auto").exit_code == 0
    )


def test_an_ensemble_computes_all_its_models_in_bfloat16():
    fast, complete = (icereco.load_model(name) for name in ("fast", "complete"))
    rounded = icereco.ensemble([fast, complete]).in_bfloat16()
    assert rounded.provenance["precision"] == "bfloat16"
    batch = event_batch(events_of([60, 90]), fast.detector)
    assert (
        apart_deg(rounded(batch).direction, icereco.ensemble([fast, complete])(batch).direction) > 0.0
    ).all()


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_how_many_events_are_read_at_once_changes_no_more_than_the_last_digits(tmp_path, precision):
    """An event is in the company of others of its length, in a call of 3, 7 or all events."""
    path = written(tmp_path / "events.parquet", SIZES * 3)
    method = (
        Wanted(models=("fast",), precision=precision).choice([DataSet(path=path)], [open_source(path)]).method
    )
    tables = []
    for events in (3, 7, len(SIZES) * 3):
        run([path], replace(method, events_per_batch=events), tmp_path / "out.parquet")
        tables.append(pl.read_parquet(tmp_path / "out.parquet"))
    for name in tables[0].select(pl.col(pl.Float64)).columns:
        columns = [table[name].to_numpy() for table in tables]
        for other in columns[1:]:
            np.testing.assert_allclose(other, columns[0], rtol=0, atol=1e-5 * np.nanmax(np.abs(other)))
