import json
import logging
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from icereco.cli import main
from icereco.data.sources.source import open_source
from icereco.data.store.prepare import growing, prepare, prepared
from icereco.data.store.store import Store, open_store
from icereco.data.store.unique_ids import require_unique
from icereco.errors import IcerecoError
from icereco.events.batch import EventBatch
from icereco.system.cache import cache_dir
from icereco.tables.assembly import event_batch
from icereco.tables.columns import is_sorted
from icereco.tables.schema import SCHEMA
from icereco.testing.random_events import random_events


@pytest.fixture
def source(tmp_path, event_table):
    pq.write_table(event_table, tmp_path / "events.parquet", row_group_size=70)
    return open_source(tmp_path / "events.parquet")


def same(first: EventBatch, second: EventBatch) -> None:
    """Bit for bit, in the same types."""
    for name, expected in arrays_of(second).items():
        stored = arrays_of(first)[name]
        assert stored.dtype == expected.dtype, name
        np.testing.assert_array_equal(stored, expected, name)


def arrays_of(batch: EventBatch) -> dict[str, np.ndarray]:
    parts = (batch, batch.truth) if batch.truth is not None else (batch,)
    columns = {f.name: getattr(part, f.name) for part in parts for f in fields(part)} | {
        **batch.pulse_extras,
        **batch.event_extras,
    }
    return {name: column for name, column in columns.items() if isinstance(column, np.ndarray)}


def test_a_store_holds_the_same_events_as_its_source(store, event_table, detector, stored_events):
    rows = np.arange(len(event_table))
    same(stored_events(store, rows), event_batch(event_table, detector))
    batch = event_batch(event_table, detector)
    assert (len(store), store.manifest.pulses, store.manifest.doms) == (
        300,
        len(batch.time_ns),
        len(batch.sensor_id),
    )


@pytest.mark.parametrize("rows", [[], [0], [299], [5, 4, 3], [3, 200], [17, 16, 15, 40, 41, 200, 1]])
def test_any_rows_come_in_the_requested_order(store, event_table, detector, rows, stored_events):
    numbers = np.array(rows, np.int64)
    expected = event_batch(event_table.take(numbers), detector)
    same(stored_events(store, numbers), expected)


@given(
    counts=st.lists(st.integers(0, 40), min_size=1, max_size=40),
    rows=st.lists(st.integers(0, 39), max_size=60),
    block_events=st.integers(1, 20),
    by_time=st.booleans(),
)
@settings(max_examples=25)
def test_batches_of_a_store_are_those_of_the_raw_table_bit_for_bit(
    make_store, detector, stored_events, counts, rows, block_events, by_time
):
    table = random_events(np.array(counts), seed=len(counts), sensors=12, by_time=by_time)
    further = pa.ListArray.from_arrays(
        table["time"].combine_chunks().offsets,
        pa.array(table["charge"].combine_chunks().values.to_numpy() * 2),
    )
    table = table.append_column("width", further).append_column("run", pa.array(np.arange(0.5, len(counts))))
    rows = np.array([row % len(counts) for row in rows], np.int64)
    store = make_store(table, block_events=block_events, blocks_per_shard=2)
    same(stored_events(store, rows), event_batch(table.take(rows), detector))


def test_unsorted_pulses_are_sorted_once_and_for_all(make_store, detector, stored_events):
    table = random_events(np.full(50, 30), seed=4, sensors=20, by_time=False)
    store = make_store(table)
    same(stored_events(store, np.arange(50)), event_batch(table, detector))
    (read,) = open_source(store.folder).batches(detector)
    assert is_sorted(read.schema)
    same(event_batch(read, detector), event_batch(table, detector))


def test_blocks_are_of_one_size_and_shards_of_so_many_blocks(store):
    assert np.diff(store.block_offsets).tolist() == [16] * 18 + [12]
    assert [shard.events for shard in store.manifest.shards] == [80, 80, 80, 60]
    assert store.geometry.place(17) == ("events-00000-00003.arrow", 2)
    assert max(file.name for file in store.folder.iterdir()) == "store.json"


def test_preparing_again_opens_what_is_there(source, detector, tmp_path):
    first = prepare(source, detector, tmp_path / "store")
    before = (first.folder / "store.json").stat().st_mtime_ns
    prepare(source, detector, tmp_path / "store")
    assert (first.folder / "store.json").stat().st_mtime_ns == before


def test_changed_data_are_prepared_again(source, detector, tmp_path, event_table):
    prepare(source, detector, tmp_path / "store")
    pq.write_table(event_table.slice(0, 50), source.path)
    assert len(prepare(open_source(source.path), detector, tmp_path / "store")) == 50


def test_progress_ends_with_all_events(source, detector, tmp_path):
    seen = []
    prepare(
        source, detector, tmp_path / "store", lambda done, total: seen.append((done, total)), block_events=100
    )
    assert seen == [(0, 300), (100, 300), (200, 300), (300, 300)]


