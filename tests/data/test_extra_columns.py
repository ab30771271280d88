"""Columns that only some detectors have are carried from a file to what a model is given."""

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
import torch
from rich.console import Console

from icereco.data.sources.source import open_source
from icereco.data.write.parquet import OwnWriter
from icereco.errors import IcerecoError
from icereco.events.tensors import to_tensors
from icereco.tables.assembly import event_batch
from icereco.tables.columns import own_fields
from icereco.testing.random_events import random_events


@pytest.fixture(scope="module")
def table() -> pa.Table:
    """Events whose further columns repeat a needed one, so that a pulse that goes astray is seen."""
    events = random_events(np.array([5, 0, 40, 1, 12]), seed=2, sensors=30, by_time=False)
    names = ["fit_best_azimuth", "fit_best_zenith", "run"]
    values = [[0.0, 1.0, None, 3.0, 4.0], [1.5, 0.5, 0.1, 0.1, 0.1], [7, 7, 8, 8, 9]]
    for name, column in zip(names, values, strict=True):
        events = events.append_column(name, pa.array(column))
    copied = {"time_over_threshold": events["charge"], "pmt_z": events["time"]}
    for name, column in copied.items():
        events = events.append_column(name, column)
    return events.append_column("remark", pa.array(["left out"] * 5))


def follow_the_pulses(batch) -> None:
    np.testing.assert_array_equal(batch.pulse_extras["time_over_threshold"], batch.charge_pe)
    np.testing.assert_array_equal(batch.pulse_extras["pmt_z"], batch.time_ns.astype(np.float32))


@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
def test_further_columns_reach_the_model_with_their_pulses(
    tmp_path, table, detector, make_store, suffix, stored_events
):
    path = tmp_path / f"events.{suffix}"
    (pq.write_table if suffix == "parquet" else feather.write_feather)(table, path)
    (rows,) = open_source(path).checked(detector)
    batch = event_batch(rows, detector)
    assert set(batch.pulse_extras) == {"time_over_threshold", "pmt_z"}
    assert {column.dtype for column in batch.pulse_extras.values()} == {np.dtype(np.float32)}
    follow_the_pulses(batch)
    stored = stored_events(make_store(table), np.array([4, 2, 0]))
    follow_the_pulses(stored)
    tensors = to_tensors(stored, torch.device("cpu"))
    assert tensors.pulse_extras["time_over_threshold"].equal(tensors.charge_pe)
    assert tensors.event_extras["run"].tolist() == [9, 8, 7]


def test_views_show_further_columns(table, detector):
    batch = event_batch(table, detector)
    event = batch[2:][0]
    assert event.extras == pytest.approx(
        {"fit_best_azimuth": np.nan, "fit_best_zenith": 0.1, "run": 8.0}, nan_ok=True
    )
    assert event.fits == {}, "an angle is missing"
    np.testing.assert_allclose(batch[0].fits["best"], [np.sin(1.5), 0, np.cos(1.5)])
    pulses = event.doms[3].pulses
    assert pulses.extras["time_over_threshold"].tolist() == pulses.charge_pe.tolist()
    with (console := Console(width=120)).capture() as shown:
        console.print(event.doms[3])
    assert "time_over_threshold" in shown.get()


def test_files_without_further_columns_have_none(detector, event_table):
    batch = event_batch(event_table, detector)
    assert batch.pulse_extras == batch.event_extras == batch[0].fits == {}
    assert to_tensors(batch, torch.device("cpu")).pulse_extras == {}


def test_the_own_writer_keeps_further_columns(tmp_path, table, detector):
    pq.write_table(table, tmp_path / "in.parquet")
    (rows,) = open_source(tmp_path / "in.parquet").checked(detector)
    with OwnWriter(tmp_path / "out.parquet", {"made": "here"}, pa.schema(own_fields(rows.schema))) as writer:
        writer.write(rows)
    (again,) = open_source(tmp_path / "out.parquet").checked(detector)
    assert again.replace_schema_metadata(None).equals(rows.replace_schema_metadata(None))


def complaint(path, detector) -> str:
    with pytest.raises(IcerecoError) as caught:
        list(open_source(path).checked(detector))
    return str(caught.value)


def test_bad_further_values_are_refused_with_their_place(tmp_path, table, detector):
    rows = table.to_pylist()
    rows[2]["pmt_z"][4] = float("nan")
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), tmp_path / "events.parquet")
    assert "row 2, event_id 3002: pmt_z[4] is nan: not finite" in complaint(tmp_path, detector)
    rows[2]["pmt_z"].pop()
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), tmp_path / "events.parquet")
    assert "sensor_id has 40 values, pmt_z has 39" in complaint(tmp_path, detector)


def test_files_that_differ_in_further_pulse_columns_are_not_mixed(tmp_path, table, detector):
    pq.write_table(table.slice(0, 3), tmp_path / "a.parquet")
    pq.write_table(table.slice(3).drop_columns(["pmt_z"]), tmp_path / "b.parquet")
    message = complaint(tmp_path, detector)
    assert "b.parquet: has the pulse columns" in message
    assert "pmt_z" in message
