"""Events without the targets that are needed are refused, and the first one is named."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from icereco.data.sources.source import open_source
from icereco.data.store.prepare import prepare
from icereco.errors import IcerecoError
from icereco.events.truth import TARGETS
from icereco.tables.schema import TARGET_COLUMNS, TRUTH_COLUMNS
from icereco.tables.validation import BadEventError, check_truth
from icereco.testing.random_events import random_events

FILE = Path("events.parquet")


@pytest.fixture
def rows() -> pa.RecordBatch:
    table = random_events(np.full(20, 5), seed=3)
    return table.combine_chunks().to_batches()[0]


def with_value(rows: pa.RecordBatch, name: str, row: int, value: object) -> pa.RecordBatch:
    place = rows.schema.get_field_index(name)
    values = rows.column(name).to_pylist()
    values[row] = value
    return rows.set_column(place, rows.schema.field(name), pa.array(values, rows.schema.field(name).type))


def test_every_truth_column_belongs_to_one_target():
    assert tuple(TARGET_COLUMNS) == TARGETS
    assert sorted(name for names in TARGET_COLUMNS.values() for name in names) == sorted(TRUTH_COLUMNS)


def test_good_truth_passes(rows):
    check_truth(rows, FILE, targets=TARGETS)


BAD = [
    ("direction", "zenith", 4.0, "zenith is 4; allowed: [0, π] rad"),
    ("energy_gev", "energy", None, "energy is unknown; allowed: above 0 GeV"),
    ("energy_gev", "energy", float("nan"), "energy is nan; allowed: above 0 GeV"),
    ("energy_gev", "energy", 0.0, "energy is 0; allowed: above 0 GeV"),
    ("energy_gev", "energy", float("inf"), "energy is inf; allowed: above 0 GeV"),
    ("vertex_m", "vertex_y", float("nan"), "vertex_y is nan; allowed: finite numbers of m"),
    ("kind", "kind", "noise", "kind is noise; allowed: through_track, starting_track, cascade"),
    ("kind", "kind", None, "kind is unknown; allowed: through_track, starting_track, cascade"),
    ("inelasticity", "inelasticity", -1.0, "inelasticity is -1; allowed: [0, 1]"),
    ("inelasticity", "inelasticity", 1.5, "inelasticity is 1.5; allowed: [0, 1]"),
]


@pytest.mark.parametrize(("target", "column", "value", "message"), BAD)
def test_a_bad_value_of_a_needed_target_names_row_and_event(rows, target, column, value, message):
    bad = with_value(rows, column, 7, value)
    with pytest.raises(BadEventError) as caught:
        check_truth(bad, FILE, 100, targets=(target,))
    event_id = rows.column("event_id")[7].as_py()
    assert str(caught.value).startswith(f"events.parquet: row 107, event_id {event_id}: {message}")
    check_truth(bad, FILE, targets=[other for other in TARGETS if other != target])


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_without_a_column_is_named(rows, target):
    lacking = rows.drop_columns(list(TARGET_COLUMNS[target]))
    with pytest.raises(
        IcerecoError, match=f"truth is needed here: columns? {TARGET_COLUMNS[target][0]}.* missing"
    ):
        check_truth(lacking, FILE, targets=(target,))


def test_a_store_knows_its_targets_and_refuses_events_without_them(tmp_path, detector, rows):
    lacking = with_value(rows, "energy", 12, None).drop_columns(["inelasticity", "vertex_z"])
    pq.write_table(pa.Table.from_batches([lacking]), tmp_path / "events.parquet")
    store = prepare(open_source(tmp_path / "events.parquet"), detector, tmp_path / "store")
    assert store.targets == ("direction", "energy_gev", "kind")
    store.require_truth()
    store.require_truth(("direction", "kind"))
    with pytest.raises(IcerecoError, match=f"event_id {lacking['event_id'][12]}: energy is unknown"):
        store.require_truth(("direction", "energy_gev"))
    with pytest.raises(IcerecoError, match="column vertex_z \\(m\\) missing"):
        store.require_truth(("vertex_m",))