def interrupt_after(events: int):
    def interrupt(done: int, _total: int) -> None:
        if done >= events:
            raise KeyboardInterrupt

    return interrupt


def changes(folder) -> dict[str, int]:
    return {file.name: file.stat().st_mtime_ns for file in folder.glob("*.arrow")}


def test_an_interrupted_preparation_is_not_a_store_and_continues_where_it_stopped(
    source, detector, tmp_path, event_table, stored_events
):
    folder, sizes = tmp_path / "store", {"block_events": 20, "blocks_per_shard": 2}
    with pytest.raises(KeyboardInterrupt):
        prepare(source, detector, folder, interrupt_after(200), **sizes)
    with pytest.raises(IcerecoError, match="its preparation was interrupted"):
        open_store(folder)
    before = changes(folder)
    assert len(before) == 5, "whole files only"
    damaged = folder / "events-00000-00002.arrow"
    damaged.write_bytes(b"x" * damaged.stat().st_size)
    store = prepare(source, detector, folder, **sizes)
    after = changes(folder)
    assert sorted(name for name in before if after[name] == before[name]) == sorted(before)[:2]
    same(stored_events(store, np.arange(300)), event_batch(event_table, detector))
    store.verify()
    assert sorted(entry.name for entry in folder.iterdir() if entry.suffix != ".arrow") == [
        ".lock",
        "store.json",
    ]


def split_into(files: int, table: pa.Table, folder) -> None:
    folder.mkdir()
    cuts = np.linspace(0, len(table), files + 1).astype(int)
    for number, (start, stop) in enumerate(pairwise(cuts)):
        pq.write_table(table.slice(start, stop - start), folder / f"part_{number}.parquet")


@pytest.mark.parametrize("processes", [1, 3])
def test_a_folder_is_prepared_file_by_file_by_any_number_of_processes(
    event_table, detector, tmp_path, processes, stored_events
):
    split_into(5, event_table, tmp_path / "data")
    source = open_source(tmp_path / "data")
    seen = []
    store = prepare(
        source,
        detector,
        tmp_path / "store",
        lambda done, total: seen.append((done, total)),
        processes=processes,
        block_events=16,
    )
    assert store.geometry.part_events == (60,) * 5
    assert seen[-1] == (300, 300)
    same(stored_events(store, np.arange(300)), event_batch(event_table, detector))


@pytest.mark.parametrize("processes", [1, 2])
def test_an_event_id_in_two_files_is_named_with_both(event_table, detector, tmp_path, processes):
    split_into(3, event_table, tmp_path / "data")
    table = pq.read_table(tmp_path / "data" / "part_2.parquet")
    ids = table["event_id"].to_pylist()
    repeated = event_table["event_id"][17].as_py()
    table = table.set_column(0, "event_id", pa.array([*ids[:40], repeated, *ids[41:]]))
    pq.write_table(table, tmp_path / "data" / "part_2.parquet")
    with pytest.raises(
        IcerecoError, match=rf"event_id {repeated} .*part_0.parquet \(row 17\).*part_2.parquet \(row 40\)"
    ):
        prepare(open_source(tmp_path / "data"), detector, tmp_path / "store", processes=processes)
    assert [entry.name for entry in (tmp_path / "store").iterdir()] == [".lock"]


def test_repeated_ids_are_found_in_passes_of_bounded_memory(store):
    with pytest.raises(IcerecoError, match="occurs more than once"):
        require_unique(Repeating(store.folder, store.manifest), [Path("a")], ids_at_once=50)
    require_unique(store, [Path("a")], ids_at_once=50)


class Repeating(Store):
    """A store in which the last event has the id of the first."""

    def each(self, name):
        shards = list(super().each(name))
        yield from shards[:-1]
        yield np.append(shards[-1][:-1], shards[0][0])


def test_files_with_and_without_truth_are_not_one_data_set(event_table, detector, tmp_path):
    split_into(2, event_table, tmp_path / "data")
    second = tmp_path / "data" / "part_1.parquet"
    pq.write_table(pq.read_table(second).drop_columns(["azimuth", "zenith"]), second)
    with pytest.raises(
        IcerecoError, match=r"part_1.parquet and .*part_0.parquet differ in columns \(azimuth, zenith\)"
    ):
        prepare(open_source(tmp_path / "data"), detector, tmp_path / "store")


def test_a_bad_event_in_another_process_is_named(event_table, detector, tmp_path):
    split_into(2, event_table, tmp_path / "data")
    second = pq.read_table(tmp_path / "data" / "part_1.parquet").to_pylist()
    second[5]["charge"][0] = float("nan")
    pq.write_table(pa.Table.from_pylist(second, event_table.schema), tmp_path / "data" / "part_1.parquet")
    with pytest.raises(IcerecoError, match=r"part_1.parquet: row 5, event_id \d+: charge\[0\] is nan"):
        prepare(open_source(tmp_path / "data"), detector, tmp_path / "store", processes=2)


