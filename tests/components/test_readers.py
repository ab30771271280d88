from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from icereco.data.catalog import DataSet
from icereco.data.sources.fingerprint import fingerprint
from icereco.data.sources.source import open_source
from icereco.detector.detector import load_detector
from icereco.errors import IcerecoError
from icereco.tables.assembly import truth_of
from icereco.tables.columns import conform
from icereco.tables.schema import SCHEMA
from icereco.testing.random_events import random_events


def read(path: Path, rows: int = 64) -> pa.Table:
    batches = list(open_source(path).batches(load_detector("icecube86"), rows))
    assert all(0 < batch.num_rows <= rows for batch in batches)
    return pa.Table.from_batches([batch.replace_schema_metadata(None) for batch in batches])


def write_kaggle(
    table: pa.Table, folder: Path, order: list[int] | None = None, batch_id: int = 1, **options
) -> Path:
    """The table as a competition folder; `order` is the meta's order of the events."""
    counts = np.array([len(row) for row in table["time"].to_pylist()])
    ends = np.cumsum(counts)
    pulses = {
        name: table[name].combine_chunks().flatten() for name in ("sensor_id", "time", "charge", "auxiliary")
    }
    pulses["sensor_id"] = pulses["sensor_id"].cast(pa.int16())
    pulses["event_id"] = pa.array(np.repeat(table["event_id"].to_numpy(), counts))
    meta = pa.table(
        {
            "batch_id": pa.array([batch_id] * len(counts), pa.int32()),
            "event_id": table["event_id"],
            "first_pulse_index": ends - counts,
            "last_pulse_index": ends - 1,
            "azimuth": table["azimuth"],
            "zenith": table["zenith"],
        }
    )
    (folder / "train").mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(pulses), folder / "train" / f"batch_{batch_id}.parquet", **options)
    meta = meta.take(order) if order is not None else meta
    old = folder / "train_meta.parquet"
    pq.write_table(pa.concat_tables([pq.read_table(old), meta]) if old.exists() else meta, old)
    return folder


@pytest.fixture(scope="module")
def table() -> pa.Table:
    counts = np.random.default_rng(3).integers(1, 40, 200)
    counts[[0, 77, 199]] = 0
    return random_events(counts, seed=3)


KAGGLE_COLUMNS = ["event_id", "sensor_id", "time", "charge", "auxiliary", "azimuth", "zenith"]


@pytest.mark.parametrize("suffix", ["parquet", "arrow", "feather", "zstd"])
def test_own_layout_comes_back_as_it_was(tmp_path, table, suffix):
    path = tmp_path / f"events.{suffix}"
    if suffix == "parquet":
        pq.write_table(table, path, row_group_size=37)
    elif suffix == "feather":
        feather.write_feather(table, path)
    else:
        options = pa.ipc.IpcWriteOptions(compression="zstd" if suffix == "zstd" else None)
        with pa.ipc.new_file(path, table.schema, options=options) as writer:
            writer.write_table(table, max_chunksize=150)
    assert open_source(path).reader_name == "icereco"
    assert open_source(path).count() == 200
    assert read(path).equals(table.cast(SCHEMA).replace_schema_metadata(None))


def test_hidden_files_such_as_macos_leaves_are_not_read(tmp_path, table):
    pq.write_table(table, tmp_path / "events.parquet")
    (tmp_path / "._events.parquet").write_bytes(b"\0\5\x16\7" + bytes(60))
    assert read(tmp_path).num_rows == 200


def test_a_folder_of_own_files_is_read_by_name_and_names_each_file(tmp_path, table, detector):
    pq.write_table(table.slice(0, 90), tmp_path / "a.parquet")
    feather.write_feather(table.slice(90), tmp_path / "b.feather")
    assert open_source(tmp_path).count() == 200
    assert read(tmp_path)["event_id"].to_pylist() == table["event_id"].to_pylist()
    files = {
        batch.schema.metadata[b"icereco.file"].decode() for batch in open_source(tmp_path).batches(detector)
    }
    assert files == {str(tmp_path / "a.parquet"), str(tmp_path / "b.feather")}


