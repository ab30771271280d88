"""A null among the events: every command that reads them names it in one message."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from icereco.cli import main
from icereco.data.sources.source import open_source
from icereco.data.write.convert import Conversion, convert
from icereco.events.batch import EventBatch
from icereco.tables.assembly import event_batch
from icereco.tables.columns import marked_sorted
from icereco.testing.random_events import random_events

COMMANDS = [("data", "show"), ("doctor",), ("reconstruct", "--method", "linefit", "-o", "out.parquet")]


@pytest.fixture
def events() -> pa.Table:
    return random_events(np.full(30, 12), seed=3)


def run(monkeypatch, folder, command, path) -> str:
    monkeypatch.chdir(folder)
    result = CliRunner().invoke(main, [*command, str(path)])
    assert isinstance(result.exception, SystemExit | None), result.exception
    return " ".join(result.output.split())


@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: words[0])
@pytest.mark.parametrize("column", ["charge", "sensor_id", "time", "auxiliary", "event_id"])
@pytest.mark.parametrize("where", ["row", "value"])
def test_a_null_in_the_own_layout_is_named(tmp_path, monkeypatch, events, column, where, command):
    values = events.column(column).to_pylist()
    if where == "row" or column == "event_id":
        values[7] = None
    else:
        values[7][3] = None
    place = events.schema.get_field_index(column)
    path = tmp_path / "events.parquet"
    pq.write_table(events.set_column(place, column, pa.array(values, events.schema.field(column).type)), path)
    said = run(monkeypatch, tmp_path, command, path)
    assert f"{column} is null" in said or f"{column} has a null" in said


@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: words[0])
def test_a_null_in_kaggles_layout_is_named(tmp_path, monkeypatch, events, detector, command):
    pq.write_table(events, tmp_path / "events.parquet")
    folder = tmp_path / "kaggle"
    convert(Conversion(open_source(tmp_path / "events.parquet"), detector, folder, "kaggle"))
    file = folder / "train" / "batch_1.parquet"
    pulses = pq.read_table(file)
    flags = [None, *pulses.column("auxiliary").to_pylist()[1:]]
    pq.write_table(
        pulses.set_column(
            pulses.schema.get_field_index("auxiliary"), "auxiliary", pa.array(flags, pa.bool_())
        ),
        file,
    )
    assert "null" in run(monkeypatch, tmp_path, command, folder)


def test_pulses_that_are_said_to_be_sorted_and_are_not_are_sorted(tmp_path, events, detector):
    """Else the same events would get other directions."""
    path = tmp_path / "events.parquet"
    pq.write_table(events.replace_schema_metadata(marked_sorted(events.schema).metadata), path)
    (read,) = open_source(path).batches(detector)
    expected: EventBatch = event_batch(events, detector)
    for name in ("time_ns", "charge_pe", "sensor_id"):
        np.testing.assert_array_equal(getattr(event_batch(read, detector), name), getattr(expected, name))