def test_a_growing_store_gives_each_part_as_soon_as_it_is_there(
    event_table, detector, tmp_path, monkeypatch, stored_events
):
    monkeypatch.setenv("ICERECO_CACHE", str(tmp_path / "cache"))
    split_into(4, event_table, tmp_path / "data")
    source = open_source(tmp_path / "data")
    with growing(source, detector, lambda store: range(4)) as store:
        stored = stored_events(store, np.arange(300))
    same(stored, event_batch(event_table, detector))
    with growing(source, detector, lambda store: range(4)) as store:
        assert store.wait is None, "it is whole now"


def test_a_block_of_a_growing_store_is_waited_for_to_the_end_of_its_file(store):
    assert store.geometry.needed([0]) == {0: 80}
    assert store.geometry.needed([4, 5]) == {0: 160}
    assert store.geometry.needed([18]) == {0: 300}


def test_waiting_for_a_store_ends_when_it_stops_growing(event_table, detector, tmp_path, monkeypatch):
    monkeypatch.setenv("ICERECO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(
        "icereco.data.store.builder.run_tasks",
        lambda _tasks, _executor, _progress, _finished, stop, go_on: stop.wait(),
    )
    split_into(2, event_table, tmp_path / "data")
    with growing(open_source(tmp_path / "data"), detector, lambda store: range(2)) as store:
        reader = ThreadPoolExecutor(1).submit(store.blocks, [0])
        with pytest.raises(TimeoutError):
            reader.result(timeout=0.2)
    with pytest.raises(IcerecoError, match="was stopped"):
        reader.result(timeout=20)


def test_what_goes_wrong_in_a_growing_store_is_raised_where_it_is_needed(
    event_table, detector, tmp_path, monkeypatch, stored_events
):
    monkeypatch.setenv("ICERECO_CACHE", str(tmp_path / "cache"))
    split_into(2, event_table, tmp_path / "data")
    second = tmp_path / "data" / "part_1.parquet"
    pq.write_table(pq.read_table(second).drop_columns(["azimuth", "zenith"]), second)
    with (
        growing(open_source(tmp_path / "data"), detector, lambda store: range(2)) as store,
        pytest.raises(IcerecoError, match=r"part_1.parquet: truth is needed here"),
    ):
        stored_events(store, np.arange(300))


def test_a_changed_bit_is_found_by_the_checksum(source, detector, tmp_path):
    store = prepare(source, detector, tmp_path / "store")
    store.verify()
    file = store.folder / "events-00000-00000.arrow"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    open_store(store.folder)
    with pytest.raises(IcerecoError, match="damaged: its checksum"):
        store.verify()


@pytest.mark.parametrize("block", [0, 3])
def test_a_flipped_bit_is_noticed_when_its_block_is_first_used(source, detector, tmp_path, block):
    store = prepare(source, detector, tmp_path / "store", block_events=64, blocks_per_shard=2)
    name, index = store.geometry.place(block)
    path, shard = store.folder / name, next(one for one in store.manifest.shards if one.file == name)
    content = bytearray(path.read_bytes())
    content[shard.pieces[index][0] - 40] ^= 1
    path.write_bytes(content)
    opened = open_store(store.folder)
    opened.blocks([one for one in range(len(store.block_offsets) - 1) if one != block])
    with pytest.raises(IcerecoError, match="damaged: its checksum differs"):
        opened.blocks([block])


def test_a_store_without_checksums_of_blocks_is_read(source, detector, tmp_path):
    """As earlier versions made them."""
    store = prepare(source, detector, tmp_path / "store")
    manifest = json.loads((store.folder / "store.json").read_text())
    for shard in manifest["shards"]:
        del shard["pieces"]
    (store.folder / "store.json").write_text(json.dumps(manifest))
    assert open_store(store.folder).blocks([0])[0].equals(store.blocks([0])[0])


def test_too_many_open_files_are_not_taken_for_damage(source, detector, tmp_path, monkeypatch):
    store = prepare(source, detector, tmp_path / "store")

    def refuse(_path):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(pa, "memory_map", refuse)
    with pytest.raises(IcerecoError, match="allow more open files: ulimit -n"):
        store.blocks([0])


def test_a_folder_without_manifest_is_not_a_store_and_is_prepared_again(source, detector, tmp_path):
    folder = prepare(source, detector, tmp_path / "store").folder
    (folder / "store.json").unlink()
    with pytest.raises(IcerecoError, match=r"no store.json.*interrupted.*prepared again"):
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