@pytest.mark.parametrize("row_group_size", [None, 50])
def test_kaggle_pulse_indices_are_inclusive(tmp_path, table, row_group_size):
    folder = write_kaggle(table, tmp_path, row_group_size=row_group_size)
    assert read(folder).equals(table.select(KAGGLE_COLUMNS).cast(read(folder).schema))
    assert open_source(folder).count() == 200


@pytest.mark.parametrize("place", ["", "train", "train/batch_1.parquet"])
def test_kaggle_events_come_in_the_order_of_the_meta_table(tmp_path, table, place):
    order = np.random.default_rng(0).permutation(200).tolist()
    found = read(write_kaggle(table, tmp_path, order) / place)
    assert found.equals(table.select(KAGGLE_COLUMNS).take(order).cast(found.schema))


def test_kaggle_batches_are_read_by_number_each_with_its_own_meta_rows(tmp_path):
    tables = {number: random_events(np.full(5, 4), seed=number) for number in (10, 2, 1)}
    for number, events in tables.items():
        write_kaggle(events, tmp_path, batch_id=number)
    expected = [value for number in (1, 2, 10) for value in tables[number]["event_id"].to_pylist()]
    assert read(tmp_path)["event_id"].to_pylist() == expected
    alone = read(tmp_path / "train" / "batch_2.parquet")
    assert alone["event_id"].to_pylist() == tables[2]["event_id"].to_pylist()


def test_kaggle_meta_of_some_of_the_events_gives_those_events(tmp_path, table):
    keep = [5, 6, 100, 150]
    found = read(write_kaggle(table, tmp_path, keep))
    assert found.equals(table.select(KAGGLE_COLUMNS).take(keep).cast(found.schema))


def test_the_competition_knows_the_direction_alone(tmp_path, table):
    whole = read(write_kaggle(table, tmp_path / "kaggle"))
    truth = truth_of(whole.combine_chunks().to_batches()[0])
    assert truth.targets == ("direction",)


def test_kaggle_batch_without_meta_has_its_events_in_order_and_no_truth(tmp_path, table):
    folder = write_kaggle(table, tmp_path)
    (folder / "train_meta.parquet").unlink()
    found = read(folder / "train" / "batch_1.parquet")
    filled = table.filter(pa.compute.greater(pa.compute.list_value_length(table["time"]), 0))
    assert found.equals(filled.select(KAGGLE_COLUMNS[:5]).cast(found.schema))


def test_photon_by_photon_events_are_read_with_their_truth(shared_data, detector):
    source = open_source(shared_data / "icecube_ppc")
    batches = list(source.checked(detector, need_truth=True))
    assert source.reader_name == "kaggle"
    assert source.count() == sum(batch.num_rows for batch in batches) == 1_034
    assert sum(len(batch.column("time").flatten()) for batch in batches) == 88_905
    first = batches[0].slice(0, 1).to_pylist()[0]
    assert (first["event_id"], first["kind"], len(first["time"])) == (1_000_002, "cascade", 106)
    assert first["energy"] == pytest.approx(2508.96, abs=0.01)


def test_real_events_are_read_from_a_pulse_table_alone(shared_data, detector):
    source = open_source(shared_data / "icecube_real" / "pulses.parquet")
    batches = list(source.checked(detector))
    assert sum(batch.num_rows for batch in batches) == 38
    assert sum(len(batch.column("time").flatten()) for batch in batches) == 24_534
    assert "azimuth" not in batches[0].schema.names


def test_conform_keeps_the_order_and_types_of_the_schema(table):
    mixed = table.select(list(reversed(table.schema.names))).append_column("extra", pa.array(["text"] * 200))
    found = conform(mixed.combine_chunks().to_batches()[0], "x")
    assert found.schema.equals(SCHEMA)


