"""A declared split is always the same, and no event is in two of its parts."""

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from icereco.cli import main
from icereco.data.catalog import DataSet, add
from icereco.data.sources.source import open_source
from icereco.data.split.rule import PARTS, SplitRule
from icereco.data.store import split_by_rule as declared
from icereco.data.store.prepare import prepare
from icereco.data.store.split_by_rule import declared_split
from icereco.errors import IcerecoError
from icereco.profiles import load_profile
from icereco.training.data_choice import DataChoice
from icereco.training.datasets import gather

RULES = st.tuples(st.floats(0, 0.5), st.floats(0, 0.45), st.integers(0, 2**63)).map(
    lambda given: SplitRule(validation=given[0], test=given[1], seed=given[2])
)
IDS = st.lists(st.integers(-(2**63), 2**63 - 1), max_size=200).map(lambda ids: np.array(ids, np.int64))


@given(RULES, IDS)
def test_the_part_of_an_id_does_not_depend_on_other_events(rule, ids):
    parts = rule.parts_of_events(ids)
    assert set(parts.tolist()) <= {0, 1, 2}
    alone = [rule.parts_of_events(ids[i : i + 1])[0] for i in range(len(ids))]
    assert parts.tolist() == alone
    order = np.random.default_rng(0).permutation(len(ids))
    np.testing.assert_array_equal(rule.parts_of_events(ids[order]), parts[order])


@given(RULES)
def test_the_bands_of_the_parts_cover_every_hash_once(rule):
    bands = sorted(rule.bands().values())
    assert bands[0][0] == 0
    assert bands[-1][1] == 2**64 - 1
    assert all(before[1] + 1 == after[0] for before, after in pairwise(bands))


def test_the_parts_have_the_declared_shares():
    parts = SplitRule(validation=0.1, test=0.25, seed=3).parts_of_events(np.arange(100_000))
    shares = np.bincount(parts, minlength=3) / len(parts)
    np.testing.assert_allclose(shares, [0.65, 0.1, 0.25], atol=0.005)


def test_the_split_of_ids_is_the_same_for_ever():
    """Written down, as a data set that is split again by another version leaks."""
    parts = SplitRule(validation=0.25, test=0.25, seed=1).parts_of_events(np.arange(24))
    assert "".join(str(part) for part in parts) == "200000121102101022000100"


@given(st.integers(2, 40), st.integers(0, 100))
def test_a_file_is_in_one_part_by_its_name_wherever_it_is(count, seed):
    rule = SplitRule(by="file", validation=0.3, test=0.3, seed=seed)
    names = [f"batch_{number}.parquet" for number in range(count)]
    parts = rule.parts_of_files(names)
    assert rule.parts_of_files([f"train/{name}" for name in names]) == parts
    assert rule.parts_of_files(names[::-1]) == parts[::-1]


@pytest.fixture
def folder(tmp_path, event_table):
    folder = tmp_path / "events"
    folder.mkdir()
    for number in range(4):
        pq.write_table(event_table.slice(75 * number, 75), folder / f"part_{number}.parquet")
    return folder


BY_EVENT = SplitRule(validation=0.2, test=0.3)
BY_FILE = SplitRule(by="file", validation=("part_1*",), test=("part_[03]*",))


def ids_of(store, rows):
    ids = store.column("event_id")
    return set(ids[rows.within(ids, 0)].tolist())


@pytest.mark.parametrize("exact", [True, False], ids=["ids read", "ids not read"])
@pytest.mark.parametrize("rule", [BY_EVENT, BY_FILE], ids=["event", "file"])
def test_training_sees_no_event_of_another_part(folder, detector, rule, exact, monkeypatch, tmp_path):
    if not exact:
        monkeypatch.setattr(declared, "EXACT_EVENTS", 0)
    source = open_source(folder)
    store = prepare(source, detector, tmp_path / "store", block_events=16, blocks_per_shard=2)
    split = declared_split(store, rule, source.part_names(), validation_count=10**6)
    train, validation = ids_of(store, split.train), ids_of(store, split.validation)
    assert not train & validation
    assert not ids_of(store, split.calibration)
    fewer = declared_split(store, rule, source.part_names(), validation_count=10, calibration_count=5)
    parts = [ids_of(store, rows) for rows in (fewer.train, fewer.validation, fewer.calibration)]
    assert parts[0] == train
    assert parts[1] | parts[2] <= validation
    assert not parts[1] & parts[2]
    assert parts[2]
    test = set(store.column("event_id").tolist()) - train - validation
    ids = store.column("event_id")
    if rule.by == "event":
        parts = rule.parts_of_events(ids)
    else:
        parts = np.repeat([PARTS.index(part) for part in rule.parts_of_files(source.part_names())], 75)
    for number, selected in enumerate((train, validation, test)):
        assert selected == set(ids[parts == number].tolist())
    if exact:
        assert (len(split.train), len(split.validation)) == (len(train), len(validation))
    # Block by block, as a stream looks for them, they are the same.
    offsets = store.block_offsets
    for rows, whole in ((split.train, train), (split.validation, validation)):
        piecewise: set[int] = set()
        for block in rows.blocks(offsets):
            start, stop = offsets[block], offsets[block + 1]
            piecewise |= set(ids[start:stop][rows.within(ids[start:stop], int(start))].tolist())
        assert piecewise == whole