def test_an_unwritable_folder_gives_one_message(source, detector, tmp_path):
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
    first = next(source.batches(detector))
    same(event_batch(first, detector), event_batch(event_table.slice(0, len(first)), detector))


def test_a_stored_dom_without_its_pulses_is_refused(store, detector, tmp_path):
    block = store.blocks([0])[0]
    counts = [[count + 1 for count in event] for event in block.column("dom_pulses").to_pylist()]
    index = block.schema.names.index("dom_pulses")
    feather.write_feather(
        pa.Table.from_batches(
            [block.set_column(index, block.schema.field(index), pa.array(counts, pa.list_(pa.int32())))]
        ),
        tmp_path / "events.feather",
    )
    with pytest.raises(IcerecoError, match="do not have as many pulses as the event"):
        list(open_source(tmp_path / "events.feather").batches(detector))


@pytest.fixture
def older_store(source, detector, tmp_path, event_table):
    """A store as icereco 0.1.0 wrote it: a sensor_id for each pulse, and counts."""
    folder = prepare(source, detector, tmp_path / "older", block_events=100).folder
    (shard,) = folder.glob("*.arrow")
    counts = {name: pa.array(np.arange(300), pa.int32()) for name in ("pulse_count", "dom_count")}
    table = event_table.select(SCHEMA.names)
    for name, column in counts.items():
        table = table.append_column(name, column)
    with pa.ipc.new_file(str(shard), table.schema) as writer:
        writer.write_table(table, max_chunksize=100)
    manifest = json.loads((folder / "store.json").read_text())
    manifest["shards"][0] |= {"bytes": shard.stat().st_size}
    (folder / "store.json").write_text(json.dumps(manifest | {"format_version": 2}))
    return folder


def test_a_store_of_an_older_format_is_prepared_again_with_one_message(
    older_store, source, detector, caplog, event_table, stored_events
):
    with caplog.at_level(logging.INFO, "icereco"):
        store = prepare(source, detector, older_store, block_events=100)
        prepare(source, detector, older_store, block_events=100)
    assert [r.getMessage() for r in caplog.records if r.name.startswith("icereco.data")] == [
        f"{older_store} is a store of format 2; its events are prepared again in format 3"
    ]
    same(stored_events(store, range(300)), event_batch(event_table, detector))


@pytest.mark.parametrize("way", ["prepared", "growing"])
def test_an_older_store_given_as_data_is_prepared_again_in_the_cache(
    older_store, detector, tmp_path, monkeypatch, caplog, event_table, stored_events, way
):
    monkeypatch.setenv("ICERECO_CACHE", str(tmp_path / "cache"))
    source = open_source(older_store)
    with caplog.at_level(logging.INFO, "icereco"):
        if way == "prepared":
            batch = stored_events(prepared(source, detector), range(300))
        else:
            with growing(source, detector, lambda store: [0]) as store:
                batch = stored_events(store, range(300))
    same(batch, event_batch(event_table, detector))
    assert [r.getMessage() for r in caplog.records if r.name.startswith("icereco.data")] == [
        f"{older_store} is a store of format 2; its events are prepared again in format 3"
    ]
    assert batch.event_extras == {}
    assert json.loads((older_store / "store.json").read_text())["format_version"] == 2, "left as it was"


def test_a_store_of_a_newer_format_says_what_to_give_instead(store, detector, tmp_path):
    folder = shutil.copytree(store.folder, tmp_path / "newer")
    manifest = json.loads((folder / "store.json").read_text())
    (folder / "store.json").write_text(json.dumps(manifest | {"format_version": 99}))
    with pytest.raises(IcerecoError, match=rf"format icereco-store 99.*give {manifest['source']} as data"):
        prepared(open_source(folder), detector)


def test_an_event_of_178250_pulses_is_stored_whole(make_store, detector, stored_events):
    store = make_store(random_events(np.array([5, 178_250, 0, 7])))
    batch = stored_events(store, np.array([1]))
    assert batch.pulse_count.tolist() == [178_250]


def test_the_command_prepares_once_and_verifies(source, tmp_path, monkeypatch):
    monkeypatch.setenv("ICERECO_CACHE", str(tmp_path / "cache"))
    first, second = (CliRunner().invoke(main, ["data", "prepare", str(source.path)]) for _ in range(2))
    assert first.exit_code == second.exit_code == 0, first.output
    assert "300 events" in first.output
    (shard,) = (tmp_path / "cache").rglob("events-*.arrow")
    verified = CliRunner().invoke(main, ["data", "prepare", str(source.path), "--verify"])
    assert "all 1 files are as they were written" in verified.output
    content = bytearray(shard.read_bytes())
    content[200] ^= 1
    shard.write_bytes(content)
    verified = CliRunner().invoke(main, ["data", "prepare", str(source.path), "--verify"])
    assert verified.exit_code == 2
    assert "damaged: its checksum" in verified.output