def test_the_fingerprint_follows_contents_and_not_places(tmp_path, table):
    folders = [write_kaggle(table, tmp_path / name) for name in "ab"]
    before = fingerprint(folders[0])
    assert before == fingerprint(folders[1]) == fingerprint(folders[0])
    meta = pq.read_table(folders[0] / "train_meta.parquet")
    turned = meta.set_column(4, "azimuth", pa.compute.negate(meta["azimuth"]))
    pq.write_table(turned, folders[0] / "train_meta.parquet")
    assert fingerprint(folders[0]) != before
    batch = Path("train") / "batch_1.parquet"
    changed, same = (open_source(folder / batch).fingerprint() for folder in folders)
    assert changed != same, "the meta table of a lone batch file counts too"


def test_kaggle_sensor_tables_of_another_detector_are_refused(tmp_path, table, detector):
    folder = write_kaggle(table, tmp_path)
    rows = [f"{i},{x},{y},{z}" for i, (x, y, z) in enumerate(detector.position_m.tolist())]
    geometry = folder / "sensor_geometry.csv"
    geometry.write_text("\n".join(["sensor_id,x,y,z", *rows]))
    assert read(folder).num_rows == 200
    geometry.write_text("\n".join(["sensor_id,x,y,z", *rows[:100], "100,0,0,0", *rows[101:]]))
    with pytest.raises(
        IcerecoError, match=r"sensor_geometry.csv:102: sensor_id 100 is at .* not its position in icecube86"
    ):
        read(folder)


@pytest.mark.parametrize(
    "place", ["train_meta/batch_{}.parquet", "train_meta_{}.parquet", "train_meta/train_meta_{}.parquet"]
)
def test_kaggle_meta_may_be_split_by_batch(tmp_path, place):
    tables = {number: random_events(np.full(5, 4), seed=number) for number in (1, 2)}
    for number, events in tables.items():
        write_kaggle(events, tmp_path, batch_id=number)
    meta = pq.read_table(tmp_path / "train_meta.parquet")
    (tmp_path / "train_meta.parquet").unlink()
    for number in tables:
        path = tmp_path / place.format(number)
        path.parent.mkdir(exist_ok=True)
        pq.write_table(meta.filter(pa.compute.equal(meta["batch_id"], number)), path)
    assert open_source(tmp_path).count() == 10
    found = read(tmp_path)
    assert found["azimuth"].to_pylist() == [
        *tables[1]["azimuth"].to_pylist(),
        *tables[2]["azimuth"].to_pylist(),
    ]


def test_kaggle_test_events_are_read_when_asked_for(tmp_path, table):
    folder = write_kaggle(table, tmp_path)
    (folder / "test").mkdir()
    pulses = pq.read_table(folder / "train" / "batch_1.parquet").slice(0, 4)
    pq.write_table(pulses, folder / "test" / "batch_661.parquet")
    event_ids, first = np.unique(pulses["event_id"].to_numpy(), return_index=True)
    ends = np.append(first[1:], 4)
    meta = {
        "batch_id": [661] * len(first),
        "event_id": event_ids,
        "first_pulse_index": first,
        "last_pulse_index": ends - 1,
    }
    pq.write_table(pa.table(meta), folder / "test_meta.parquet")
    assert open_source(folder).count() == 200
    test = open_source(folder, "kaggle:part=test")
    assert test.count() == len(first)
    (batch,) = test.batches(load_detector("icecube86"))
    assert batch.column("event_id").to_pylist() == event_ids.tolist()
    assert "azimuth" not in batch.schema.names
    assert test.fingerprint() != open_source(folder).fingerprint()


def changed_meta(folder: Path, change) -> Path:
    meta = folder / "train_meta.parquet"
    pq.write_table(change(pq.read_table(meta)), meta)
    return folder


