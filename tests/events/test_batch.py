from io import StringIO

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from icereco.detector.detector import Detector
from icereco.errors import IcerecoError
from icereco.events.batch import EventBatch
from icereco.events.tensors import to_tensors
from icereco.tables.assembly import event_batch
from icereco.tables.columns import conform, one_batch
from icereco.tables.schema import SCHEMA
from icereco.testing.random_events import random_events


def plain(table: pa.Table) -> list[list[tuple]]:
    """Each event's pulses as sorted tuples, by plain Python."""
    rows = table.to_pylist()
    keys = ("sensor_id", "time", "charge", "auxiliary")
    return [
        sorted(zip(*(row[key] for key in keys), strict=True), key=lambda pulse: pulse[:2]) for row in rows
    ]


def back(batch: EventBatch) -> list[list[tuple]]:
    """The same out of the views."""
    return [
        [
            (dom.sensor_id, float(time), float(charge), bool(auxiliary))
            for dom in event.doms
            for time, charge, auxiliary in zip(
                dom.pulses.time_ns, dom.pulses.charge_pe, dom.pulses.auxiliary, strict=True
            )
        ]
        for event in batch
    ]


@given(
    counts=st.lists(st.integers(0, 12), min_size=0, max_size=12),
    seed=st.integers(0, 99),
    sensors=st.sampled_from([1, 3, 5160]),
    by_time=st.booleans(),
)
def test_a_batch_holds_every_pulse_sorted_under_its_event_and_dom(detector, counts, seed, sensors, by_time):
    table = random_events(np.array(counts, int), seed, sensors=sensors, by_time=by_time)
    batch = event_batch(table, detector)
    assert back(batch) == plain(table)
    assert batch.event_id.tolist() == table["event_id"].to_pylist()
    assert batch.pulse_count.tolist() == counts
    assert batch.dom_count.tolist() == [len({pulse[0] for pulse in event}) for event in plain(table)]


@given(counts=st.lists(st.integers(0, 12), max_size=12), seed=st.integers(0, 99))
def test_each_pulse_and_dom_knows_its_row_as_an_array_and_as_a_tensor(detector, counts, seed):
    batch = event_batch(random_events(np.array(counts, int), seed, sensors=3), detector)
    tensors = to_tensors(batch, torch.device("cpu"))
    ids = [
        (event.event_id, dom.sensor_id) for event in batch for dom in event.doms for _ in dom.pulses.time_ns
    ]
    for rows in (batch, tensors):
        events, doms = np.asarray(rows.event_of_pulse), np.asarray(rows.dom_of_pulse)
        assert events.dtype == doms.dtype == np.int64
        assert list(zip(batch.event_id[events], batch.sensor_id[doms], strict=True)) == ids
    assert batch.event_of_dom.tolist() == [row for row, event in enumerate(batch) for _ in event.doms]


def test_pulses_at_one_time_on_one_sensor_keep_their_order(detector):
    charges = [float(value) for value in range(50)]
    row = {
        "event_id": [1],
        "sensor_id": [[7] * 50],
        "time": [[5.0] * 50],
        "charge": [charges],
        "auxiliary": [[True] * 50],
    }
    assert event_batch(pa.table(row), detector).charge_pe.tolist() == charges


def test_positions_and_truth_belong_to_their_rows(detector, event_table):
    batch = event_batch(event_table, detector)
    np.testing.assert_array_equal(batch.position_m, detector.position_m[batch.sensor_id])
    azimuth = np.array([event.truth.angles[0] for event in batch])
    np.testing.assert_allclose(azimuth, event_table["azimuth"].to_numpy(), atol=1e-12)
    assert batch[5].truth.kind == event_table["kind"][5].as_py()


