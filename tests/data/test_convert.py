"""Converting: the same events in another layout, and an interruption costs only what was not finished."""

import json
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from icereco.cli import main
from icereco.data.sources.source import open_source
from icereco.data.write import event_stream
from icereco.data.write.convert import Conversion, convert
from icereco.errors import IcerecoError
from icereco.system.files import replacing
from icereco.testing.random_events import random_events


@pytest.fixture
def events(tmp_path, event_table):
    """A folder with three files of 100 events, times in whole ns."""
    whole = [np.rint(np.array(one)).tolist() for one in event_table["time"].to_pylist()]
    place = event_table.schema.get_field_index("time")
    table = event_table.set_column(place, "time", pa.array(whole, pa.list_(pa.float64())))
    folder = tmp_path / "events"
    folder.mkdir()
    for number in range(3):
        pq.write_table(table.slice(100 * number, 100), folder / f"part_{number}.parquet")
    return folder


def read(path: Path, detector) -> pa.Table:
    batches = [batch.replace_schema_metadata(None) for batch in open_source(path).batches(detector)]
    return pa.Table.from_batches(batches).combine_chunks()


def plain(table: pa.Table) -> list:
    return table.to_pylist()


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("layout", ["icereco", "kaggle"])
def test_the_events_are_the_same_in_any_layout(events, detector, tmp_path, layout):
    target = tmp_path / "out"
    outcome = convert(Conversion(open_source(events), detector, target, layout, events_per_file=130))
    assert (outcome.events, outcome.kept, outcome.files) == (300, 0, 3)
    source = open_source(target)
    assert source.reader_name == layout
    assert source.count() == 300
    assert plain(read(target, detector)) == plain(read(events, detector))


def test_the_folder_of_kaggle_is_whole(events, detector, tmp_path):
    convert(Conversion(open_source(events), detector, tmp_path / "out", "kaggle", events_per_file=200))
    assert files(tmp_path / "out") == [
        ".conversion.json",
        "sensor_geometry.csv",
        "train/batch_1.parquet",
        "train/batch_2.parquet",
        "train_meta.parquet",
    ]
    meta = pq.read_table(tmp_path / "out" / "train_meta.parquet").to_pydict()
    assert meta["batch_id"] == [1] * 200 + [2] * 100
    assert meta["first_pulse_index"][200] == 0
    geometry = np.loadtxt(tmp_path / "out" / "sensor_geometry.csv", delimiter=",", skiprows=1)
    np.testing.assert_allclose(geometry[:, 1:], detector.position_m, atol=0.006)


def test_events_without_truth_become_a_test_set(events, detector, tmp_path):
    bare = read(events, detector).select(["event_id", "sensor_id", "time", "charge", "auxiliary"])
    pq.write_table(bare, tmp_path / "bare.parquet")
    for layout in ("icereco", "kaggle"):
        convert(Conversion(open_source(tmp_path / "bare.parquet"), detector, tmp_path / layout, layout))
        assert plain(read(tmp_path / layout, detector)) == plain(bare)
    assert "test_meta.parquet" in files(tmp_path / "kaggle")
    assert pq.read_schema(tmp_path / "kaggle" / "test_meta.parquet").names == [
        "batch_id",
        "event_id",
        "first_pulse_index",
        "last_pulse_index",
    ]


def test_further_columns_are_kept_or_reported_as_left_out(events, detector, tmp_path):
    table = read(events, detector)
    table = table.append_column("tot", table["charge"]).append_column("fit_azimuth", table["azimuth"])
    pq.write_table(table, tmp_path / "more.parquet")
    source = open_source(tmp_path / "more.parquet")
    convert(Conversion(source, detector, tmp_path / "own"))
    assert {"tot", "fit_azimuth"} <= set(read(tmp_path / "own", detector).column_names)
    outcome = convert(Conversion(source, detector, tmp_path / "kaggle", "kaggle"))
    assert set(outcome.left_out) == {"tot", "fit_azimuth"}


class InterruptedHereError(Exception):
    pass