def test_a_kaggle_meta_whose_angles_have_other_names_is_reported_once(tmp_path, table, caplog):
    folder = changed_meta(
        write_kaggle(table, tmp_path), lambda meta: meta.rename_columns({"azimuth": "azi", "zenith": "zen"})
    )
    source = open_source(folder)
    for _ in range(2):
        assert sum(batch.num_rows for batch in source.batches(load_detector("icecube86"))) == 200
    assert caplog.text.count("no true direction; further columns: azi, zen") == 1


def test_a_kaggle_batch_id_of_text_is_refused(tmp_path, table):
    folder = changed_meta(
        write_kaggle(table, tmp_path),
        lambda meta: meta.set_column(0, "batch_id", meta["batch_id"].cast(pa.string())),
    )
    with pytest.raises(IcerecoError, match="column batch_id is string and cannot become int64"):
        open_source(folder).count()


@pytest.mark.parametrize("meta", [True, False])
def test_kaggle_event_ids_may_be_a_dictionary(tmp_path, table, meta):
    file = write_kaggle(table, tmp_path) / "train" / "batch_1.parquet"
    rows = pq.read_table(file)
    place = rows.schema.get_field_index("event_id")
    pq.write_table(rows.set_column(place, "event_id", rows["event_id"].dictionary_encode()), file)
    if not meta:
        (tmp_path / "train_meta.parquet").unlink()
    events = read(tmp_path)
    assert events.num_rows == (200 if meta else 197)


def test_the_test_part_of_a_competition_folder_without_a_split_names_the_reader_of_its_test_events(
    tmp_path, table
):
    folder = write_kaggle(table, tmp_path)
    with pytest.raises(IcerecoError, match="no declared split") as error:
        DataSet(path=folder).open("test")
    assert "--reader" not in str(error.value)
    (folder / "test").mkdir()
    with pytest.raises(IcerecoError, match="--reader kaggle:part=test"):
        DataSet(path=folder).open("test")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kaggle:prat=test", "prat is not an option of the reader 'kaggle'; did you mean 'part'"),
        (
            "kaggle:part=both",
            "option part of the reader 'kaggle': Input should be 'train' or 'test', not 'both'",
        ),
        ("kaggle:test", "'test' is not an option; write NAME:KEY=VALUE"),
        ("icereco:part=test", "part is not an option of the reader 'icereco'; it has: without"),
    ],
)
def test_options_of_readers_are_checked(tmp_path, text, message):
    with pytest.raises(IcerecoError, match=message):
        open_source(tmp_path, text)


def test_a_file_that_changes_while_it_is_read_is_noticed(tmp_path, table, detector):
    path = tmp_path / "events.parquet"
    pq.write_table(table, path)
    batches = open_source(path).batches(detector, 50)
    next(batches)
    pq.write_table(table.slice(0, 100), path)
    with pytest.raises(IcerecoError, match="was changed while it was read"):
        list(batches)


def test_kaggle_batches_are_found_in_a_meta_table_of_one_row_group(tmp_path, monkeypatch, detector):
    monkeypatch.setattr("icereco_readers.kaggle_metas._ROWS_AT_ONCE", 7)
    tables = {number: random_events(np.full(5, 4), seed=number) for number in range(1, 13)}
    for number, events in tables.items():
        write_kaggle(events, tmp_path, batch_id=number)
    assert pq.read_metadata(tmp_path / "train_meta.parquet").num_row_groups == 1
    source = open_source(tmp_path)
    for number in (12, 1, 2, 11, 3):
        (part,) = (one for one in source.parts() if one.path.name == f"batch_{number}.parquet")
        (batch,) = part.batches(detector)
        assert batch.column("event_id").to_pylist() == tables[number]["event_id"].to_pylist()
        assert batch.column("zenith").to_pylist() == pytest.approx(tables[number]["zenith"].to_pylist())