def test_a_slice_is_a_view_with_offsets_of_its_own(detector, event_table):
    batch = event_batch(event_table, detector)
    part = batch[100:150]
    assert back(part) == back(batch)[100:150]
    assert np.shares_memory(part.time_ns, batch.time_ns)
    assert part.pulse_offsets[0] == part.dom_offsets[0] == 0
    assert part.pulse_offsets[-1] == len(part.time_ns)
    assert back(part[10:20]) == back(batch)[110:120]
    assert len(batch[150:100]) == 0
    assert len(batch[:]) == len(batch)


def test_indices_count_from_the_end_and_stop_at_the_ends(detector, event_table):
    batch = event_batch(event_table, detector)
    assert batch[-1].event_id == batch.event_id[-1]
    assert batch[0].doms[-1].sensor_id == batch[0].doms[len(batch[0].doms) - 1].sensor_id
    for wrong in (len(batch), -len(batch) - 1):
        with pytest.raises(IndexError):
            batch[wrong]
    with pytest.raises(IndexError):
        batch[3].doms[0]  # event 3 is empty
    with pytest.raises(ValueError, match="step"):
        batch[::2]


def test_an_event_keeps_its_place_without_pulses(detector, event_table):
    batch = event_batch(event_table, detector)
    assert (len(batch[3].doms), len(batch[3].pulses), batch[3].truth is not None) == (0, 0, True)


def test_other_types_are_converted_to_ours(detector, event_table):
    other_schema = pa.schema(
        [
            pa.field("event_id", pa.uint32()),
            pa.field("sensor_id", pa.large_list(pa.int16())),
            pa.field("time", pa.list_(pa.int64())),
            pa.field("charge", pa.list_(pa.float64())),
            pa.field("auxiliary", pa.list_(pa.uint8())),
        ]
    )
    whole = event_table.set_column(2, SCHEMA.field("time"), rounded(event_table["time"]))
    border = conform(one_batch(whole.select(other_schema.names).cast(other_schema)), "events")
    batch = event_batch(border, detector)
    same = event_batch(whole.select(other_schema.names), detector)
    for name in ("time_ns", "charge_pe", "auxiliary", "sensor_id", "event_id"):
        converted_column, same_column = getattr(batch, name), getattr(same, name)
        assert converted_column.dtype == same_column.dtype
        np.testing.assert_array_equal(converted_column, same_column)
    assert batch.truth is None


def rounded(column: pa.ChunkedArray) -> pa.Array:
    column = column.combine_chunks()
    return pa.ListArray.from_arrays(column.offsets, pa.array(np.round(column.values.to_numpy())))


def test_a_chunked_or_sliced_table_gives_the_same_events(detector, event_table):
    parts = pa.concat_tables([event_table.slice(0, 100), event_table.slice(100)])
    assert back(event_batch(parts, detector)) == plain(event_table)
    assert back(event_batch(event_table.slice(50, 20), detector)) == plain(event_table)[50:70]


def test_a_sensor_outside_the_detector_is_refused(detector: Detector, event_table):
    with pytest.raises(IcerecoError, match=r"sensor_id 6000 is outside icecube86"):
        event_batch(event_with(sensor_id=[6000]), detector)


def event_with(**columns: list) -> pa.Table:
    row = {"sensor_id": [1], "time": [1.0], "charge": [1.0], "auxiliary": [False], **columns}
    return pa.table({"event_id": [1], **{name: [values] for name, values in row.items()}})


@pytest.mark.parametrize("level", ["batch", "event", "doms", "dom", "pulses"])
def test_every_level_shows_itself_in_terminal_and_notebook(detector, event_table, level):
    batch = event_batch(event_table, detector)
    event = batch[0]
    thing = {
        "batch": batch,
        "event": event,
        "doms": event.doms,
        "dom": event.doms[0],
        "pulses": event.pulses,
    }[level]
    console = Console(width=120, record=True, file=StringIO())
    console.print(thing)
    assert len(console.export_text().splitlines()) > 3
    assert "<table>" in thing._repr_html_()
    assert "array(" not in repr(thing)
