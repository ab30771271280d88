"""Files that ask for more than events do: refused with a message before memory is taken."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from icereco_readers import bounds

from icereco.data.sources.source import open_source
from icereco.detector.detector import load_detector
from icereco.errors import IcerecoError
from icereco.model.checkpoint import load_checkpoint, read_tensors, save_checkpoint, write_tensors
from icereco.model.model import build_model
from icereco.profiles import load_profile
from icereco.profiles.problems import ProfileError
from icereco.system.documents import parse_json, parse_toml
from icereco.system.resources import data_dir
from icereco.tables.schema import SCHEMA


@pytest.fixture
def small_bounds(monkeypatch):
    """Small enough for a quick test."""
    monkeypatch.setattr(bounds, "MOST_PULSES", 1_000)
    monkeypatch.setattr(bounds, "_MEAN_PULSES", 10)
    monkeypatch.setattr(bounds, "_MOST_ROW_GROUPS", 5)


def one_event(pulses: int) -> pa.Table:
    columns = {
        "event_id": pa.array([1]),
        "sensor_id": pa.array([[3] * pulses], SCHEMA.field("sensor_id").type),
        "time": pa.array([[1.0] * pulses], SCHEMA.field("time").type),
        "charge": pa.array([[1.0] * pulses], SCHEMA.field("charge").type),
        "auxiliary": pa.array([[False] * pulses], SCHEMA.field("auxiliary").type),
    }
    return pa.table(columns)


def read(path, detector):
    return list(open_source(path).batches(detector))


@pytest.mark.usefixtures("small_bounds")
def test_an_event_with_more_pulses_than_events_have_is_refused(tmp_path, detector):
    path = tmp_path / "events.parquet"
    pq.write_table(one_event(1_000), path)
    assert len(read(path, detector)) == 1
    pq.write_table(one_event(2_000), path)
    with pytest.raises(
        IcerecoError, match=r"row group 0 has 2,000 values of .* in 1 rows: more than 1,000 pulses"
    ):
        read(path, detector)


@pytest.mark.usefixtures("small_bounds")
def test_a_file_in_very_many_row_groups_is_refused(tmp_path, detector):
    path = tmp_path / "events.parquet"
    table = pa.concat_tables([one_event(3)] * 6).set_column(0, "event_id", pa.array(range(6)))
    pq.write_table(table, path, row_group_size=1)
    with pytest.raises(IcerecoError, match="is in 6 row groups, and 5 are allowed"):
        read(path, detector)


def test_an_event_of_millions_of_kaggles_rows_is_refused(tmp_path):
    with pytest.raises(IcerecoError, match="event_id 7 has 20,000,000 pulses, and 10,000,000 are allowed"):
        bounds.require_few_pulses(20_000_000, 7, tmp_path)


@pytest.mark.parametrize("place", ["../secret", "/etc/passwd", "a/b.csv"])
def test_a_card_reads_no_file_outside_its_folder(tmp_path, place):
    (tmp_path / "secret").write_text("root:x:0:0\n")
    (tmp_path / "card").mkdir()
    card = (data_dir("geometry") / "icecube86" / "detector.toml").read_text()
    line = next(line for line in card.splitlines() if line.startswith("sensors"))
    (tmp_path / "card" / "detector.toml").write_text(card.replace(line, f'sensors = "{place}"'))
    with pytest.raises(IcerecoError, match="must be a file in the card's folder") as caught:
        load_detector(tmp_path / "card")
    assert "root:x" not in str(caught.value)


def test_a_checkpoint_whose_profile_asks_for_more_than_its_weights_takes_no_memory(
    tmp_path, detector, monkeypatch
):
    profile = load_profile(
        "quick", ["encoder.layers=1", "aggregator.width=16", "aggregator.heads=2", "encoder.heads=2"]
    )
    path = tmp_path / "weights.safetensors"
    save_checkpoint(path, build_model(profile, detector, 1), profile, detector, {})
    assert load_checkpoint(path).profile == profile
    tensors, metadata = read_tensors(path)
    write_tensors(
        path, tensors, metadata | {"profile": metadata["profile"].replace("width = 16", "width = 4096")}
    )
    devices = []

    def recorded(*arguments):
        devices.append(torch.get_default_device().type)
        return build_model(*arguments)

    monkeypatch.setattr("icereco.model.checkpoint.build_model", recorded)
    with pytest.raises(IcerecoError, match="has the weights of another architecture"):
        load_checkpoint(path)
    assert devices == ["meta"]


@pytest.mark.parametrize(
    "text", ["a = " + "[" * 3000 + "]" * 3000, "a = " + "9" * 5000, "a = " + "9" * 30], ids=len
)
def test_toml_that_is_nested_or_long_beyond_reason_is_one_error(tmp_path, text):
    with pytest.raises(ValueError, match=r"nested too deeply|too large|digits"):
        parse_toml(text)
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(ProfileError):
        load_profile(str(tmp_path / "mine.toml"))


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "[" * 80 + "]" * 80, "9" * 5000], ids=len)
def test_json_that_is_nested_or_long_beyond_reason_is_one_error(text):
    with pytest.raises(ValueError, match=r"nested too deeply|too large|digits|Expecting"):
        parse_json(text)


def test_a_card_with_a_very_long_field_is_one_message(tmp_path):
    import shutil

    shutil.copytree(data_dir("geometry") / "icecube86", tmp_path / "card")
    table = tmp_path / "card" / "sensors.csv"
    table.write_text(table.read_text().replace("\n", "\n" + "1" * 200_000, 1))
    with pytest.raises(IcerecoError, match="cannot read this table of the detector card"):
        load_detector(tmp_path / "card")


def test_bounds_leave_room_for_the_brightest_events():
    assert 50 * np.int64(178_250) < bounds.MOST_PULSES