@pytest.mark.parametrize("rule", [BY_EVENT, BY_FILE], ids=["event", "file"])
def test_fewer_events_are_a_part_of_the_part(folder, detector, rule, tmp_path):
    source = open_source(folder)
    store = prepare(source, detector, tmp_path / "store", block_events=16)
    whole = declared_split(store, rule, source.part_names(), validation_count=10**6)
    some = declared_split(store, rule, source.part_names(), validation_count=20, train_count=50)
    assert len(some.validation) == 20
    assert len(some.train) == 50
    assert ids_of(store, some.validation) < ids_of(store, whole.validation)
    assert ids_of(store, some.train) < ids_of(store, whole.train)
    assert len(ids_of(store, some.train)) == 50


@pytest.mark.parametrize("rule", [BY_EVENT, BY_FILE], ids=["event", "file"])
def test_reconstructing_the_parts_gives_every_event_once(folder, rule, tmp_path, event_table):
    add(DataSet(name="ice", path=folder, split=rule))
    seen: list[int] = []
    for part in PARTS:
        output = tmp_path / f"{part}.parquet"
        arguments = ["reconstruct", "ice", "--method", "linefit", "--part", part, "-o", str(output)]
        result = CliRunner(catch_exceptions=False).invoke(main, arguments)
        assert result.exit_code == 0, result.output
        seen += pq.read_table(output)["event_id"].to_pylist()
    assert sorted(seen) == sorted(event_table["event_id"].to_pylist())


def test_training_leaves_the_test_part_alone_and_keeps_the_rule(folder, detector, tmp_path):
    data = DataSet(name="ice", path=folder, split=BY_EVENT)
    profile = load_profile("quick")
    with gather(profile, detector, [DataChoice(data)], lambda _: lambda _done, _all: None) as material:
        used = [int(one) for batch in material.training(profile.train).epoch(0) for one in batch.event_id]
        used += [int(one) for batch in material.validation(profile.train) for one in batch.event_id]
    parts = BY_EVENT.parts_of_events(np.array(used))
    assert len(set(used)) == len(used)
    assert not (parts == PARTS.index("test")).any()
    assert material.facts["split"] == BY_EVENT.text
    (again,) = DataChoice.recorded(material.facts["data_sets"])
    assert again.data == data


def test_an_id_that_two_files_share_is_in_the_same_part_of_both_data_sets(event_table, detector, tmp_path):
    """Two data sets that overlap: what one trains on, the other never validates on, in any order and number."""
    tables = {"whole": event_table, "half": event_table.take(pa.array(np.arange(299, 149, -1)))}
    sides = {}
    for name, table in tables.items():
        pq.write_table(table, tmp_path / f"{name}.parquet")
        source = open_source(tmp_path / f"{name}.parquet")
        store = prepare(source, detector, tmp_path / name, block_events=16)
        split = declared_split(store, BY_EVENT, source.part_names(), validation_count=5)
        sides[name] = ids_of(store, split.train), ids_of(store, split.validation)
    assert sides["half"][0] < sides["whole"][0]
    assert not sides["whole"][0] & sides["half"][1]
    assert not sides["half"][0] & sides["whole"][1]


@pytest.mark.parametrize("rule", [BY_EVENT, BY_FILE], ids=["event", "file"])
def test_a_data_set_whose_files_repeat_an_id_is_never_split(folder, detector, rule, tmp_path, event_table):
    """Were it not refused, a split by file would put the event with that id into two parts."""
    pq.write_table(event_table.slice(0, 75), folder / "part_9.parquet")
    with pytest.raises(IcerecoError, match=r"occurs more than once.*part_"):
        prepare(open_source(folder), detector, tmp_path / "store")


def test_a_split_that_leaves_a_part_empty_is_refused(folder, detector, tmp_path):
    source = open_source(folder)
    store = prepare(source, detector, tmp_path / "store")
    with pytest.raises(IcerecoError, match="leaves no events for validation of 300"):
        declared_split(store, SplitRule(validation=0.0), source.part_names(), 10)
    alone = open_source(folder / "part_0.parquet")
    store = prepare(alone, detector, tmp_path / "alone")
    with pytest.raises(IcerecoError, match="a split by file needs several files"):
        declared_split(store, SplitRule(by="file", validation=0.5), alone.part_names(), 10)


@settings(max_examples=25)
@given(st.lists(st.integers(1, 30), min_size=2, max_size=6), st.integers(1, 100))
def test_rows_of_spans_are_found_by_number_alone(sizes, count):
    ends = np.cumsum(sizes)
    spans = [(int(end - size), int(end)) for end, size in zip(ends, sizes, strict=True)][::2]
    rows = declared.HashedRows(tuple(spans), seed=1, count=sum(b - a for a, b in spans))
    ids = np.arange(ends[-1])
    first = declared._first(rows, count, None)
    expected = [row for a, b in spans for row in range(a, b)][:count]
    assert first.within(ids, 0).tolist() == expected
