# ruff: noqa: TID253 -- tests of tables
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from icereco.data.batches import event_batch
from icereco.data.gather import gather_events
from icereco.data.sources import open_source
from icereco.data.prepare import prepare, prepared
from icereco.data.store import cache_dir, open_store
from icereco.errors import IcerecoError
from icereco.testing.random_events import random_events


@pytest.fixture
def source(tmp_path, event_table):
    pq.write_table(event_table, tmp_path / "events.parquet", row_group_size=70)
    return open_source(tmp_path / "events.parquet")


def same(first, second) -> None:
    names = (
        "event_id",
        "dom_offsets",
        "sensor_id",
        "position_m",
        "pulse_offsets",
        "time_ns",
        "charge_pe",
        "auxiliary",
    )
    for name in names:
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name), name)
    np.testing.assert_array_equal(first.truth.direction, second.truth.direction)
    np.testing.assert_array_equal(first.truth.kind, second.truth.kind)


def test_a_store_holds_the_same_events_as_its_source(store, event_table, detector):
    rows = np.arange(len(event_table))
    same(gather_events(store, rows, detector), event_batch(event_table, detector))
    batch = event_batch(event_table, detector)
    assert (len(store), store.manifest.pulses, store.manifest.doms) == (
        300,
        len(batch.time_ns),
        len(batch.sensor_id),
    )
    pulses, doms = store.counts()
    np.testing.assert_array_equal(pulses, batch.pulse_count)
    np.testing.assert_array_equal(doms, batch.dom_count)


@pytest.mark.parametrize("rows", [[], [0], [299], [5, 4, 3], [3, 200], [17, 16, 15, 40, 41, 200, 1]])
def test_any_rows_come_in_the_order_asked_for(store, event_table, detector, rows):
    numbers = np.array(rows, np.int64)
    expected = event_batch(event_table.take(numbers), detector)
    same(gather_events(store, numbers, detector), expected)
    same(event_batch(store.rows(numbers), detector), expected)


def test_unsorted_pulses_are_sorted_once_and_for_all(make_store, detector):
    table = random_events(np.full(50, 30), seed=4, sensors=20, by_time=False)
    store = make_store(table)
    same(gather_events(store, np.arange(50), detector), event_batch(table, detector))
    same(
        event_batch(pa.Table.from_batches([store.block(0)]), detector, pulses_sorted=True),
        event_batch(table, detector),
    )


def test_blocks_are_of_one_size_and_shards_of_so_many_blocks(store):
    sizes = [size for shard in store.manifest.shards for size in shard.blocks]
    assert sizes == [16] * 18 + [12]
    assert [len(shard.blocks) for shard in store.manifest.shards] == [5, 5, 5, 4]
    assert max(file.name for file in store.folder.iterdir()) == "store.json"


def test_preparing_again_opens_what_is_there(source, detector, tmp_path):
    first = prepare(source, detector, tmp_path / "store")
    before = (first.folder / "store.json").stat().st_mtime_ns
    prepare(source, detector, tmp_path / "store")
    assert (first.folder / "store.json").stat().st_mtime_ns == before


def test_changed_data_are_prepared_anew(source, detector, tmp_path, event_table):
    prepare(source, detector, tmp_path / "store")
    pq.write_table(event_table.slice(0, 50), source.path)
    assert len(prepare(source, detector, tmp_path / "store")) == 50


def test_progress_ends_with_all_events(source, detector, tmp_path):
    seen = []
    prepare(
        source, detector, tmp_path / "store", lambda done, total: seen.append((done, total)), block_events=100
    )
    assert seen == [(100, 300), (200, 300), (300, 300)]


def test_an_interrupted_preparation_leaves_no_store_and_is_done_again(source, detector, tmp_path):
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(source, detector, tmp_path / "store", interrupt, block_events=100)
    assert [entry.name for entry in tmp_path.iterdir()] == ["events.parquet"]
    left = tmp_path / ".store.4194399.partial"  # of a process that was killed: larger than any pid
    left.mkdir()
    (left / "events-00000-00000.arrow").write_bytes(b"half")
    assert len(prepare(source, detector, tmp_path / "store")) == 300
    assert not left.exists()


def test_a_folder_without_manifest_is_no_store_and_is_prepared_again(source, detector, tmp_path):
    folder = prepare(source, detector, tmp_path / "store").folder
    (folder / "store.json").unlink()
    with pytest.raises(IcerecoError, match=r"no store.json.*interrupted.*prepared anew"):
        open_store(folder)
    assert len(prepare(source, detector, folder)) == 300


@pytest.mark.parametrize("damage", ["shorter", "gone", "manifest", "version"])
def test_a_damaged_store_says_what_is_wrong_and_is_prepared_again(source, detector, tmp_path, damage):
    folder = prepare(source, detector, tmp_path / "store").folder
    shard, manifest = folder / "events-00000-00000.arrow", folder / "store.json"
    if damage == "shorter":
        shard.write_bytes(shard.read_bytes()[:-10])
    elif damage == "gone":
        shard.unlink()
    elif damage == "manifest":
        manifest.write_text(manifest.read_text()[:100])
    else:
        manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"format_version": 99}))
    words = {
        "shorter": "bytes instead of",
        "gone": "events-00000-00000.arrow is missing",
        "manifest": "damaged",
        "version": "99",
    }
    with pytest.raises(IcerecoError, match=words[damage]):
        open_store(folder)
    assert len(prepare(source, detector, folder)) == 300


def test_a_folder_with_other_files_is_never_removed(source, detector, tmp_path):
    folder = tmp_path / "thesis"
    folder.mkdir()
    (folder / "chapter-1.tex").write_text("years of work")
    with pytest.raises(IcerecoError, match=r"holds other files \(chapter-1.tex\)"):
        prepare(source, detector, folder)
    assert (folder / "chapter-1.tex").read_text() == "years of work"


def test_an_unwritable_place_is_said_in_one_message(source, detector, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(IcerecoError, match=r"cannot prepare.*set ICERECO_CACHE"):
        prepare(source, detector, tmp_path / "file" / "store")


def test_prepared_data_lie_in_the_cache_and_a_store_is_used_as_it_is(source, detector, tmp_path, monkeypatch):
    monkeypatch.setenv("ICERECO_CACHE", str(tmp_path / "cache"))
    store = prepared(source, detector)
    assert store.folder.parent == tmp_path / "cache" / "stores"
    assert prepared(open_source(store.folder), detector).folder == store.folder
    assert len(list(store.folder.parent.iterdir())) == 1


def test_the_cache_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.delenv("ICERECO_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_dir() == tmp_path / "icereco"


def test_a_store_is_also_a_source(store, event_table, detector):
    source = open_source(store.folder)
    assert source.reader_name == "icereco"
    ids = [value for batch in source.batches(detector, 7) for value in batch.column("event_id").to_pylist()]
    assert ids == event_table["event_id"].to_pylist()
    assert source.count() == 300


def test_an_event_of_178250_pulses_is_stored_whole(make_store, detector):
    store = make_store(random_events(np.array([5, 178_250, 0, 7])))
    batch = gather_events(store, np.array([1]), detector)
    assert batch.pulse_count.tolist() == [178_250]