@pytest.mark.parametrize("layout", ["icereco", "kaggle"])
@pytest.mark.parametrize("after", [0, 60, 110, 250])
def test_an_interrupted_conversion_continues(events, detector, tmp_path, layout, after, monkeypatch):
    monkeypatch.setattr(event_stream, "ROWS", 16)
    conversion = Conversion(open_source(events), detector, tmp_path / "out", layout, events_per_file=50)
    done = 0

    def interrupt(count: int) -> None:
        nonlocal done
        done += count
        if done > after:
            raise InterruptedHereError

    with pytest.raises(InterruptedHereError):
        convert(conversion, interrupt)
    assert not [name for name in files(tmp_path / "out") if name.endswith(".partial")]
    before = {
        name: (tmp_path / "out" / name).stat().st_mtime_ns
        for name in files(tmp_path / "out")
        if name.endswith(".parquet") and ".meta" not in name
    }
    assert len(before) == after // 50
    outcome = convert(conversion)
    assert (outcome.events, outcome.kept) == (300, 50 * (after // 50))
    for name, written in before.items():
        assert (tmp_path / "out" / name).stat().st_mtime_ns == written
    assert plain(read(tmp_path / "out", detector)) == plain(read(events, detector))
    again = convert(conversion)
    assert (again.events, again.kept, again.files) == (300, 300, 6)


def test_files_that_are_done_are_not_read_again(events, detector, tmp_path, monkeypatch):
    conversion = Conversion(open_source(events), detector, tmp_path / "out", events_per_file=100)

    def stop(count: int) -> None:
        raise InterruptedHereError

    written: list[int] = []

    def after_two(count: int) -> None:
        written.append(count)
        if len(written) > 3:
            stop(count)

    with pytest.raises(InterruptedHereError):
        convert(conversion, after_two)
    reader = type(conversion.source.reader)
    opened: list[str] = []
    original = reader.read

    def noting(self, path, *arguments, **more):
        opened.append(path.name)
        return original(self, path, *arguments, **more)

    monkeypatch.setattr(reader, "read", noting)
    convert(conversion)
    assert opened == ["part_2.parquet"]


def test_a_repeated_id_is_found_across_an_interruption(events, detector, tmp_path):
    table = pq.read_table(events / "part_0.parquet")
    pq.write_table(table.slice(0, 3), events / "part_9.parquet")
    conversion = Conversion(open_source(events), detector, tmp_path / "out", events_per_file=100)
    calls: list[int] = []

    def interrupt(count: int) -> None:
        calls.append(count)
        if len(calls) > 3:
            raise InterruptedHereError

    with pytest.raises(InterruptedHereError):
        convert(conversion, interrupt)
    with pytest.raises(IcerecoError, match=r"part_9\.parquet: row 0, .*occurs more than once"):
        convert(conversion)


def test_existing_files_are_never_overwritten(events, detector, tmp_path):
    source = open_source(events)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    with pytest.raises(IcerecoError, match="holds something else"):
        convert(Conversion(source, detector, tmp_path / "mine"))
    (tmp_path / "one.parquet").write_text("keep")
    with pytest.raises(IcerecoError, match="already exists"):
        convert(Conversion(source, detector, tmp_path / "one.parquet"))
    convert(Conversion(source, detector, tmp_path / "out"))
    with pytest.raises(IcerecoError, match=r"holds another conversion \(of another layout\)"):
        convert(Conversion(source, detector, tmp_path / "out", "kaggle"))
    assert (tmp_path / "mine" / "notes.txt").read_text() == "keep"
    (tmp_path / "out" / ".conversion.json").write_text("{")
    with pytest.raises(IcerecoError, match=r"\.conversion\.json: damaged; remove"):
        convert(Conversion(source, detector, tmp_path / "out"))


def test_a_bad_event_leaves_no_incomplete_file(events, detector, tmp_path):
    table = pq.read_table(events / "part_2.parquet").to_pylist()
    table[50]["charge"] = [float("nan") for _ in table[50]["charge"]]
    pq.write_table(
        pa.Table.from_pylist(table, pq.read_schema(events / "part_2.parquet")), events / "part_2.parquet"
    )
    for target in ("out", "one.parquet"):
        with pytest.raises(IcerecoError, match=r"part_2\.parquet: row 50, .*charge\[0\] is nan"):
            convert(Conversion(open_source(events), detector, tmp_path / target, events_per_file=100))
    assert files(tmp_path / "out") == [".conversion.json", "events-00000.parquet", "events-00001.parquet"]
    assert not (tmp_path / "one.parquet").exists()


def test_sensor_ids_that_kaggle_has_no_room_for_are_refused(events, detector, tmp_path):
    columns = {field.name: getattr(detector, field.name) for field in fields(detector)}
    of_many = {
        name: np.resize(column, (40_000, *column.shape[1:]))
        for name, column in columns.items()
        if isinstance(column, np.ndarray)
    }
    many = replace(detector, **of_many)
    with pytest.raises(
        IcerecoError, match="room for sensor ids up to 32,767, and icecube86 goes up to 39,999"
    ):
        convert(Conversion(open_source(events), many, tmp_path / "out", "kaggle"))
    assert not (tmp_path / "out").exists()
    with pytest.raises(IcerecoError, match="is a folder"):
        convert(Conversion(open_source(events), detector, tmp_path / "x.parquet", "kaggle"))


def test_the_command_converts_a_named_data_set_and_says_what_next(events, tmp_path):
    def run(*arguments):
        result = CliRunner(catch_exceptions=False).invoke(main, list(map(str, arguments)))
        assert result.exit_code == 0, result.output
        return result.stdout

    run("data", "add", "ice", events)
    assert "300 events" in run("data", "convert", "ice", tmp_path / "one.parquet")
    document = json.loads(run("data", "convert", "ice", tmp_path / "out", "--layout", "kaggle", "--json"))
    assert (document["events"], document["files"]) == (300, 1)
    again = run("data", "convert", "ice", tmp_path / "out", "--layout", "kaggle")
    assert "300 events were converted before" in again
    assert "icereco data show" in again


@pytest.mark.parametrize("name", ["events.arrow", "events.feather", "events.db"])
def test_a_name_of_another_format_is_refused(events, tmp_path, name):
    result = CliRunner().invoke(main, ["data", "convert", str(events), str(tmp_path / name)])
    assert result.exit_code != 0
    assert "a name that ends in .parquet" in result.stderr
    assert not (tmp_path / name).exists()


def test_a_conversion_leaves_the_unfinished_file_of_another_that_is_at_work_alone(tmp_path, detector):
    pq.write_table(random_events(np.full(20, 9), seed=3), tmp_path / "events.parquet")
    conversion = Conversion(open_source(tmp_path / "events.parquet"), detector, tmp_path / "converted")
    convert(conversion)
    (tmp_path / "converted" / ".conversion.json").write_text(
        (tmp_path / "converted" / ".conversion.json").read_text().partition('"finished"')[0]
        + '"finished": null}'
    )
    with replacing(tmp_path / "converted" / "events-00001.parquet") as other:
        left = other.with_name(".events-00002.parquet.0123.partial")
        left.touch()
        convert(conversion)
        assert other.is_file()
        assert not left.exists()
